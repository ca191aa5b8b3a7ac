"""The phrases that say a repetition."""

import re
from datetime import datetime

from app.language.days import (
    DAY,
    FULL_DAY,
    MONTH,
    NUMBER,
    ORDINAL_WORD,
    UNIT,
    WEEKDAYS,
    month_number,
    next_calendar_date,
    number_of,
    ordinal_of,
    weekday_number,
)
from app.language.pieces import Piece, Strength, rule
from app.language.rules import CODES, WORKDAYS, days_of_month

_UNITS = {"hour": "HOURLY", "day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_EVERY = r"(?:(?:once\s+)?(?:each\s+and\s+every|every|each|evry|evrey|ever)(?:\s+single)?)"
_OTHER = rf"(?:(other|second|2nd|third|3rd|{NUMBER})\s+)?"
_LIST = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*|\s*/\s*)"
_OF_MONTH = r"(?:\s+(?:of|in)\s+(?:the|each|every|a)\s+month)"
_NTH = r"(?:\d{1,2}(?:st|nd|rd|th)|last\s+day|first(?:\s+day)?(?=\s+of\s))"
_NTHS = rf"{_NTH}(?:{_LIST}(?:the\s+)?{_NTH})*"
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


@rule(rf"{_EVERY}\s+{_OTHER}(hour|day|week|month|year)s?(?!\s+of\b)")
def _every_unit(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": _UNITS[match[3].lower()], **_interval(match[2])})


@rule(
    rf"(?P<months>{_EVERY}\s+{_OTHER}quarter|quarterly|once\s+an?\s+quarter)"
    rf"|(?P<half>{_EVERY}\s+half[\s-]year|half-?yearly)|bi-?weekly|fortnightly|{_EVERY}\s+fortnight"
)
def _long_unit(match: re.Match[str], _now: datetime) -> Piece:
    strength = Strength.SURE if re.match(_EVERY, match[0], re.IGNORECASE) else FAINT
    if match["months"] or match["half"]:
        return Piece(rule={"FREQ": "MONTHLY", "INTERVAL": "3" if match["months"] else "6"}, strength=strength)
    return Piece(rule={"FREQ": "WEEKLY", "INTERVAL": "2"}, strength=strength)


@rule(
    r"(hourly|daily|everyday|nightly|weekly|monthly|yearly|annually)|once\s+an?\s+(hour|day|week|month|year)",
    FAINT,
)
def _adverb(match: re.Match[str], _now: datetime) -> Piece:
    word = (match[2] or _UNITS[match[3].lower()]).upper()
    frequency = {"ANNUALLY": "YEARLY", "EVERYDAY": "DAILY", "NIGHTLY": "DAILY"}.get(word, word)
    return Piece(rule={"FREQ": frequency}, part="night" if word == "NIGHTLY" else None, strength=FAINT)


@rule(rf"{_EVERY}\s+(weekday|work(?:ing\s+)?day|business\s+day)s?|(?:on\s+)?(weekdays|workdays)")
def _every_workday(_match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": WORKDAYS})


@rule(rf"{_EVERY}\s+(morning|afternoon|evening|night)")
def _every_morning(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": "DAILY"}, part=match[2].lower())


@rule(rf"{_EVERY}\s+weekend")
@rule(r"weekends", FAINT)
def _every_weekend(match: re.Match[str], _now: datetime) -> Piece:
    strength = Strength.SURE if match[0].lower().endswith("d") else FAINT
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": "SA"}, strength=strength)


@rule(rf"{_EVERY}\s+{_OTHER}({DAY}(?:(?:{_LIST}|\s+){DAY})*)(?!s?{_OF_MONTH})")
@rule(rf"alternat(?:e|ing)\s+(?P<alternate>{FULL_DAY})s?", FAINT)
@rule(rf"(?P<plural>(?:{FULL_DAY})s(?:{_LIST}(?:{FULL_DAY})s)*)", FAINT)
def _every_weekday(match: re.Match[str], _now: datetime) -> Piece:
    groups = match.groupdict()
    alternate = groups.get("alternate")
    listed = alternate or groups.get("plural") or match[3]
    interval = "other" if alternate else None if groups.get("plural") else match[2]
    strength = FAINT if alternate or groups.get("plural") else Strength.SURE
    return Piece(
        rule={"FREQ": "WEEKLY", **_interval(interval), "BYDAY": _codes(_days_in(listed))}, strength=strength
    )


def _days_in(text: str) -> set[int]:
    return {weekday_number(word) for word in re.findall(DAY, text, re.IGNORECASE)}


def _codes(days: set[int]) -> str:
    return ",".join(CODES[day] for day in sorted(days))


@rule(
    rf"(?:{_EVERY}\s*(?P<workday>week|work(?:ing\s+)?|business\s+)?day|(?P<workdays>weekdays|workdays)|daily)"
    r"\s+(?:but|except|excluding|other\s+than)(?:\s+(?:for|on))?"
    rf"\s+(?P<without>(?:{DAY}s?|weekends?)(?:{_LIST}(?:{DAY}s?|weekends?))*)"
)
def _every_day_but(match: re.Match[str], _now: datetime) -> Piece:
    said, workdays = match["without"].lower(), match["workday"] or match["workdays"]
    without = _days_in(said) | ({5, 6} if workdays or "weekend" in said else set())
    return Piece(rule={"FREQ": "WEEKLY", "BYDAY": _codes({*range(7)} - without)})


@rule(rf"({DAY})(?:/{DAY})+", WEAK)
def _one_of_days(match: re.Match[str], _now: datetime) -> Piece:
    first, *others = (WEEKDAYS[weekday_number(word)].capitalize() for word in match[0].split("/"))
    note = f"A task has one date; I took {first} and left out {' and '.join(others)}."
    return Piece(weekday=weekday_number(match[2]), strength=WEAK, note=note)


@rule(rf"({DAY})\s*(?:-|–|to|through|thru)\s*({DAY})", WEAK)
def _days_from_to(match: re.Match[str], _now: datetime) -> Piece:
    first, last = (WEEKDAYS[weekday_number(match[group])].capitalize() for group in (2, 3))
    note = f"A task has one date; I took {first}. To repeat it, say: every {first} to {last}"
    return Piece(weekday=weekday_number(match[2]), strength=WEAK, note=note)


@rule(rf"{_EVERY}\s+({DAY})\s*(?:-|–|to|through|thru)\s*({DAY})")
def _every_day_from_to(match: re.Match[str], _now: datetime) -> Piece:
    first, last = weekday_number(match[2]), weekday_number(match[3])
    return Piece(
        rule={
            "FREQ": "WEEKLY",
            "BYDAY": _codes({(first + step) % 7 for step in range((last - first) % 7 + 1)}),
        }
    )


@rule(rf"{_EVERY}\s+({ORDINAL_WORD})\s+({DAY}){_OF_MONTH}")
@rule(rf"{_EVERY}\s+(last)\s+({DAY})")
@rule(rf"(?:the\s+)?({ORDINAL_WORD})\s+({DAY})\s+(?:of|in)\s+(?:every|each)\s+month")
def _every_nth_weekday(match: re.Match[str], _now: datetime) -> Piece:
    by_day = f"{ordinal_of(match[2])}{CODES[weekday_number(match[3])]}"
    return Piece(rule={"FREQ": "MONTHLY", "BYDAY": by_day})


@rule(r"(?:the\s+)?(first|last)\s+(?:work(?:ing)?\s?|business\s+|week)day\s+of\s+(?:every|each)\s+month")
@rule(rf"{_EVERY}\s+(first|last)\s+(?:work(?:ing)?\s?|business\s+|week)day(?:{_OF_MONTH})?")
def _every_nth_workday(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(rule={"FREQ": "MONTHLY", "BYDAY": WORKDAYS, "BYSETPOS": str(ordinal_of(match[2]))})


@rule(rf"{_EVERY}\s+({_NTHS})(?!\s+(?:of\s+)?{MONTH}){_OF_MONTH}?")
@rule(rf"(?:the\s+)?({_NTHS})(?:\s+day)?\s+of\s+(?:every|each)\s+month")
@rule(
    rf"(?:{_EVERY}\s+month|monthly)\s+on\s+(?:the\s+)?"
    rf"((?:\d{{1,2}}|{_NTH})(?:{_LIST}(?:the\s+)?{_NTH})*)"
)
@rule(
    rf"(?:the\s+)?({_NTH}(?:{_LIST}(?:the\s+)?{_NTH})+)(?P<listed>{_OF_MONTH}?)(?!\s+(?:of\s+)?{MONTH})",
    FAINT,
)
@rule(
    rf"(?:{_EVERY}\s+(?:month[\s-]end|end\s+of\s+(?:the\s+)?month)|(?:the\s+)?end\s+of\s+(?:every|each)\s+month)"
)
def _every_month_day(match: re.Match[str], _now: datetime) -> Piece | None:
    said = (match[2] if match.re.groups > 1 else "last").lower()
    words = re.findall(r"\d+|first|last", said)
    numbers = [-1 if word == "last" else 1 if word == "first" else int(word) for word in words]
    if wrong := next((number for number in numbers if not (number == -1 or 1 <= number <= 31)), None):
        return Piece(month_day=1, problem=f"No month has a day {wrong}.")
    # "On the 1st and 15th" repeats; "the 1st and 2nd volume" is no date.
    listed = match.groupdict().get("listed")
    if listed == "" and not match["led"]:
        return None
    strength = Strength.SURE if listed is None else WEAK if listed else FAINT
    return Piece(rule={"FREQ": "MONTHLY", **days_of_month(numbers)}, strength=strength)


@rule(
    rf"{_EVERY}\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({MONTH})|({MONTH})\s+(\d{{1,2}})(?:st|nd|rd|th)?)"
)
def _every_date(match: re.Match[str], now: datetime) -> Piece:
    day, month = int(match[2] or match[5]), month_number(match[3] or match[4])
    return Piece(day=next_calendar_date(month, day, now.date()), rule={"FREQ": "YEARLY"})


@rule(rf"(?:the\s+next\s+)?({NUMBER})\s+({UNIT})", FAINT)
def _lasting(match: re.Match[str], _now: datetime) -> Piece | None:
    # "For 10 days": the end of a repetition, and nothing without one.
    if match["led"].lower().split()[-1:] != ["for"]:
        return None
    return Piece(lasting=(number_of(match[2]), match[3].lower()), strength=FAINT)


@rule(
    rf"(?:twice|thrice|(?:{NUMBER}|several|many)\s+times|\d{{1,2}}\s?x|\d{{1,2}}\s?×)"
    r"\s+(?:(hourly|daily|weekly|monthly|yearly)|(?:an?|per|each|every)\s+(hour|day|week|month|year))"
)
def _several_times(match: re.Match[str], _now: datetime) -> Piece:
    frequency = (match[2] or _UNITS[match[3].lower()]).upper()
    return Piece(rule={"FREQ": frequency}, is_unclear=True)
