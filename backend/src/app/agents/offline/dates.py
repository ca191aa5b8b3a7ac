"""Parse dates and times in English sentences, relative to the user's clock and calendar.

General date parsers find false dates ("may buy 2 apples") and fail on "day after tomorrow". This parser
knows fewer phrases, and reads a word as a date only where its context allows no other meaning. It uses wall
time; the tools convert it to an instant in the user's time zone.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = tuple(name.lower() for name in calendar.month_name[1:])

_MORNING, _NOON, _AFTERNOON, _EVENING, _NIGHT = time(9), time(12), time(15), time(19), time(20)
# "Friday midnight" as a deadline is the end of Friday, not its start.
_MIDNIGHT = time(23, 59)
_DAY_PARTS = {
    "morning": _MORNING,
    "noon": _NOON,
    "midday": _NOON,
    "lunchtime": _NOON,
    "afternoon": _AFTERNOON,
    "evening": _EVENING,
    "night": _NIGHT,
    "midnight": _MIDNIGHT,
}
_COUNTED = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORD_NUMBERS = {word: number for number, word in enumerate(_COUNTED, 1)}
_WORD_NUMBERS |= {"a": 1, "an": 1, "a couple of": 2, "a few": 3}


class ImpossibleDateError(ValueError):
    """The sentence contains a date or time that does not exist; the message names it."""


@dataclass(frozen=True, slots=True)
class When:
    """A day, or an exact minute of a day when `at` is not None.

    `instant` is set for elapsed time ("in 2 hours"), because wall time is ambiguous twice a year. `day_said`
    is false if the sentence contains only a time and the day follows from the present.
    """

    day: date
    at: time | None = None
    instant: datetime | None = None
    day_said: bool = True

    def __str__(self) -> str:
        """Format for the tools: `2026-11-22` or `2026-11-22T17:00`, with a UTC offset only for an instant."""
        if self.instant is not None:
            return self.instant.isoformat(timespec="minutes")
        if self.at is None:
            return self.day.isoformat()
        return datetime.combine(self.day, self.at).isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class Found:
    """A parsed date and its position in the sentence."""

    when: When
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A phrase that contains a day, a time or both."""

    start: int
    end: int
    day: date | None = None
    at: time | None = None
    # "at 5" is 17:00 or 05:00; the rest of the sentence decides.
    half_day_open: bool = False
    instant: datetime | None = None
    # "in the evening" selects the half of the day for an open hour; alone, it is an approximate time.
    part: str | None = None


_Reader = Callable[[re.Match[str], datetime], _Piece]
_RULES: list[tuple[re.Pattern[str], _Reader]] = []


def _rule(pattern: str) -> Callable[[_Reader], _Reader]:
    def register(read: _Reader) -> _Reader:
        _RULES.append((re.compile(pattern, re.IGNORECASE), read))
        return read

    return register


_FULL_DAYS = "|".join(WEEKDAYS)
_DAYS = rf"(?:{_FULL_DAYS}|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\.?"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.?"
)
_NUMBER = r"(?:\d{1,4}|" + "|".join(sorted(_WORD_NUMBERS, key=len, reverse=True)) + ")"
_ORDINAL = r"(?:st|nd|rd|th)?"
_BEFORE = r"(?<![\w’'/.:-])(?:(?:due|by|before|until|till|on|for|from|starting)\s+)*"
_NEEDS_PREPOSITION = r"(?<![\w’'])(?:(?:due|by|before|until|till|on|for|from|starting)\s+)+"
_AFTER = r"(?![\w’'/-]|\.\d)"
# A date word that is also a common noun or verb, such as "may", must be followed by one of these.
_CLOCK = r"(?:at\s|@|\d{1,2}(?:[:.]\d{2})?\s?[ap]\.?m|\d{1,2}:\d{2}|noon|midnight|midday)"
_PHRASE_ENDS = (
    rf"(?=\s*(?:$|[,;:!?()\ufffc#\n-]|\.(?!\d)|{_CLOCK}"
    r"|(?:at|by|in|for|with|from|on|to|and|around|before|after|as|please|this|morning|afternoon|evening|night"
    r"|noon|midnight|urgent|high|low|medium|normal|p[1-4]|tagged|tag|instead|priority|important)\b))"
)


def _weekday_number(word: str) -> int:
    return next(
        number for number, name in enumerate(WEEKDAYS) if name.startswith(word.lower().rstrip(".")[:3])
    )


def _month_number(word: str) -> int:
    return next(
        number for number, name in enumerate(MONTHS, 1) if name.startswith(word.lower().rstrip(".")[:3])
    )


def _count(word: str) -> int:
    word = " ".join(word.lower().split())
    return _WORD_NUMBERS[word] if word in _WORD_NUMBERS else int(word)


def _calendar_date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        month_name = MONTHS[month - 1].capitalize() if 1 <= month <= 12 else f"month {month}"
        raise ImpossibleDateError(f"There is no {day} {month_name} {year}.") from None


def _next_calendar_date(month: int, day: int, today: date) -> date:
    """Return the next such day, including today. 29 February is in the next leap year."""
    for year in range(today.year, today.year + 9):
        if day <= calendar.monthrange(year, month)[1] and date(year, month, day) >= today:
            return date(year, month, day)
    raise ImpossibleDateError(f"There is no {day} {MONTHS[month - 1].capitalize()}.")


def _later(day: date, *, days: int = 0, months: int = 0) -> date:
    """Return the day after a number of days and months, at most the last day of the month.

    Raises:
        ImpossibleDateError: for a date after the year 9998, which cannot be converted between time zones.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        if not 1 <= year <= 9998:
            raise OverflowError
        moved = date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
        moved += timedelta(days=days)
        if moved.year > 9998:
            raise OverflowError
        return moved
    except OverflowError:
        raise ImpossibleDateError("That date is too far away.") from None


def _shift(day: date, count: int, unit: str) -> date:
    """Return `day` shifted by `count` days, weeks, fortnights, months or years."""
    unit = unit.lower()
    if unit.startswith("d"):
        return _later(day, days=count)
    if unit.startswith("w"):
        return _later(day, days=7 * count)
    if unit.startswith("f"):
        return _later(day, days=14 * count)
    return _later(day, months=count if unit.startswith("m") else 12 * count)


def _weekday_after(today: date, weekday: int, *, today_counts: bool) -> date:
    days = (weekday - today.weekday()) % 7
    return _later(today, days=days or (0 if today_counts else 7))


def _checked_time(hour: int, minute: int, said: str) -> time:
    if hour == 24 and minute == 0:
        return _MIDNIGHT
    if hour > 23 or minute > 59:
        raise ImpossibleDateError(f"“{said.strip()}” is not a time of day.")
    return time(hour, minute)


# Days ------------------------------------------------------------------------------------------------------


@_rule(rf"{_BEFORE}(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?:T(\d{{1,2}}):(\d{{2}})(?::\d{{2}})?)?{_AFTER}")
def _iso(match: re.Match[str], _now: datetime) -> _Piece:
    day = _calendar_date(int(match[1]), int(match[2]), int(match[3]))
    at = _checked_time(int(match[4]), int(match[5]), match[0][-5:]) if match[4] else None
    return _Piece(*match.span(), day=day, at=at)


@_rule(rf"{_BEFORE}(\d{{1,2}})([./])(\d{{1,2}})\2(\d{{4}}){_AFTER}")
def _numeric_with_year(match: re.Match[str], _now: datetime) -> _Piece:
    day, month = int(match[1]), int(match[3])
    if month > 12 >= day:
        # Only the American order is a valid date.
        day, month = month, day
    return _Piece(*match.span(), day=_calendar_date(int(match[4]), month, day))


# Without a year, "1/2" may be a fraction and "3.5" a number, so a preposition is required.
@_rule(rf"{_NEEDS_PREPOSITION}(\d{{1,2}})(?:/(\d{{1,2}})|\.(\d{{1,2}})\.){_AFTER}")
def _numeric(match: re.Match[str], now: datetime) -> _Piece:
    day, month = int(match[1]), int(match[2] or match[3])
    if month > 12 >= day:
        day, month = month, day
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ImpossibleDateError(f"“{match[0].split()[-1]}” is not a day of the year.")
    return _Piece(*match.span(), day=_next_calendar_date(month, day, now.date()))


def _named_month(match: re.Match[str], now: datetime, day: str, month: str, year: str | None) -> _Piece:
    number = _month_number(month)
    if year:
        return _Piece(*match.span(), day=_calendar_date(int(year), number, int(day)))
    if int(day) == 0:
        raise ImpossibleDateError(f"There is no day 0 in {MONTHS[number - 1].capitalize()}.")
    return _Piece(*match.span(), day=_next_calendar_date(number, int(day), now.date()))


@_rule(
    rf"{_BEFORE}(?:the\s+)?(\d{{1,2}}){_ORDINAL}\s+(?:of\s+)?({_MONTH})(?:,?\s+(\d{{4}}))?{_AFTER}{_PHRASE_ENDS}"
)
def _day_month(match: re.Match[str], now: datetime) -> _Piece:
    return _named_month(match, now, match[1], match[2], match[3])


@_rule(
    rf"{_BEFORE}({_MONTH})\s+(?:the\s+)?(\d{{1,2}}){_ORDINAL}(?!\s?[ap]\.?m\b|:|\d)(?:,?\s+(\d{{4}}))?{_AFTER}{_PHRASE_ENDS}"
)
def _month_day(match: re.Match[str], now: datetime) -> _Piece:
    return _named_month(match, now, match[2], match[1], match[3])


@_rule(rf"{_NEEDS_PREPOSITION}the\s+(\d{{1,2}})(?:st|nd|rd|th){_AFTER}{_PHRASE_ENDS}")
def _day_of_month(match: re.Match[str], now: datetime) -> _Piece:
    number, month = int(match[1]), now.date().replace(day=1)
    if not 1 <= number <= 31:
        raise ImpossibleDateError(f"No month has a day {number}.")
    while number > calendar.monthrange(month.year, month.month)[1] or month.replace(day=number) < now.date():
        month = _later(month, months=1)
    return _Piece(*match.span(), day=month.replace(day=number))


@_rule(
    rf"{_BEFORE}(?:(?:the\s+)?(day\s+after\s+(?:tomorrow|tomorow|tommorow|tommorrow|tmrw))"
    rf"|(tomorrow|tomorow|tommorow|tommorrow|tmrw|tmr|2morrow)|(today)|(tonight)|(?:the\s+)?(day\s+before\s+yesterday)"
    rf"|(yesterday)){_AFTER}"
)
def _near_day(match: re.Match[str], now: datetime) -> _Piece:
    after_tomorrow, tomorrow, _, tonight, before_yesterday, yesterday = match.groups()
    days = 2 if after_tomorrow else 1 if tomorrow else -2 if before_yesterday else -1 if yesterday else 0
    return _Piece(*match.span(), day=_later(now.date(), days=days), part="night" if tonight else None)


@_rule(rf"(?<![\w’'])in\s+(half\s+an\s+hour|({_NUMBER})\s+(minutes?|mins?|hours?|hrs?)){_AFTER}")
def _elapsed(match: re.Match[str], now: datetime) -> _Piece:
    minutes = 30 if match[2] is None else _count(match[2]) * (1 if match[3].lower().startswith("m") else 60)
    local = (now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(now.tzinfo)
    local = local.replace(second=0, microsecond=0)
    return _Piece(*match.span(), day=local.date(), at=local.time(), instant=local)


@_rule(
    rf"(?<![\w’'])(?:due\s+)?in\s+({_NUMBER})\s+(days?|weeks?|fortnights?|months?|years?)(?:[’']?\s+time)?{_AFTER}"
)
def _in_days(match: re.Match[str], now: datetime) -> _Piece:
    return _Piece(*match.span(), day=_shift(now.date(), _count(match[1]), match[2]))


@_rule(
    rf"{_BEFORE}({_NUMBER})\s+(days?|weeks?|fortnights?|months?|years?)\s+(?:from|after)\s+(now|today|tomorrow){_AFTER}"
)
def _days_from(match: re.Match[str], now: datetime) -> _Piece:
    start = _later(now.date(), days=1 if match[3].lower() == "tomorrow" else 0)
    return _Piece(*match.span(), day=_shift(start, _count(match[1]), match[2]))


@_rule(rf"{_BEFORE}(next|this\s+coming|this|coming)\s+({_DAYS}){_AFTER}")
def _modified_weekday(match: re.Match[str], now: datetime) -> _Piece:
    today, weekday, modifier = now.date(), _weekday_number(match[2]), match[1].lower()
    if modifier == "next":
        # The day in the week that starts on the next Monday.
        monday = _later(today, days=7 - today.weekday())
        return _Piece(*match.span(), day=_later(monday, days=weekday))
    return _Piece(*match.span(), day=_weekday_after(today, weekday, today_counts=modifier == "this"))


@_rule(rf"{_NEEDS_PREPOSITION}({_DAYS}){_AFTER}")
@_rule(rf"(?<![\w’'-])(?<!every\s)(?<!each\s)({_FULL_DAYS}){_AFTER}{_PHRASE_ENDS}")
@_rule(rf"(?<![\w’'-])(?<!every\s)(?<!each\s)({_DAYS})(?=\s+{_CLOCK})")
def _weekday(match: re.Match[str], now: datetime) -> _Piece:
    return _Piece(
        *match.span(), day=_weekday_after(now.date(), _weekday_number(match[1]), today_counts=False)
    )


@_rule(rf"{_BEFORE}next\s+(week|month|year){_AFTER}")
def _next_period(match: re.Match[str], now: datetime) -> _Piece:
    today, unit = now.date(), match[1].lower()
    if unit == "week":
        return _Piece(*match.span(), day=_later(today, days=7 - today.weekday()))
    first = _later(today.replace(day=1), months=1) if unit == "month" else date(today.year + 1, 1, 1)
    return _Piece(*match.span(), day=first)


@_rule(
    r"(?<![\w’'])(?:(?:by|before|until|at|on|over|during|for|due)\s+)*(?:(this|the|next)\s+weekend"
    r"|(?:the\s+)?end\s+of\s+(?:the\s+|this\s+)?(week|month|year)|this\s+(week|month))" + _AFTER
)
def _end_of_period(match: re.Match[str], now: datetime) -> _Piece:
    today = now.date()
    if match[1]:
        saturday = today if today.weekday() == 6 else _weekday_after(today, 5, today_counts=True)
        return _Piece(*match.span(), day=_later(saturday, days=7 if match[1].lower() == "next" else 0))
    unit = (match[2] or match[3]).lower()
    if unit == "week":
        return _Piece(*match.span(), day=_later(today, days=6 - today.weekday()))
    if unit == "month":
        return _Piece(*match.span(), day=today.replace(day=calendar.monthrange(today.year, today.month)[1]))
    return _Piece(*match.span(), day=date(today.year, 12, 31))


# Times of day ----------------------------------------------------------------------------------------------

_AT = r"(?:(?<![\w’'])(?:at|by|before|until|from|around|@)\s*)?"


@_rule(rf"{_AT}(?<![\w:.,/$€£-])(\d{{1,2}})(?:[:.](\d{{2}}))?\s?([ap])\.?m\.?(?!\w)")
def _half_day_clock(match: re.Match[str], _now: datetime) -> _Piece:
    hour, minute = int(match[1]), int(match[2] or 0)
    afternoon = match[3].lower() == "p"
    if hour > 12 and not afternoon:
        raise ImpossibleDateError(f"“{match[0].strip()}” is not a time of day.")
    if hour <= 12:
        hour = hour % 12 + (12 if afternoon else 0)
    return _Piece(*match.span(), at=_checked_time(hour, minute, match[0]))


@_rule(rf"{_AT}(?<![\w:.,/-])(\d{{1,2}}):(\d{{2}})(?::\d{{2}})?(?![\w:]|\s?[ap]\.?m\b)")
def _clock(match: re.Match[str], _now: datetime) -> _Piece:
    return _Piece(*match.span(), at=_checked_time(int(match[1]), int(match[2]), match[0]))


@_rule(
    rf"(?<![\w’'])(?:at|by|@)\s*(\d{{1,2}})(?:\s?o[’']?clock)?(?![\w:/%€£$]|\.\d|\s?[ap]\.?m\b){_PHRASE_ENDS}"
)
@_rule(
    rf"(?<![\w’'])(?:at|by|@)\s*(\d{{1,2}})(?=\s+(?:today|tomorrow|tmrw|tonight|(?:next|this)\s+\w+day|{_FULL_DAYS}))"
)
@_rule(r"(?<![\w’'])(\d{1,2})\s?o[’']?clock(?!\w)")
def _hour(match: re.Match[str], _now: datetime) -> _Piece:
    hour = int(match[1])
    return _Piece(*match.span(), at=_checked_time(hour, 0, match[0]), half_day_open=1 <= hour <= 12)


@_rule(rf"{_AT}(?<![\w’'])(half\s+past|quarter\s+past|quarter\s+to)\s+({_NUMBER})(?:\s?([ap])\.?m\.?)?(?!\w)")
def _spoken_clock(match: re.Match[str], _now: datetime) -> _Piece:
    hour, minute = _count(match[2]), 30 if match[1].lower().startswith("half") else 15
    if match[1].lower().endswith("to"):
        hour, minute = hour - 1, 45
    if match[3]:
        hour = hour % 12 + (12 if match[3].lower() == "p" else 0)
    return _Piece(
        *match.span(), at=_checked_time(hour, minute, match[0]), half_day_open=not match[3] and hour <= 12
    )


@_rule(
    rf"(?<![\w’'])(?:(?:at|by|before|until)\s+(noon|midday|midnight|lunchtime)|(noon|midday|midnight)){_AFTER}(?:{_PHRASE_ENDS}|(?=\s+(?:{_FULL_DAYS}|tomorrow|today)))"
)
def _named_hour(match: re.Match[str], _now: datetime) -> _Piece:
    return _Piece(*match.span(), at=_DAY_PARTS[(match[1] or match[2]).lower()])


@_rule(rf"(?<![\w’'])(?:in\s+the|this|at)\s+(morning|afternoon|evening|night){_AFTER}")
@_rule(rf"(?<=day)\s+(morning|afternoon|evening|night){_AFTER}")
@_rule(rf"(?<=tomorrow)\s+(morning|afternoon|evening|night){_AFTER}")
def _day_part(match: re.Match[str], _now: datetime) -> _Piece:
    return _Piece(*match.span(), part=match[1].lower())


# Sentences -------------------------------------------------------------------------------------------------


def _pieces(text: str, now: datetime) -> Iterator[_Piece]:
    for pattern, read in _RULES:
        for match in pattern.finditer(text):
            yield read(match, now)


def _longest_apart(pieces: list[_Piece]) -> list[_Piece]:
    """Return the pieces without overlaps, in sentence order. The longest overlapping piece wins."""
    kept: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start - piece.end, piece.start)):
        if all(piece.end <= other.start or piece.start >= other.end for other in kept):
            kept.append(piece)
    return sorted(kept, key=lambda piece: piece.start)


def _time_of_day(clock: _Piece | None, part: str | None, day: date, now: datetime) -> time | None:
    if clock is None or clock.at is None:
        return _DAY_PARTS[part] if part else None
    if not clock.half_day_open:
        return clock.at
    at = clock.at
    if at.hour == 12:
        return at
    morning, evening = at, at.replace(hour=at.hour + 12) if at.hour < 12 else at
    if part is not None:
        return morning if part == "morning" else evening
    if at.hour < 7:
        # An hour at which most people sleep is unlikely.
        return evening
    return evening if day == now.date() and morning <= now.time() < evening else morning


def find_when(text: str, now: datetime) -> Found | None:
    """Return the last date in a sentence, or None without a date.

    Args:
        text: the sentence, with its quoted parts blanked out.
        now: the present time on the user's clock (aware).

    Raises:
        ImpossibleDateError: when a date or time does not exist.
    """
    pieces = _longest_apart(list(_pieces(text, now)))
    days = [piece for piece in pieces if piece.day is not None]
    clocks = [piece for piece in pieces if piece.at is not None and piece.instant is None]
    parts = [piece for piece in pieces if piece.part is not None]
    if not (days or clocks or parts):
        return None
    day, clock, part = (found[-1] if found else None for found in (days, clocks, parts))
    used = {id(piece): piece for piece in (day, clock, part) if piece is not None}
    spans = tuple(sorted((piece.start, piece.end) for piece in used.values()))
    if day is not None and day.instant is not None:
        return Found(When(day.instant.date(), day.instant.time(), day.instant), ((day.start, day.end),))
    word = part.part if part is not None else None
    if day is not None and day.day is not None:
        return Found(When(day.day, _time_of_day(clock, word, day.day, now)), spans)
    at = _time_of_day(clock, word, now.date(), now)
    passed = at is not None and at <= now.time().replace(tzinfo=None)
    return Found(When(_later(now.date(), days=1 if passed else 0), at, day_said=False), spans)


def find_delay(text: str) -> tuple[int, str] | None:
    """Return the count and the unit of a delay such as "by 2 days", or None without a delay."""
    match = re.search(
        rf"\b(?:by|for)\s+({_NUMBER})\s+(days?|weeks?|fortnights?|months?|years?)\b", text, re.IGNORECASE
    )
    return (_count(match[1]), match[2].lower()) if match else None


def delayed(day: date, count: int, unit: str) -> date:
    """Return `day` shifted by a delay that `find_delay` returned."""
    return _shift(day, count, unit)


@dataclass(frozen=True, slots=True)
class Window:
    """A range of days for a list, both ends included, and its name."""

    label: str
    first: date | None = None
    last: date | None = None


def find_window(text: str, now: datetime) -> Window | None:
    """Return the range of days in a question ("this week", "before friday"), or None without one.

    Raises:
        ImpossibleDateError: when a date does not exist.
    """
    today = now.date()
    if re.search(r"\b(?:this|current) week\b(?!end)", text, re.IGNORECASE):
        return Window("this week", today, _later(today, days=6 - today.weekday()))
    if re.search(r"\bnext week\b(?!end)", text, re.IGNORECASE):
        monday = _later(today, days=7 - today.weekday())
        return Window("next week", monday, _later(monday, days=6))
    if re.search(r"\b(?:this|the|next) weekend\b", text, re.IGNORECASE):
        found = find_when(text, now)
        if found is not None:
            return Window(
                "at the weekend", found.when.day, _later(found.when.day, days=6 - found.when.day.weekday())
            )
    if re.search(r"\bthis month\b", text, re.IGNORECASE):
        return Window("this month", today, today.replace(day=calendar.monthrange(today.year, today.month)[1]))
    if re.search(r"\bnext month\b", text, re.IGNORECASE):
        first = _later(today.replace(day=1), months=1)
        return Window("next month", first, _later(first, months=1, days=-1))
    ahead = re.search(
        rf"\b(?:in|within|over)?\s*(?:the )?next ({_NUMBER}) (days?|weeks?|months?)\b", text, re.IGNORECASE
    )
    if ahead:
        return Window(f"in the next {ahead[1]} {ahead[2]}", today, _shift(today, _count(ahead[1]), ahead[2]))
    found = find_when(text, now)
    if found is None:
        return None
    day, words = found.when.day, text[slice(*found.spans[0])].lower().split()
    label = say_day(day, today)
    if "before" in words:
        return Window(f"before {label}", None, _later(day, days=-1))
    if {"by", "until", "till"} & set(words):
        return Window(f"by {label}", None, day)
    if re.search(r"\bafter\s*$", text[: found.spans[0][0]], re.IGNORECASE):
        return Window(f"after {label}", _later(day, days=1), None)
    return Window(label, day, day)


def say_day(day: date, today: date) -> str:
    """Format a day: "today", "tomorrow", "Fri 27 Nov", with the year if it differs."""
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((day - today).days)
    if near is not None:
        return near
    named = f"{calendar.day_abbr[day.weekday()]} {day.day} {calendar.month_abbr[day.month]}"
    return named if day.year == today.year else f"{named} {day.year}"
