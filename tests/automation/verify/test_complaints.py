"""Complaints of Helm about values, recorded from versions 3.17 and 3.22."""

import pytest

from automation.verify.gather.complaints import says

RECORDED = """Error: values don't meet the specifications of the schema(s) in the following chart(s):
todo-chatbot-chart:
- (root): Additional property unknown is not allowed
- frontend.image.tag: Invalid type. Expected: string, given: array
- config.LOG_LEVEL: config.LOG_LEVEL must be one of the following: "debug", "info"
- ingress: host is required
"""
LATER = """Error: values don't meet the specifications of the schema(s) in the following chart(s):
todo-chatbot-chart:
- at '/frontend': 'allOf' failed
  - at '/frontend/image/tag': got array, want string
- at '/config/LOG_LEVEL': value must be one of 'debug', 'info'
- at '/ingress': missing property 'host'
- at '': additional properties 'another', 'unknown' not allowed
"""


@pytest.mark.parametrize("error", [RECORDED, LATER], ids=["3.17", "3.22"])
@pytest.mark.parametrize(
    "line",
    [
        "(root): Additional property unknown is not allowed",
        "frontend.image.tag: Invalid type. Expected: string, given: array",
        'config.LOG_LEVEL: config.LOG_LEVEL must be one of the following: "debug", "info"',
        "ingress: host is required",
    ],
)
def test_each_version_says_the_same(error: str, line: str) -> None:
    assert says(error, line)


@pytest.mark.parametrize("error", [RECORDED, LATER], ids=["3.17", "3.22"])
@pytest.mark.parametrize(
    "line",
    [
        "(root): Additional property other is not allowed",
        "frontend.image.repository: Invalid type. Expected: string, given: array",
        "ingress: path is required",
        "maxSurge and maxUnavailable are both 0, so no pod could be replaced",
    ],
)
def test_what_was_not_said_is_missed(error: str, line: str) -> None:
    assert not says(error, line)


def test_the_version_of_the_recording_is_compared_word_for_word() -> None:
    assert not says(RECORDED, "config.LOG_LEVEL: Invalid type. Expected: string, given: array")
