"""The frontend's packages: what is said when npm fails."""

from automation.project import frontend


def test_a_failure_of_npm_is_told_without_its_traceback() -> None:
    error = frontend.npm_failed(
        [
            "npm error code ECONNREFUSED",
            "npm error FetchError: request failed",
            "npm error     at emit (x.js:1)",
        ]
    )
    assert error.details == ("code ECONNREFUSED", "FetchError: request failed")
