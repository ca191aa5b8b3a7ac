"""The phrases that say a repetition, and what a rule of RFC 5545 means.

Rules hold on the wall clock of a time zone: 8 o'clock stays 8 o'clock when the clocks change.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo

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


def next_occurrence(rule: str, due: datetime, all_day: bool, zone: tzinfo, now: datetime) -> datetime | None:
    """Return the occurrence after `due` that lies in the future, or None after the last one.

    Occurrences that were missed are skipped. The days of a whole-day task are compared, not its midnights.

    Args:
        rule: a rule as RFC 5545 writes it.
        due: the present due date (aware).
        all_day: whether only its day counts.
        zone: the zone on whose wall clock the rule holds.
        now: the present time (aware).
    """
    wall = due.astimezone(zone).replace(tzinfo=None)
    present = now.astimezone(zone).replace(tzinfo=None)
    if all_day:
        present = datetime.combine(present.date(), time())
    elif present > wall:
        # A time that the clock shows twice has passed only once it has passed for good.
        present = present.replace(microsecond=0)
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    if parts["FREQ"] in ("MONTHLY", "YEARLY") and not {"BYMONTHDAY", "BYDAY"} & set(parts) and wall.day > 28:
        # RFC 5545 skips months without this day. People mean their last day.
        return _last_days(parts, wall, present, zone)
    found = rrulestr(rule, dtstart=wall).after(max(wall, present))
    return found.replace(tzinfo=zone) if found else None


def _last_days(parts: Mapping[str, str], wall: datetime, present: datetime, zone: tzinfo) -> datetime | None:
    from dateutil.relativedelta import relativedelta

    months = int(parts.get("INTERVAL", "1")) * (1 if parts["FREQ"] == "MONTHLY" else 12)
    count = 1
    while (found := wall + relativedelta(months=months * count)) <= max(wall, present):
        count += 1
    return found.replace(tzinfo=zone)


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
    if month_day := parts.get("BYMONTHDAY"):
        return f"{every} on the {'last day' if month_day == '-1' else _ordinal(int(month_day))}"
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
