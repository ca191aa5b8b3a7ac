"""When a task that repeats is due next."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from pydantic import TypeAdapter, ValidationError

from app.language.rules import next_occurrence
from app.tasks.recurring import Recurrence, following, settled

BERLIN = "Europe/Berlin"


def next_due(rule: str, due: str, now: str, zone: str = BERLIN, *, all_day: bool = False) -> str | None:
    """Return the next due date on the wall clock, of a task that repeats from `due` on it."""
    clock = ZoneInfo(zone)
    due_at = datetime.fromisoformat(due).replace(tzinfo=clock)
    task: dict[str, Any] = {"due_at": due_at, "recurrence": rule, "time_zone": zone, "all_day": all_day}
    task |= settled(task)
    found = following(task, datetime.fromisoformat(now).replace(tzinfo=clock))
    return f"{found.astimezone(clock):%Y-%m-%d %H:%M}" if found else None


@pytest.mark.parametrize(
    ("rule", "due", "now", "expected"),
    [
        ("FREQ=DAILY", "2026-11-27 09:00", "2026-11-27 08:00", "2026-11-28 09:00"),
        # Missed occurrences are skipped, and the interval goes on counting from the due date.
        ("FREQ=DAILY", "2026-11-20 09:00", "2026-11-27 08:00", "2026-11-27 09:00"),
        ("FREQ=DAILY;INTERVAL=3", "2026-11-20 09:00", "2026-11-27 10:00", "2026-11-29 09:00"),
        ("FREQ=WEEKLY;INTERVAL=2", "2026-10-02 09:00", "2026-11-27 10:00", "2026-12-11 09:00"),
        # Hours count on the wall clock, and skip what was missed.
        ("FREQ=HOURLY;INTERVAL=8", "2026-11-27 07:00", "2026-11-27 08:00", "2026-11-27 15:00"),
        ("FREQ=HOURLY;INTERVAL=8", "1990-01-01 07:00", "2026-11-27 08:00", "2026-11-27 15:00"),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15,28,29,30;BYSETPOS=1,-1",
            "2027-02-15 09:00",
            "2027-02-15 10:00",
            "2027-02-28 09:00",
        ),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "2026-11-23 08:00", "2026-11-23 07:00", "2026-11-26 08:00"),
        # Short months and years have their last day instead.
        ("FREQ=MONTHLY", "2027-01-31 09:00", "2027-01-31 10:00", "2027-02-28 09:00"),
        ("FREQ=MONTHLY", "2027-01-30 09:00", "2027-03-01 10:00", "2027-03-30 09:00"),
        ("FREQ=YEARLY", "2028-02-29 09:00", "2028-02-29 10:00", "2029-02-28 09:00"),
        ("FREQ=YEARLY", "2028-02-29 09:00", "2031-03-01 10:00", "2032-02-29 09:00"),
        # Nine o'clock stays nine o'clock when the clocks change, and a skipped time moves forward.
        ("FREQ=DAILY", "2027-03-27 09:00", "2027-03-27 10:00", "2027-03-28 09:00"),
        ("FREQ=DAILY", "2027-03-27 02:30", "2027-03-27 10:00", "2027-03-28 03:30"),
        ("FREQ=DAILY", "2026-10-24 02:30", "2026-10-24 10:00", "2026-10-25 02:30"),
        # A due date of long ago.
        ("FREQ=DAILY;INTERVAL=3", "1900-01-01 09:00", "2026-11-27 10:00", "2026-11-29 09:00"),
        ("FREQ=WEEKLY;BYDAY=FR", "1900-01-01 09:00", "2026-11-27 10:00", "2026-12-04 09:00"),
        ("FREQ=MONTHLY", "1900-01-31 09:00", "2026-11-27 10:00", "2026-11-30 09:00"),
        ("FREQ=YEARLY;INTERVAL=4", "1904-02-29 09:00", "2026-11-27 10:00", "2028-02-29 09:00"),
        # The end of a rule, and one that never holds.
        ("FREQ=DAILY;UNTIL=20261127T235959", "2026-11-27 09:00", "2026-11-27 10:00", None),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "2026-11-27 09:00", "2026-11-27 10:00", None),
    ],
)
def test_the_next_due_date(rule: str, due: str, now: str, expected: str | None) -> None:
    assert next_due(rule, due, now) == expected


def test_a_task_that_repeats_by_hours_has_a_time() -> None:
    assert (
        settled({"due_at": datetime(2026, 11, 27, tzinfo=UTC), "recurrence": "FREQ=HOURLY"})["all_day"]
        is False
    )


def test_a_rule_by_hours_has_no_days() -> None:
    rule = TypeAdapter(Recurrence)
    assert rule.validate_python("FREQ=HOURLY;INTERVAL=8;UNTIL=20270101")
    with pytest.raises(ValidationError):
        rule.validate_python("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31")


def test_a_whole_day_repeats_on_its_day_also_when_it_is_done_in_the_evening() -> None:
    assert next_due("FREQ=DAILY", "2026-11-26", "2026-11-27 22:00", all_day=True) == "2026-11-27 00:00"
    assert next_due("FREQ=DAILY", "2026-11-27", "2026-11-27 22:00", all_day=True) == "2026-11-28 00:00"


def test_a_due_date_of_long_ago_costs_no_more_than_a_recent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[datetime] = []
    # Every occurrence passes this generator.
    iterate = vars(rrule.rrule)["_iter"]

    def counted(self: rrule.rrule) -> Any:
        for occurrence in iterate(self):
            steps.append(occurrence)
            yield occurrence

    monkeypatch.setattr(rrule.rrule, "_iter", counted)
    old, now = datetime(1, 1, 2, tzinfo=UTC), datetime(2026, 11, 27, 10, tzinfo=UTC)
    for rule in ("FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=DAILY;INTERVAL=999"):
        steps.clear()
        assert next_occurrence(rule, old, UTC, now, all_day=False) is not None
        assert 0 < len(steps) < 500, rule
