"""The calendar as a file of RFC 5545.

Tasks are events, not VTODOs: Google Calendar, Outlook and Apple Calendar subscribe to events only. An event
of a task does not make its owner busy.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vRecur

from app.database import Row
from app.tasks.models import Priority

_LENGTH = timedelta(minutes=30)
"""Of an event at a time: programs hide one without a length."""
_PRIORITIES = {Priority.HIGH: 1, Priority.MEDIUM: 5, Priority.LOW: 9}
_HALF_DAY = timedelta(hours=12)
_LAST_YEAR = 2200
"""Until when the time zones of repeating events are described."""


def calendar_of(rows: Sequence[Row], zone_name: str | None) -> bytes:
    """Return the calendar of open tasks that have a date.

    Args:
        rows: the tasks.
        zone_name: the time zone of their owner, which decides about the day of a whole-day task.
    """
    calendar = Calendar()
    for name, value in (
        ("prodid", "-//todo-chatbot//tasks//EN"),
        ("version", "2.0"),
        ("calscale", "GREGORIAN"),
        ("method", "PUBLISH"),
        ("x-wr-calname", "To-do"),
        ("x-published-ttl", "PT1H"),
    ):
        calendar.add(name, value)
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    for row in rows:
        calendar.add_component(_event(row, zone_name))
    # A zone is described for the years that matter, instead of from 1970 to 2038.
    years = [row["due_at"].year for row in rows] or [datetime.now(UTC).year]
    last = min(max(*years, 2028) + 10, _LAST_YEAR)
    calendar.add_missing_timezones(date(min(years) - 1, 1, 1), date(last, 1, 1))
    content: bytes = calendar.to_ical()
    return content


def _event(row: Row, zone_name: str | None) -> Event:
    event, due = Event(), row["due_at"]
    event.add("uid", f"{row['id']}@todo-chatbot")
    event.add("summary", row["title"])
    event.add("dtstamp", row["updated_at"])
    event.add("created", row["created_at"])
    event.add("last-modified", row["updated_at"])
    event.add("priority", _PRIORITIES[row["priority"]])
    event.add("transp", "TRANSPARENT")
    if row["description"]:
        event.add("description", row["description"])
    if row["tags"]:
        event.add("categories", row["tags"])
    rule: str | None = row["recurrence"]
    name: str | None = row["time_zone"] if rule else zone_name
    zone = ZoneInfo(name or "UTC")
    # An event that repeats keeps its time on the wall clock; another one is the same instant everywhere.
    start = due.astimezone(zone) if rule else due
    if row["all_day"]:
        day = due.astimezone(zone).date() if name else (due + _HALF_DAY).date()
        event.add("dtstart", day)
        event.add("dtend", day + timedelta(days=1))
    else:
        event.add("dtstart", start)
        event.add("dtend", start + _LENGTH)
    if rule:
        event.add("rrule", _recurrence(rule, zone, is_all_day=row["all_day"]))
    return event


def _recurrence(rule: str, zone: ZoneInfo, *, is_all_day: bool) -> vRecur:
    """Return a rule whose end has the type that RFC 5545 wants: a day, or an instant in UTC."""
    parts: vRecur = vRecur.from_ical(rule)
    until: list[date] = parts.get("UNTIL", [])
    for place, end in enumerate(until):
        day, at = (end.date(), end.time()) if isinstance(end, datetime) else (end, time(23, 59, 59))
        until[place] = day if is_all_day else datetime.combine(day, at, zone).astimezone(UTC)
    return parts
