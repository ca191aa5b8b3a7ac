"""The meaning of a recurrence rule of RFC 5545.

Rules hold on the wall clock of a time zone: 8 o'clock stays 8 o'clock when the clocks change.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrulestr

from app.language.days import MONTHS, WEEKDAYS

CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WORKDAYS = "MO,TU,WE,TH,FR"
_SEARCHED_DAYS = 366 * 12
_STEPS: dict[str, tuple[Callable[[int], relativedelta], int]] = {
    "DAILY": (lambda count: relativedelta(days=count), 1),
    "WEEKLY": (lambda count: relativedelta(weeks=count), 7),
    "MONTHLY": (lambda count: relativedelta(months=count), 31),
    "YEARLY": (lambda count: relativedelta(years=count), 366),
}
"""The period of each frequency, and its greatest length in days."""


def rule_text(parts: Mapping[str, str]) -> str:
    """Return a rule as RFC 5545 writes it."""
    return ";".join(f"{name}={value}" for name, value in parts.items())


def first_occurrence(rule: str, start: date, at: time | None, now: datetime) -> date:
    """Return the day of the first occurrence from `start` that has not passed."""
    wall = datetime.combine(start, at or time())
    if at is not None and wall <= now.replace(tzinfo=None):
        start = date.fromordinal(start.toordinal() + 1)
    # The interval counts from the first occurrence, which is the nearest one.
    nearest = re.sub(r";INTERVAL=\d+", "", rule)
    midnight = datetime.combine(start, time())
    found = rrulestr(nearest, dtstart=midnight).after(midnight, inc=True)
    return found.date() if found else start


def next_occurrence(
    rule: str, due: datetime, zone: tzinfo, now: datetime, *, all_day: bool
) -> datetime | None:
    """Return the occurrence after `due` that has not passed, or None after the last one.

    Occurrences that were missed are skipped. Of a whole-day task, the days are compared.

    Args:
        rule: a rule as RFC 5545 writes it.
        due: the present due date (aware).
        zone: the zone on whose wall clock the rule holds.
        now: the present time (aware).
        all_day: whether only the day counts.
    """
    wall = due.astimezone(zone).replace(tzinfo=None)
    present = now.astimezone(zone).replace(tzinfo=None)
    if all_day:
        present = datetime.combine(present.date(), time()) - timedelta(seconds=1)
    # A rule may never hold, such as on 31 February.
    until = max(wall, present) + timedelta(days=_SEARCHED_DAYS)
    occurrences: Any = rrulestr(rule, dtstart=_moved_near(wall, present, rule))
    if occurrences._until is None or occurrences._until > until:  # noqa: SLF001 - it has no public name
        occurrences = occurrences.replace(until=until)
    found = occurrences.after(max(wall, present))
    # Through UTC, so that a time that the clock skips moves forward.
    return found.replace(tzinfo=zone).astimezone(UTC) if found else None


def _moved_near(start: datetime, present: datetime, rule: str) -> datetime:
    """Return the start of a rule, moved by whole intervals to shortly before the present.

    Every occurrence since a due date of many years ago would be computed otherwise.
    """
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    period, longest_days = _STEPS[parts["FREQ"]]
    interval = int(parts.get("INTERVAL", "1"))
    steps = (present - start).days // (longest_days * interval) - 1
    return start + period(steps * interval) if steps > 0 else start


def anchored(rule: str, due: datetime) -> str:
    """Return a rule with its day of the month, as people mean it: short months have their last day instead.

    RFC 5545 would skip the months without a 31st, and the years without 29 February.

    Args:
        rule: a rule as RFC 5545 writes it.
        due: the first occurrence, on the wall clock.
    """
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    if due.day <= 28 or parts["FREQ"] not in ("MONTHLY", "YEARLY") or {"BYDAY", "BYMONTHDAY"} & set(parts):
        return rule
    if parts["FREQ"] == "YEARLY":
        return f"{rule};BYMONTH={due.month};{_day_or_last(due.day)}" if due.month == 2 else rule
    return f"{rule};{_day_or_last(due.day)}"


def _day_or_last(day: int) -> str:
    return f"BYMONTHDAY={','.join(str(number) for number in range(28, day + 1))};BYSETPOS=-1"


def say_recurrence(rule: str) -> str:
    """Return a rule in words: "every Monday", "every 2 weeks on Tuesday"."""
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    unit = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}.get(parts.get("FREQ", ""))
    if unit is None:
        return "repeats"
    count = int(parts.get("INTERVAL", "1"))
    every = f"every {unit}" if count == 1 else f"every {count} {unit}s"
    if parts.get("BYDAY") == WORKDAYS and count == 1:
        return "every weekday"
    if by_day := parts.get("BYDAY"):
        names = [_say_weekday(code) for code in by_day.split(",")]
        days = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"every {days}" if unit == "week" and count == 1 else f"{every} on {days}"
    if month_days := parts.get("BYMONTHDAY"):
        named = month_days.split(",")[-1] if "BYSETPOS" in parts else month_days
        if named in ("-1", "31"):
            return f"{every} on the last day"
        return f"{every} on the {_ordinal(int(named))}" if named.isdigit() else every
    if month := parts.get("BYMONTH"):
        return f"{every} in {MONTHS[int(month) - 1].capitalize()}"
    return every


def _say_weekday(code: str) -> str:
    name = WEEKDAYS[CODES.index(code[-2:])].capitalize() if code[-2:] in CODES else code
    ordinal = code[:-2].lstrip("+")
    return name if not ordinal else f"the {'last' if ordinal == '-1' else _ordinal(int(ordinal))} {name}"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
