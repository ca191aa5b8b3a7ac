"""The meaning of a recurrence rule of RFC 5545.

Rules hold on the wall clock of a time zone: 8 o'clock stays 8 o'clock when the clocks change.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrulestr

from app.language.days import MONTHS, WEEKDAYS

CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WORKDAYS = "MO,TU,WE,TH,FR"
_SEARCHED_DAYS = 366 * 12
_STEPS: dict[str, tuple[Callable[[int], relativedelta], timedelta]] = {
    "HOURLY": (lambda count: relativedelta(hours=count), timedelta(hours=1)),
    "DAILY": (lambda count: relativedelta(days=count), timedelta(days=1)),
    "WEEKLY": (lambda count: relativedelta(weeks=count), timedelta(days=7)),
    "MONTHLY": (lambda count: relativedelta(months=count), timedelta(days=31)),
    "YEARLY": (lambda count: relativedelta(years=count), timedelta(days=366)),
}
"""The period of each frequency, and its greatest length."""


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
    period, longest = _STEPS[parts["FREQ"]]
    interval = int(parts.get("INTERVAL", "1"))
    steps = (present - start) // (longest * interval) - 1
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
        return f"{rule};BYMONTH={due.month};{rule_text(days_of_month([due.day]))}" if due.month == 2 else rule
    return f"{rule};{rule_text(days_of_month([due.day]))}"


def days_of_month(numbers: Sequence[int]) -> dict[str, str]:
    """Return the parts of a rule for days of the month; a day from 29 is the last one of shorter months."""
    early = sorted({number for number in numbers if number <= 28})
    late = sorted(set(numbers) - {*early})
    if len(late) != 1 or -1 in early:
        return {"BYMONTHDAY": ",".join(str(number) for number in [*early, *late])}
    days = sorted({*early, *range(28, late[0] + 1)})
    places = ",".join(str(place) for place in [*range(1, len(early) + 1), -1])
    return {"BYMONTHDAY": ",".join(str(number) for number in days), "BYSETPOS": places}


def say_recurrence(rule: str) -> str:
    """Return a rule in words: "every Monday", "every 2 weeks on Tuesday"."""
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    unit = _UNITS.get(parts.get("FREQ", ""))
    if unit is None:
        return "repeats"
    count = int(parts.get("INTERVAL", "1"))
    every = f"every {unit}" if count == 1 else f"every {count} {unit}s"
    if parts.get("BYDAY") == WORKDAYS:
        if place := parts.get("BYSETPOS"):
            return f"{every} on the {_say_place(place)} weekday"
        if count == 1:
            return "every weekday"
    if by_day := parts.get("BYDAY"):
        days = _listed([_say_weekday(code) for code in by_day.split(",")])
        return f"every {days}" if unit == "week" and count == 1 else f"{every} on {days}"
    if (month_days := parts.get("BYMONTHDAY")) and not re.search(r"-(?!1\b)", month_days):
        return f"{every} on the {_listed(_said_days(month_days, parts.get('BYSETPOS')))}"
    if month := parts.get("BYMONTH"):
        return f"{every} in {MONTHS[int(month) - 1].capitalize()}"
    return every


_UNITS = {"HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _said_days(month_days: str, places: str | None) -> list[str]:
    numbers = sorted((int(number) for number in month_days.split(",")), key=lambda number: number % 32)
    if places is not None:
        numbers = [*numbers[: len(places.split(",")) - 1], numbers[-1]]
    return ["last day" if number in (-1, 31) else _ordinal(number) for number in numbers]


def _say_place(ordinal: str) -> str:
    return "last" if ordinal == "-1" else _ordinal(int(ordinal))


def _say_weekday(code: str) -> str:
    name = WEEKDAYS[CODES.index(code[-2:])].capitalize() if code[-2:] in CODES else code
    ordinal = code[:-2].lstrip("+")
    return name if not ordinal else f"the {_say_place(ordinal)} {name}"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
