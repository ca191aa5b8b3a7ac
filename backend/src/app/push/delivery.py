"""The statements that decide which server sends which reminder to which browser, and when.

A delivery is inserted once for a reminder and a browser, by whichever server comes first. To send it, a
server takes it for LEASE_SECONDS. A killed server's delivery is taken by another one afterwards. The wait
after a failure belongs to the browser: an address that does not respond costs one attempt at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.accounts.models import Session
from app.database import Database, Statement, again_after_conflict, utc_now
from app.push.models import PushDelivery, PushSubscription
from app.tasks.models import Task

LATEST = timedelta(hours=1)
"""How late a reminder may come. The open page uses the same limit."""
LEASE_SECONDS = 30.0
"""Longer than an attempt."""
REMINDERS_PER_HOUR = 50
"""The reminders of a user that are sent in an hour. The open page shows all."""
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=15)
MOST_FAILURES = 20
"""Failures in succession after which a browser is forgotten. Its next page subscribes again."""
_INSERT = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_ANY = Statement(select(literal(1).label("one")).where(exists().select_from(PushSubscription)))


@dataclass(frozen=True)
class Delivery:
    """A reminder to send, with the task and the browser as they are now."""

    id: int
    session_id: str
    endpoint: str
    p256dh: str
    auth: str
    failures: int
    task_id: str
    title: str
    due_at: datetime | None
    all_day: bool
    remind_at: datetime


async def any_subscription(database: Database) -> bool:
    """Return whether any browser is subscribed."""
    return bool(await database.fetch(_ANY))


async def enter(database: Database) -> None:
    """Insert the deliveries of all reminders whose time has come."""
    now = utc_now()
    subscribed = select(PushSubscription.user_id)
    turn = func.row_number().over(partition_by=Task.user_id, order_by=(Task.remind_at, Task.id))
    due = (
        select(Task.id, Task.user_id, Task.remind_at, turn.label("turn"))
        .where(Task.user_id.in_(subscribed), *_open_between(now - LATEST, now))
        .subquery()
    )
    new = (
        select(
            PushSubscription.session_id, due.c.id, due.c.remind_at, literal(now, PushDelivery.next_at.type)
        )
        .join(PushSubscription, PushSubscription.user_id == due.c.user_id)
        # Before, the page that has subscribed was open and showed it.
        .where(due.c.turn <= REMINDERS_PER_HOUR, PushSubscription.created_at <= due.c.remind_at)
    )
    columns = ["session_id", "task_id", "remind_at", "next_at"]
    insertion: Any = _INSERT[database.kind](PushDelivery)
    statement = insertion.from_select(columns, new).on_conflict_do_nothing()

    async def attempt() -> None:
        async with database.transaction() as session:
            await session.execute(statement)

    # A session may end, or a task be deleted, at the same time.
    await again_after_conflict(attempt)


async def take(database: Database, most: int) -> list[Delivery]:
    """Take deliveries whose time has come, for LEASE_SECONDS: at most one for each browser.

    Those of tasks that were completed, deleted or given another time meanwhile are never taken, and neither
    are those of ended sessions.
    """
    now = utc_now()
    unfinished = _valid(select(func.min(PushDelivery.id)), now).group_by(PushDelivery.session_id)
    statement = (
        _valid(
            select(
                PushDelivery.id,
                PushDelivery.session_id,
                PushSubscription.endpoint,
                PushSubscription.p256dh,
                PushSubscription.auth,
                PushSubscription.failures,
                PushDelivery.task_id,
                Task.title,
                Task.due_at,
                Task.all_day,
                PushDelivery.remind_at,
            ),
            now,
        )
        .where(
            PushDelivery.id.in_(unfinished),
            PushDelivery.next_at <= now,
            or_(PushSubscription.retry_at.is_(None), PushSubscription.retry_at <= now),
        )
        .order_by(PushSubscription.failures, PushDelivery.next_at)
        .limit(most)
        .with_for_update(of=PushDelivery, skip_locked=True)
    )
    async with database.transaction() as session:
        taken = [Delivery(*row) for row in await session.execute(statement)]
        if taken:
            await session.execute(
                update(PushDelivery)
                .where(PushDelivery.id.in_([delivery.id for delivery in taken]))
                .values(next_at=now + timedelta(seconds=LEASE_SECONDS))
            )
    return taken


async def finish(database: Database, delivery: Delivery) -> None:
    """Record that a reminder was sent, or that sending it again would not help."""
    async with database.transaction() as session:
        await session.execute(_of(delivery).values(next_at=None))
        if delivery.failures:
            await session.execute(_browser_of(delivery).values(failures=0, retry_at=None))


async def postpone(database: Database, delivery: Delivery, wait: timedelta | None) -> None:
    """Try again later, after a wait that grows with each failure.

    Args:
        wait: as the push service demands it, or None.
    """
    failures, now = delivery.failures + 1, utc_now()
    if failures >= MOST_FAILURES:
        await forget(database, delivery)
        return
    grown = min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY)
    async with database.transaction() as session:
        await session.execute(_of(delivery).values(next_at=now))
        retry_at = now + min(max(wait or grown, grown), LATEST)
        await session.execute(_browser_of(delivery).values(failures=failures, retry_at=retry_at))


async def forget(database: Database, delivery: Delivery) -> None:
    """Delete the subscription of a browser that no longer exists, unless it has another address by now."""
    async with database.transaction() as session:
        await session.execute(
            delete(PushSubscription).where(
                PushSubscription.session_id == delivery.session_id,
                PushSubscription.endpoint == delivery.endpoint,
            )
        )


async def next_time(database: Database, until: datetime) -> datetime:
    """Return when there is something to send, at most `until`."""
    now = utc_now()
    subscribed = select(PushSubscription.user_id)
    attempt = case(
        (PushSubscription.retry_at > PushDelivery.next_at, PushSubscription.retry_at),
        else_=PushDelivery.next_at,
    )
    statements = (
        select(func.min(Task.remind_at)).where(Task.user_id.in_(subscribed), *_open_between(now, until)),
        _valid(select(func.min(attempt)), now),
    )
    async with database.transaction(read_only=True) as session:
        found: list[datetime | None] = [await session.scalar(statement) for statement in statements]
    return min([until, *(time for time in found if time is not None)])


async def forget_past(database: Database) -> None:
    """Delete deliveries of reminders that are too old to be sent."""
    async with database.transaction() as session:
        await session.execute(delete(PushDelivery).where(PushDelivery.remind_at < utc_now() - 2 * LATEST))


def _open_between(after: datetime, until: datetime) -> Sequence[ColumnElement[bool]]:
    return Task.completed_at.is_(None), Task.remind_at > after, Task.remind_at <= until


def _valid(statement: Any, now: datetime) -> Any:
    """Restrict a statement to deliveries that are not finished and that the task and session still want."""
    return (
        statement.select_from(PushDelivery)
        .join(PushSubscription, PushSubscription.session_id == PushDelivery.session_id)
        .join(Session, Session.id == PushDelivery.session_id)
        .join(Task, Task.id == PushDelivery.task_id)
        .where(
            PushDelivery.next_at.is_not(None),
            Session.expires_at > now,
            Task.remind_at == PushDelivery.remind_at,
            *_open_between(now - LATEST, now),
        )
    )


def _of(delivery: Delivery) -> Any:
    return update(PushDelivery).where(PushDelivery.id == delivery.id)


def _browser_of(delivery: Delivery) -> Any:
    return update(PushSubscription).where(
        PushSubscription.session_id == delivery.session_id, PushSubscription.endpoint == delivery.endpoint
    )
