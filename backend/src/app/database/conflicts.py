"""Transactions that store something at the same time as another request."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

_ATTEMPTS = 3
Result = TypeVar("Result")


async def again_after_conflict(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Run an attempt, again if another request stored the same first, and return its result.

    Raises:
        IntegrityError: when it fails every time. Then it was no conflict: its user was deleted, for example.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(IntegrityError):
            return await attempt()
    return await attempt()
