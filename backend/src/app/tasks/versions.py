"""Versions of tasks, so that a change applies only to the version that its client has read (RFC 9110).

Every change advances `updated_at`. Numbering the places anew does not: it keeps the order.
"""

import re

from app.errors import RefusalError
from app.instants import iso_instant
from app.tasks.schemas import TaskOut

_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
_LIST = rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*"
PATTERN = rf"^(?:\*|{_LIST})$"
"""The valid values of If-Match."""


class TaskChangedError(RefusalError):
    """The task has another version than the client has read."""

    status = 412
    title = "Task changed"
    code = "task_changed"
    detail = "The task has changed since you read it, and this change was not made. See “current”."

    def __init__(self, current: TaskOut) -> None:
        super().__init__(fields={"current": current.model_dump(mode="json")})


class InvalidConditionError(RefusalError):
    """The header If-Match is malformed."""

    status = 400
    title = "Invalid If-Match"
    code = "invalid_if_match"
    detail = "If-Match: must be * or a list of entity tags in double quotes, such as the ETag of the task."


def tag_of(task: TaskOut) -> str:
    """Return the ETag of a task: its `updated_at` in quotes."""
    return f'"{iso_instant(task.updated_at)}"'


def parse(condition: str) -> frozenset[str] | None:
    """Return the tags in an If-Match header; None allows every version.

    Raises:
        InvalidConditionError: when the header is malformed.
    """
    if condition.strip(" \t") == "*":
        return None
    if not re.fullmatch(_LIST, condition):
        raise InvalidConditionError
    return frozenset(re.findall(_TAG, condition))


def check(task: TaskOut, expected: frozenset[str] | None) -> None:
    """Check that a task has one of the expected versions.

    Raises:
        TaskChangedError: when it has another one.
    """
    if expected is not None and tag_of(task) not in expected:
        raise TaskChangedError(task)
