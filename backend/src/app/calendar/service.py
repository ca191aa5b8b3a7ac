"""The rules of calendar addresses and of the calendar's content."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from importlib import import_module

from pydantic_core import to_json
from sqlalchemy import bindparam, delete, select

from app.calendar.models import CalendarAddress
from app.database import Database, Row, Statement, again_after_conflict, new_id, utc_now
from app.errors import RefusalError
from app.preferences.models import Preferences
from app.ratelimits import Limit, RateLimiter
from app.tasks import service as tasks
from app.tasks.schemas import TaskQuery

EVENTS = 2_000
PAST = timedelta(days=366)
"""Age limit of overdue tasks in the calendar."""
_READS = Limit(calls=30, window_s=60)
_VERSION = 1
"""Part of the entity tag: raise it when the calendar of the same tasks changes."""
_FOUND = Statement(
    select(CalendarAddress.user_id, Preferences.time_zone)
    .outerjoin(Preferences, Preferences.user_id == CalendarAddress.user_id)
    .where(CalendarAddress.key_hash == bindparam("key_hash"))
)
_CREATED = Statement(
    select(CalendarAddress.created_at).where(CalendarAddress.user_id == bindparam("user_id"))
)


class CalendarNotFoundError(RefusalError):
    """The address is not, or no longer, one of a calendar."""

    status = 404
    title = "Calendar not found"
    code = "calendar_not_found"
    detail = "There is no calendar at this address. Its owner may have replaced or revoked the address."


class TooManyReadsError(RefusalError):
    """A program reads a calendar far too often."""

    status = 429
    title = "Too many requests"
    code = "too_many_requests"
    detail = "This calendar is read too often. Once in a few minutes is enough."


async def created_at(database: Database, user_id: str) -> datetime | None:
    """Return when the user's address was created; None without one."""
    rows = await database.fetch(_CREATED, {"user_id": user_id})
    return rows[0]["created_at"] if rows else None


async def create(database: Database, user_id: str) -> tuple[str, datetime]:
    """Create an address, which replaces an earlier one; return its key and the time."""
    key, now = new_id(), utc_now()

    async def attempt() -> None:
        async with database.transaction() as session:
            await session.execute(delete(CalendarAddress).where(CalendarAddress.user_id == user_id))
            session.add(CalendarAddress(user_id=user_id, key_hash=_hash(key), created_at=now))

    # Another request may create one at the same time; the last one counts.
    await again_after_conflict(attempt)
    return key, now


async def revoke(database: Database, user_id: str) -> None:
    """Delete the user's address, if there is one."""
    async with database.transaction() as session:
        await session.execute(delete(CalendarAddress).where(CalendarAddress.user_id == user_id))


async def read(
    database: Database, limiter: RateLimiter, key: str, known_tag: str
) -> tuple[str, bytes | None]:
    """Return the entity tag of a calendar, and the calendar unless its tag is the known one.

    Raises:
        CalendarNotFoundError: when no address has this key.
        TooManyReadsError: when it is read too often.
    """
    key_hash = _hash(key)
    found = await database.fetch(_FOUND, {"key_hash": key_hash})
    if not found:
        raise CalendarNotFoundError
    seconds = await limiter.retry_after(f"calendar {key_hash}", _READS)
    if seconds is not None:
        raise TooManyReadsError(retry_after_seconds=seconds)
    rows = await _dated(database, found[0]["user_id"])
    zone: str | None = found[0]["time_zone"]
    tag = f'"{hashlib.sha256(to_json([_VERSION, zone, rows])).hexdigest()[:32]}"'
    if tag in known_tag:
        return tag, None
    rendering = await asyncio.to_thread(import_module, "app.calendar.rendering")
    return tag, await asyncio.to_thread(rendering.calendar_of, rows, zone)


async def _dated(database: Database, user_id: str) -> list[Row]:
    """Return the open tasks with a date, from a year ago on."""
    query = TaskQuery(status="open", sort="due", due_after=utc_now() - PAST)
    page = await tasks.list_tasks(database, user_id, query.model_copy(update={"limit": EVENTS}))
    return page.items


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
