"""The phrases that say a repetition, and what a rule of RFC 5545 means.

Rules hold on the wall clock of a time zone: 8 o'clock stays 8 o'clock when the clocks change.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from dateutil.rrule import rrulestr

from app.language.days import (
    DAY,
    FULL_DAY,
    MONTH,
    MONTHS,
    NUMBER,
    ORDINAL_WORD,
    WEEKDAYS,
    month_number,
    next_calendar_date,
    number_of,
    ordinal_of,
    weekday_number,
)
from app.language.pieces import Piece, Strength, rule

_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WORKDAYS = "MO,TU,WE,TH,FR"
_UNITS = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_SEARCHED_DAYS = 366 * 12
_EVERY = r"(?:every|each)"
_OTHER = rf"(?:(other|second|2nd|third|3rd|{NUMBER})\s+)?"
_LIST = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*|\s*/\s*)"
_OF_MONTH = r"(?:\s+(?:of|in)\s+(?:the|each|every|a)\s+month)"
FAINT, WEAK = Strength.FAINT, Strength.WEAK


def _interval(word: str | None) -> dict[str, str]:
    if word is None:
        return {}
    count = (
        2
        if word.lower() in ("other", "second", "2nd")
        else 3
        if word.lower() in ("third", "3rd")
        else number_of(word)
    )
    return {"INTERVAL": str(count)} if count > 1 else {}


@rule(rf"{_EVERY}\s+{_OTHER}(day|week|month|year)s?")
def _every_unit(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": _UNITS[match[3].lower()], **_interval(match[2])})


@rule(rf"{_EVERY}\s+{_OTHER}(quarter)|(quarterly)|(bi-?weekly|fortnightly|{_EVERY}\s+fortnight)")
def _long_unit(match: re.Match[str], _now: datetime) -> Piece:
    strength = Strength.SURE if match[0].lower().startswith(("every", "each")) else FAINT
    if match[5]:
        return Piece(rule={"FREQ": "WEEKLY", "INTERVAL": "2"}, strength=strength)
    return Piece(rule={"FREQ": "MONTHLY", "INTERVAL": "3"}, strength=strength)


@rule(r"(daily|weekly|monthly|yearly|annually)|once\s+an?\s+(day|week|month|year)", FAINT)
def _adverb(match: re.Match[str], _now: datetime) -> Piece:
    word = (match[2] or _UNITS[match[3].lower()]).upper()
    return Piece(rule={"FREQ": "YEARLY" if word == "ANNUALLY" else word}, strength=FAINT)


@rule(rf"{_EVERY}\s+(weekday|work(?:ing\s+)?day|business\s+day)s?|(?:on\s+)?(weekdays|workdays)")
def _every_workday(_match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": _WORKDAYS})


@rule(rf"{_EVERY}\s+(morning|afternoon|evening|night)")
def _every_morning(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": "DAILY"}, part=match[2].lower())


@rule(rf"{_EVERY}\s+weekend")
def _every_weekend(_match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": "SA"})


@rule(rf"{_EVERY}\s+{_OTHER}({DAY}(?:{_LIST}{DAY})*)(?!s?{_OF_MONTH})")
@rule(rf"(?P<plural>(?:{FULL_DAY})s(?:{_LIST}(?:{FULL_DAY})s)*)", FAINT)
def _every_weekday(match: re.Match[str], _now: datetime) -> Piece:
    groups = match.groupdict()
    listed, interval = (groups["plural"], None) if "plural" in groups else (match[3], match[2])
    days = sorted({weekday_number(word) for word in re.findall(DAY, listed, re.IGNORECASE)})
    by_day = ",".join(_CODES[day] for day in days)
    strength = FAINT if "plural" in groups else Strength.SURE
    return Piece(rule={"FREQ": "WEEKLY", **_interval(interval), "BYDAY": by_day}, strength=strength)


@rule(rf"{_EVERY}\s+({ORDINAL_WORD})\s+({DAY}){_OF_MONTH}")
@rule(rf"(?:the\s+)?({ORDINAL_WORD})\s+({DAY})\s+(?:of|in)\s+(?:every|each)\s+month")
def _every_nth_weekday(match: re.Match[str], _now: datetime) -> Piece:
    by_day = f"{ordinal_of(match[2])}{_CODES[weekday_number(match[3])]}"
    return Piece(rule={"FREQ": "MONTHLY", "BYDAY": by_day})


@rule(
    rf"{_EVERY}\s+(?:(\d{{1,2}})(?:st|nd|rd|th)|(last\s+day))(?!\s+{MONTH})(?:\s+of\s+(?:the|each|every|a)\s+month)?"
)
@rule(r"(?:the\s+)?(?:(\d{1,2})(?:st|nd|rd|th)|(last\s+day))(?:\s+day)?\s+of\s+(?:every|each)\s+month")
@rule(rf"{_EVERY}\s+month\s+on\s+the\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?|(last\s+day))")
def _every_month_day(match: re.Match[str], _now: datetime) -> Piece | None:
    number = -1 if match[3] else int(match[2])
    if not (number == -1 or 1 <= number <= 31):
        return Piece(month_day=1, problem=f"No month has a day {number}.")
    if number > 28:
        days = ",".join(str(day) for day in range(28, number + 1))
        return Piece(rule={"FREQ": "MONTHLY", "BYMONTHDAY": days, "BYSETPOS": "-1"})
    return Piece(rule={"FREQ": "MONTHLY", "BYMONTHDAY": str(number)})


@rule(
    rf"{_EVERY}\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({MONTH})|({MONTH})\s+(\d{{1,2}})(?:st|nd|rd|th)?)"
)
def _every_date(match: re.Match[str], now: datetime) -> Piece:
    day, month = int(match[2] or match[5]), month_number(match[3] or match[4])
    return Piece(day=next_calendar_date(month, day, now.date()), rule={"FREQ": "YEARLY"})


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
    occurrences: Any = rrulestr(rule, dtstart=wall)
    if occurrences._until is None or occurrences._until > until:  # noqa: SLF001 - it has no public name
        occurrences = occurrences.replace(until=until)
    found = occurrences.after(max(wall, present))
    # Through UTC, so that a time that the clock skips moves forward.
    return found.replace(tzinfo=zone).astimezone(UTC) if found else None


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
    if parts.get("BYDAY") == _WORKDAYS and count == 1:
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
    name = WEEKDAYS[_CODES.index(code[-2:])].capitalize() if code[-2:] in _CODES else code
    ordinal = code[:-2].lstrip("+")
    return name if not ordinal else f"the {'last' if ordinal == '-1' else _ordinal(int(ordinal))} {name}"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
