"""Counts of tasks over the last 30 days, in the zone of their owner.

The database counts by quarters of an hour, in which every zone has its hours and days: 30 days are at most
2,880 rows, however many tasks there are, and the days on which the clocks change come out right.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Integer, and_, case, cast, extract, func, or_, select

from app.database import Database, utc_now
from app.tasks.models import Task, TaskTag

DAYS = 30
TAGS = 10
_QUARTER_SECONDS = 900


class Day(NamedTuple):
    """A day, the tasks that were done on it and those that were overdue when it ended."""

    day: date
    done: int
    overdue: int


class Tag(NamedTuple):
    """A tag, and its tasks that were done in these days and that are open."""

    name: str
    done: int
    open: int


class Insights(NamedTuple):
    """The counts of the last days. `hours` has the tasks that were done in each hour of the day."""

    days: Sequence[Day]
    hours: Sequence[int]
    tags: Sequence[Tag]


async def insights_of(
    database: Database, user_id: str, zone: ZoneInfo, now: datetime | None = None
) -> Insights:
    """Return the counts of a user's last 30 days, of which today is the last."""
    present = now or utc_now()
    today = present.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    start = _start(days[0], zone)
    # Today has not ended: what is overdue now counts.
    ends = [min(_start(day + timedelta(days=1), zone), present) for day in days]
    mine = Task.user_id == user_id
    is_done = Task.completed_at >= start
    quarter = _quarter(database.kind)
    late = [
        func.count(case((_overdue_at(_start(day, zone), end), 1)))
        for day, end in zip(days, ends, strict=True)
    ]
    done, opened = func.count(case((is_done, 1))), func.count(case((Task.completed_at.is_(None), 1)))
    tags = (
        select(TaskTag.name, done, opened)
        .join(Task, Task.id == TaskTag.task_id)
        .where(mine, or_(is_done, Task.completed_at.is_(None)))
        .group_by(TaskTag.name)
        .order_by(done.desc(), opened.desc(), TaskTag.name)
        .limit(TAGS)
    )
    may_be_late = (mine, Task.due_at < present, or_(Task.completed_at.is_(None), is_done))
    async with database.transaction(read_only=True) as session:
        counted = (
            await session.execute(select(quarter, func.count()).where(mine, is_done).group_by(quarter))
        ).all()
        overdue = (await session.execute(select(*late).where(*may_be_late))).one()
        by_tag = (await session.execute(tags)).all()
    by_day: Counter[date] = Counter()
    by_hour: Counter[int] = Counter()
    for number, count in counted:
        local = datetime.fromtimestamp(int(number) * _QUARTER_SECONDS, UTC).astimezone(zone)
        by_day[local.date()] += count
        by_hour[local.hour] += count
    return Insights(
        days=[Day(day, by_day[day], int(count)) for day, count in zip(days, overdue, strict=True)],
        hours=[by_hour[hour] for hour in range(24)],
        tags=[Tag(*row) for row in by_tag],
    )


def _start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day. On some days, the clocks skip midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _quarter(kind: str) -> ColumnElement[int]:
    """Return the number of the quarter of an hour in which a task was done, since 1970."""
    if kind == "sqlite":
        seconds = cast(func.strftime("%s", Task.completed_at), Integer)
        return seconds // _QUARTER_SECONDS
    return cast(func.floor(extract("epoch", Task.completed_at) / _QUARTER_SECONDS), BigInteger)


def _overdue_at(day_start: datetime, end: datetime) -> ColumnElement[bool]:
    """Return the condition that a task was overdue on a day. One without a time is late the day after."""
    is_late = or_(
        and_(Task.all_day.is_(True), Task.due_at < day_start),
        and_(Task.all_day.is_(False), Task.due_at < end),
    )
    return and_(is_late, Task.created_at <= end, or_(Task.completed_at.is_(None), Task.completed_at >= end))
