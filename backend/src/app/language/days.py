"""Arithmetic with days, and the words for them."""

import calendar
from datetime import date, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
FULL_DAY = "(?:" + "|".join(WEEKDAYS) + ")"
SHORT_DAY = r"(?:mon|tues?|weds?|thu(?:rs?)?|fri|sat|sun)\b\.?"
DAY = rf"(?:{FULL_DAY}|{SHORT_DAY})"
MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
)
_COUNTED = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {word: number for number, word in enumerate(_COUNTED, 1)}
_NUMBERS |= {"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "eighteen": 18, "twenty": 20}
_NUMBERS |= {"thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "ninety": 90}
_NUMBERS |= {"a": 1, "an": 1, "a couple of": 2, "couple of": 2, "a few": 3}
NUMBER_WORD = "(?:" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
NUMBER = rf"(?:\d{{1,4}}|{NUMBER_WORD})"
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
ORDINAL_WORD = r"(?:first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)"


class ImpossibleDateError(ValueError):
    """The sentence contains a date or time that does not exist; the message names it."""


def weekday_number(word: str) -> int:
    """Return 0 for "monday", "Mon." or "mondays"."""
    return next(number for number, name in enumerate(WEEKDAYS) if name.startswith(word.lower()[:3]))


def month_number(word: str) -> int:
    """Return 1 for "january" or "Jan."."""
    return next(number for number, name in enumerate(MONTHS, 1) if name.startswith(word.lower()[:3]))


def number_of(word: str) -> int:
    """Return the number that a word or figure means."""
    word = " ".join(word.lower().split())
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def ordinal_of(word: str) -> int:
    """Return 1 for "first" or "1st", and -1 for "last"."""
    word = word.lower()
    if word == "last":
        return -1
    return _ORDINALS.index(word) + 1 if word in _ORDINALS else int(word[0])


def calendar_date(year: int, month: int, day: int) -> date:
    """Return a date.

    Raises:
        ImpossibleDateError: when it does not exist.
    """
    try:
        return date(year, month, day)
    except ValueError:
        month_name = MONTHS[month - 1].capitalize() if 1 <= month <= 12 else f"month {month}"
        raise ImpossibleDateError(f"There is no {day} {month_name} {year}.") from None


def next_calendar_date(month: int, day: int, today: date) -> date:
    """Return the next such day, including today. 29 February is in the next leap year."""
    for year in range(today.year, today.year + 9):
        if 1 <= day <= month_length(year, month) and date(year, month, day) >= today:
            return date(year, month, day)
    raise ImpossibleDateError(f"There is no {day} {MONTHS[month - 1].capitalize()}.")


def month_length(year: int, month: int) -> int:
    """Return the number of days of a month."""
    return calendar.monthrange(year, month)[1]


def later(day: date, *, days: int = 0, months: int = 0) -> date:
    """Return the day after a number of days and months, at most the last day of the month.

    Raises:
        ImpossibleDateError: for a date after the year 9998, which cannot be converted between time zones.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        if not 1 <= year <= 9998:
            raise OverflowError
        moved = date(year, month + 1, min(day.day, month_length(year, month + 1))) + timedelta(days=days)
        if moved.year > 9998:
            raise OverflowError
        return moved
    except OverflowError:
        raise ImpossibleDateError("That date is too far away.") from None


UNIT = r"(?:days?|weeks?|wks?|fortnights?|months?|years?|yrs?)"


def shift(day: date, count: int, unit: str) -> date:
    """Return `day` shifted by `count` of a unit."""
    match unit.lower()[0]:
        case "d":
            return later(day, days=count)
        case "w":
            return later(day, days=7 * count)
        case "f":
            return later(day, days=14 * count)
        case letter:
            return later(day, months=count if letter == "m" else 12 * count)


def weekday_after(today: date, weekday: int, *, today_counts: bool) -> date:
    """Return the next day with this weekday."""
    return later(today, days=(weekday - today.weekday()) % 7 or (0 if today_counts else 7))


def nth_weekday(first: date, weekday: int, ordinal: int) -> date:
    """Return a weekday of the month that starts on `first`, such as its second or its last (-1) Monday.

    Raises:
        ImpossibleDateError: when the month has no fifth one.
    """
    if ordinal < 0:
        last = later(first, months=1, days=-1)
        return later(last, days=-((last.weekday() - weekday) % 7))
    day = later(first, days=(weekday - first.weekday()) % 7 + 7 * (ordinal - 1))
    if day.month != first.month:
        month, name = MONTHS[first.month - 1].capitalize(), WEEKDAYS[weekday].capitalize()
        raise ImpossibleDateError(f"{month} {first.year} has no fifth {name}.")
    return day


def say_day(day: date, today: date) -> str:
    """Format a day: "today", "tomorrow", "Fri 27 Nov", with the year if it differs."""
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((day - today).days)
    if near is not None:
        return near
    named = f"{calendar.day_abbr[day.weekday()]} {day.day} {calendar.month_abbr[day.month]}"
    return named if day.year == today.year else f"{named} {day.year}"
