"""The phrases that say a repetition."""

import re
from datetime import datetime

from app.language.days import (
    DAY,
    FULL_DAY,
    MONTH,
    NUMBER,
    ORDINAL_WORD,
    month_number,
    next_calendar_date,
    number_of,
    ordinal_of,
    weekday_number,
)
from app.language.pieces import Piece, Strength, rule
from app.language.rules import CODES, WORKDAYS

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
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": WORKDAYS})


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
    by_day = ",".join(CODES[day] for day in days)
    strength = FAINT if "plural" in groups else Strength.SURE
    return Piece(rule={"FREQ": "WEEKLY", **_interval(interval), "BYDAY": by_day}, strength=strength)


@rule(rf"{_EVERY}\s+({DAY})\s*(?:-|–|to|through|thru)\s*({DAY})")
def _every_day_from_to(match: re.Match[str], _now: datetime) -> Piece:
    first, last = weekday_number(match[2]), weekday_number(match[3])
    days = sorted((first + step) % 7 for step in range((last - first) % 7 + 1))
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": ",".join(CODES[day] for day in days)})


@rule(rf"{_EVERY}\s+({ORDINAL_WORD})\s+({DAY}){_OF_MONTH}")
@rule(rf"(?:the\s+)?({ORDINAL_WORD})\s+({DAY})\s+(?:of|in)\s+(?:every|each)\s+month")
def _every_nth_weekday(match: re.Match[str], _now: datetime) -> Piece:
    by_day = f"{ordinal_of(match[2])}{CODES[weekday_number(match[3])]}"
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
