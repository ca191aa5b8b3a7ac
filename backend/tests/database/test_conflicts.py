"""Two requests that store the same at once store it once; a store that can never succeed fails at once."""

import asyncio
from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import IntegrityError

from app.calendar import service as calendar
from app.database import Database, again_after_conflict
from app.preferences import service as preferences
from app.tasks import transfer

GONE = "a-user-who-was-deleted"
FILE = b'[{"title": "Buy milk"}]'


@pytest.mark.parametrize(
    "store",
    [
        lambda database: preferences.update(database, GONE, {"week_start": "sunday"}),
        lambda database: calendar.create(database, GONE),
        lambda database: transfer.import_file(
            database, GONE, FILE, "json", transfer.ImportQuery(), ZoneInfo("UTC")
        ),
    ],
    ids=["preferences", "calendar", "import"],
)
async def test_a_request_of_a_user_who_is_deleted_meanwhile_ends(
    database: Database, store: Callable[[Database], Awaitable[object]]
) -> None:
    with pytest.raises(IntegrityError):
        async with asyncio.timeout(30):
            await store(database)


async def test_an_attempt_that_meets_another_request_is_made_again() -> None:
    outcomes: list[str | Exception] = [IntegrityError("", None, Exception()), "stored"]

    async def attempt() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert await again_after_conflict(attempt) == "stored"
