"""Insights count in the person's zone, on days when the clocks change too."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from app.insights.service import insights_of
from app.tasks.models import Task, TaskTag
from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def store(app: FastAPI, person: Person, *rows: dict[str, Any]) -> None:
    async with app.state.database.transaction() as session:
        for row in rows:
            tags = [TaskTag(name=name, position=0) for name in row.pop("tags", [])]
            values = {"title": "A", "description": "", "title_key": "a", "search_text": "a", **row}
            session.add(Task(user_id=person.user.id, created_at=LONG_AGO, tag_rows=tags, **values))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_days_and_hours_are_those_of_the_zone(app: FastAPI, signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    # Berlin's clocks go back on 25 October 2026 at 01:00 UTC: the day has 25 hours.
    done = [
        "2026-10-24 21:59",
        "2026-10-24 22:00",
        "2026-10-25 00:30",
        "2026-10-25 01:30",
        "2026-10-25 23:00",
    ]
    await store(app, ada, *({"completed_at": utc(at)} for at in done))
    await store(app, bob, {"completed_at": utc("2026-10-25 12:00")})
    found = await insights_of(
        app.state.database, ada.user.id, ZoneInfo("Europe/Berlin"), utc("2026-10-26 12:00")
    )
    by_day = {day.day: day.done for day in found.days}
    assert len(by_day) == 30
    assert {day: by_day[day] for day in by_day if by_day[day]} == {
        date(2026, 10, 24): 1,
        date(2026, 10, 25): 3,
        date(2026, 10, 26): 1,
    }
    # 02:30 occurs twice.
    assert {hour: count for hour, count in enumerate(found.hours) if count} == {23: 1, 0: 2, 2: 2}
    kathmandu = await insights_of(
        app.state.database, ada.user.id, ZoneInfo("Asia/Kathmandu"), utc("2026-10-26 12:00")
    )
    assert kathmandu.hours[3] == 2, "21:59 and 22:00 UTC are 03:44 and 03:45"


async def test_overdue_is_counted_at_the_end_of_each_day(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await store(
        app,
        ada,
        {"due_at": utc("2026-11-20 10:00"), "completed_at": utc("2026-11-22 10:00")},
        # The whole of 24 November.
        {"due_at": utc("2026-11-23 23:00"), "all_day": True},
        {"due_at": utc("2026-12-30 10:00")},
        {"completed_at": utc("2026-11-25 10:00")},
    )
    found = await insights_of(
        app.state.database, ada.user.id, ZoneInfo("Europe/Berlin"), utc("2026-11-27 10:00")
    )
    by_day = {day.day.day: day.overdue for day in found.days if day.day >= date(2026, 11, 19)}
    assert by_day == {19: 0, 20: 1, 21: 1, 22: 0, 23: 0, 24: 0, 25: 1, 26: 1, 27: 1}


async def test_tags_are_ranked_and_the_endpoint_uses_the_stored_zone(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    empty = (await ada.get("/api/insights")).json()
    assert (empty["time_zone"], sum(empty["hours"]), empty["tags"]) == ("UTC", 0, [])
    now = datetime.now(UTC)
    await store(
        app,
        ada,
        *({"completed_at": now, "tags": ["home"]} for _ in range(2)),
        {"tags": ["home"]},
        {"tags": ["work"]},
        {"completed_at": LONG_AGO, "tags": ["old"]},
    )
    await ada.patch("/api/preferences", json={"time_zone": "Asia/Tokyo"})
    found = (await ada.get("/api/insights")).json()
    assert found["time_zone"] == "Asia/Tokyo"
    assert found["tags"] == [{"name": "home", "done": 2, "open": 1}, {"name": "work", "done": 0, "open": 1}]
    assert sum(day["done"] for day in found["days"]) == sum(found["hours"]) == 2
    assert found["days"][-1]["day"] == now.astimezone(ZoneInfo("Asia/Tokyo")).date().isoformat()
