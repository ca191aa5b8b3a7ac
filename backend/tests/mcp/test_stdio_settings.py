"""The settings of the tools over standard input and output."""

import pytest

from app.mcp.__main__ import local_time_zone


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Europe/Berlin", "Europe/Berlin"),
        ("CET-1CEST,M3.5.0", None),
        ("../secret", None),
        ("/etc/localtime", None),
    ],
)
def test_the_time_zone_is_a_name_that_the_server_knows_or_none(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: str | None
) -> None:
    monkeypatch.setenv("TZ", given)
    assert local_time_zone() == expected
