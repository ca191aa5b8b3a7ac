"""Calendar programs read tasks at a secret address, in their time zone, and only what has changed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from fastapi import FastAPI
from icalendar import Calendar
from sqlalchemy import select

from app.calendar.models import CalendarAddress
from app.calendar.rendering import calendar_of
from backend.tests.browsers import Person, browser

SignIn = Callable[..., Awaitable[Person]]
BERLIN = ZoneInfo("Europe/Berlin")


async def address(person: Person) -> str:
    answer = await person.post("/api/calendar")
    assert answer.status_code == 201, answer.text
    url: str = answer.json()["url"]
    assert url.startswith("http://localhost:3000/api/calendar/feed.ics?key=")
    return url


async def read(app: FastAPI, url: str, **headers: str) -> httpx2.Response:
    """Read a calendar as another program does: without cookies and Origin."""
    async with browser(app) as program:
        program.headers = {}
        return await program.get(url, headers=headers)


def events(content: bytes) -> dict[str, Any]:
    """Return the events of a calendar by their titles; the values of their properties have many types."""
    return {str(event["summary"]): event for event in Calendar.from_ical(content).walk("VEVENT")}


async def test_a_program_reads_the_open_tasks_with_a_date(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await ada.patch("/api/preferences", json={"time_zone": "Europe/Berlin"})
    for body in (
        {
            "title": "Call; Ann, soon",
            "due_at": "2099-07-01T15:00:00Z",
            "description": "a\nb" * 60,
            "tags": ["x"],
        },
        {"title": "Whole day", "due_at": "2099-06-30T22:00:00Z", "all_day": True, "priority": "high"},
        {"title": "No date"},
        {"title": "Done", "due_at": "2099-07-01T15:00:00Z"},
        {
            "title": "Bins",
            "due_at": "2099-03-27T07:00:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=FR;UNTIL=20990501",
            "time_zone": "Europe/Berlin",
        },
    ):
        task = (await ada.post("/api/tasks", json=body)).json()
        if body["title"] == "Done":
            await ada.post(f"/api/tasks/{task['id']}/complete")
    answer = await read(app, await address(ada))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    found = events(answer.content)
    assert set(found) == {"Call; Ann, soon", "Whole day", "Bins"}
    call, day, bins = found["Call; Ann, soon"], found["Whole day"], found["Bins"]
    assert call["dtstart"].dt == datetime(2099, 7, 1, 15, tzinfo=UTC)
    assert (str(call["description"]), call["categories"].to_ical()) == ("a\nb" * 60, b"x")
    assert (day["dtstart"].dt, day["dtend"].dt) == (date(2099, 7, 1), date(2099, 7, 2))
    assert bins["dtstart"].params["TZID"] == "Europe/Berlin"
    assert bins["dtstart"].dt == datetime(2099, 3, 27, 8, tzinfo=BERLIN)
    assert bins["rrule"]["UNTIL"] == [datetime(2099, 5, 1, 21, 59, 59, tzinfo=UTC)]
    assert b"BEGIN:VTIMEZONE" in answer.content
    assert max(len(line) for line in answer.content.split(b"\r\n")) <= 75


async def test_an_unchanged_calendar_is_not_sent_again(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await ada.post("/api/tasks", json={"title": "Milk", "due_at": "2099-07-01T15:00:00Z"})
    url = await address(ada)
    tag = (await read(app, url)).headers["etag"]
    again = await read(app, url, **{"If-None-Match": f"W/{tag}"})
    assert (again.status_code, again.content) == (304, b"")
    await ada.post("/api/tasks", json={"title": "Bread", "due_at": "2099-07-01T15:00:00Z"})
    assert (await read(app, url, **{"If-None-Match": tag})).status_code == 200


async def test_only_the_latest_address_works_and_only_its_hash_is_stored(
    app: FastAPI, signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    assert (await ada.get("/api/calendar")).json() == {"created_at": None}
    first, second = await address(ada), await address(ada)
    assert (await ada.get("/api/calendar")).json()["created_at"] is not None
    async with app.state.database.transaction(read_only=True) as session:
        [stored] = (await session.scalars(select(CalendarAddress))).all()
    assert stored.key_hash not in second
    assert second.rpartition("=")[2] not in stored.key_hash
    assert (await read(app, second)).status_code == 200
    for gone in (
        first,
        "/api/calendar/feed.ics",
        "/api/calendar/feed.ics?key=%00",
        "/api/calendar/feed.ics?key=a",
    ):
        answer = await read(app, gone)
        assert (answer.status_code, answer.json()["code"]) == (404, "calendar_not_found")
    assert (await ada.delete("/api/calendar")).status_code == 204
    assert (await read(app, second)).status_code == 404


async def test_a_calendar_that_is_read_all_the_time_is_limited(app: FastAPI, signed_in: SignIn) -> None:
    url = await address(await signed_in("Ada"))
    answers = [await read(app, url) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_an_access_token_creates_no_address(signed_in: SignIn, app: FastAPI) -> None:
    ada = await signed_in("Ada")
    token = (await ada.post("/api/access-tokens", json={"name": "x", "scope": "write"})).json()["token"]
    async with browser(app) as program:
        program.headers = {"Authorization": f"Bearer {token}"}
        assert (await program.post("/api/calendar")).status_code == 403


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata", "UTC", None])
def test_a_whole_day_is_the_day_of_its_owner(zone: str | None) -> None:
    there = ZoneInfo(zone or "Europe/Berlin")
    now = datetime.now(UTC)
    row: dict[str, Any] = {
        "id": "a",
        "title": "Day",
        "description": "",
        "tags": [],
        "priority": "low",
        "recurrence": None,
        "time_zone": None,
        "all_day": True,
        "created_at": now,
        "updated_at": now,
        "due_at": datetime(2026, 7, 1, tzinfo=there).astimezone(UTC),
    }
    [event] = events(calendar_of([row], zone)).values()
    assert event["dtstart"].dt == date(2026, 7, 1)
    assert event["dtend"].dt - event["dtstart"].dt == timedelta(days=1)
