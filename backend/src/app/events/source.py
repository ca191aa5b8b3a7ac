"""Sources of events: notifications of PostgreSQL, or else the table of events.

Both yield an empty list once nothing more can be missed, and then the events as they come.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, select

from app.database import Database, Statement, utc_now
from app.database.connection import TRANSACTION_TIMEOUT_S
from app.events.models import StoredEvent

CHANNEL = "event"
POLL_SECONDS = 0.5
MOST_READ = 10_000
"""The events of a read. More are reported as a change of everything."""
KEPT = timedelta(minutes=10)

_NEWEST = Statement(select(func.coalesce(func.max(StoredEvent.id), 0).label("id")))
_LATER = Statement(
    select(StoredEvent.id, StoredEvent.user_id, StoredEvent.kind, StoredEvent.subject, StoredEvent.at)
    .where(StoredEvent.id > bindparam("after"))
    .order_by(StoredEvent.id.desc())
    .limit(MOST_READ)
)


class Event(NamedTuple):
    """A change of a user's data."""

    user_id: str
    kind: str
    subject: str | None
    at: datetime


async def notified(database: Database) -> AsyncGenerator[list[Event], None]:
    """Listen to PostgreSQL.

    Raises:
        CannotListenError: when the database cannot notify this server.
    """
    async with aclosing(database.notifications(CHANNEL)) as payloads:
        async for payload in payloads:
            if payload is None:
                yield []
                continue
            values = json.loads(payload)
            yield [Event(**{**values, "at": datetime.fromisoformat(values["at"])})]


async def polled(database: Database) -> AsyncGenerator[list[Event], None]:
    """Read the table twice a second. Rows become visible in the order of their commits, not of their ids."""
    [newest] = await database.fetch(_NEWEST)
    seen: dict[int, float] = {}
    # Transactions that have begun before may still commit lower ids.
    after = max(0, newest["id"] - MOST_READ // 10) if database.kind == "postgresql" else newest["id"]
    first = True
    while True:
        rows = await database.fetch(_LATER, {"after": after})
        now = time.monotonic()
        new = [row for row in rows if row["id"] not in seen]
        seen |= {row["id"]: now for row in new}
        past = [number for number, since in seen.items() if now - since > TRANSACTION_TIMEOUT_S]
        after = max([after, *past])
        for number in past:
            del seen[number]
        if first or len(rows) == MOST_READ:
            yield []
        elif new:
            yield [Event(row["user_id"], row["kind"], row["subject"], row["at"]) for row in reversed(new)]
        first = False
        await asyncio.sleep(POLL_SECONDS)


async def forget_past(database: Database) -> None:
    """Delete the events that every server has read."""
    async with database.transaction() as session:
        await session.execute(delete(StoredEvent).where(StoredEvent.at < utc_now() - KEPT))
