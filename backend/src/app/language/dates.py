"""Dates of a sentence: neighbouring phrases become one date on the user's clock.

Whether a phrase is a date depends on its neighbours. "Monday" is one in "call Bob monday at 5" and in "on
monday call Bob", but a part of the title in "watch Monday night football". Wall time is returned; the tools
convert it to an instant in the user's time zone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

# These modules register their rules.
from app.language import clock as _clock
from app.language import phrases as _phrases
from app.language import recurrence as _recurrence
from app.language.days import (
    MONTHS,
    NUMBER,
    UNIT,
    WEEKDAYS,
    ImpossibleDateError,
    later,
    month_length,
    number_of,
    say_day,
    shift,
    weekday_after,
)
from app.language.pieces import Piece, Strength, find_pieces
from app.language.rules import first_occurrence, rule_text

DAY_PARTS = _clock.DAY_PARTS
FAINT, WEAK, NAME, SURE = Strength
_EDGE_WORDS = (
    r"at|by|in|for|with|from|on|to|and|or|around|before|after|as|please|pls|urgent|high|low|medium|normal|tagged|tag"
    r"|instead|priority|important|p[1-4]|then|also|every|each|until|starting|if|when|because|via|about|that|so|but"
)
_EDGE = re.compile(rf"\s*(?:$|[,;:!?()\ufffc\x1f#\n]|\.(?!\d)|-\s|(?:{_EDGE_WORDS})\b)", re.IGNORECASE)
_END = re.compile(r"\s*(?:$|[,;:!?)\x1f#\n]|\.(?!\d)|(?:please|pls|and|then)\b)", re.IGNORECASE)
_ARTICLE = re.compile(
    r"(?:\b(?:the|an?|my|our|your|some|more|any|this|that|of|every|chapter|part|size|no|number|vol|volume)\s+)$",
    re.IGNORECASE,
)
_NO_DATE_BEFORE = re.compile(
    r"\b(?:up\s+to|since|than|last|past|between|prior\s+to|as\s+of)\s+$", re.IGNORECASE
)
_GLUE = re.compile(r"[\s,]*(?:(?:and|of)\s+)?")


@dataclass(frozen=True, slots=True)
class When:
    """A day, or an exact minute of a day when `at` is not None.

    `instant` is set for elapsed time ("in 2 hours"), because wall time is ambiguous twice a year.
    `is_day_said` is false if the sentence contains only a time and the day follows from the present.
    """

    day: date
    at: time | None = None
    instant: datetime | None = None
    is_day_said: bool = True
    recurrence: str | None = None

    def instant_in(self, zone: tzinfo) -> datetime:
        """Return the instant in UTC. A time that the clock skips moves forward; of two, the first counts."""
        if self.instant is not None:
            return self.instant.astimezone(UTC)
        return datetime.combine(self.day, self.at or time(), zone).astimezone(UTC)

    def __str__(self) -> str:
        """Format for the tools: `2026-11-22` or `2026-11-22T17:00`, with a UTC offset only for an instant."""
        if self.instant is not None:
            return self.instant.isoformat(timespec="minutes")
        if self.at is None:
            return self.day.isoformat()
        return datetime.combine(self.day, self.at).isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class Found:
    """A date in a text, where it stands, and what to say about it."""

    when: When
    spans: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = ()
    preposition: str = ""


def find_when(text: str, now: datetime) -> Found | None:
    """Return the date of a sentence, or None without a date. The last of several counts.

    Args:
        text: the sentence, with its quoted parts blanked out.
        now: the present time on the user's clock (aware).

    Raises:
        ImpossibleDateError: when a date or time does not exist.
    """
    accepted = [run for run in _runs(text, now) if _is_date(run, text)]
    dated = [run for run in accepted if any(_says_day(piece) for piece in run)]
    timed = [run for run in accepted if run not in dated]
    if not accepted:
        return None
    chosen = list(dated[-1]) if dated else []
    if timed:
        has_time, has_part = any(piece.at for piece in chosen), any(piece.part for piece in chosen)
        # "Tonight … at 9" and "at 9 … in the evening" belong together.
        if not has_time or (not has_part and any(piece.part for piece in timed[-1])):
            chosen += timed[-1]
    return _merged(chosen, now)


def left_in_title(text: str, now: datetime) -> str | None:
    """Return a phrase that names a day but is not a date here, such as "Monday night" in a name."""
    for run in _runs(text, now):
        if (
            not _is_date(run, text)
            and any(piece.weekday is not None for piece in run)
            and run[0].strength >= NAME
        ):
            return text[run[0].start : run[-1].end].strip()
    return None


def _says_day(piece: Piece) -> bool:
    return bool(piece.day or piece.weekday is not None or piece.month_day or piece.rule)


def _runs(text: str, now: datetime) -> list[list[Piece]]:
    """Return the groups of pieces with nothing but spaces between them."""
    runs: list[list[Piece]] = []
    for piece in find_pieces(text, now):
        if runs and _GLUE.fullmatch(text, runs[-1][-1].end, piece.start):
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _is_date(run: Sequence[Piece], text: str) -> bool:
    """Decide whether a run of pieces is a date or a part of the title."""
    first, last = run[0], run[-1]
    before = text[: first.start]
    if _NO_DATE_BEFORE.search(before):
        return False
    strength = max(piece.strength for piece in run)
    if strength == SURE:
        return True
    is_led = bool(first.preposition)
    at_edge = _EDGE.match(text, last.end) is not None
    has_time = any(piece.at for piece in run) and any(_says_day(piece) for piece in run)
    if strength == NAME:
        return at_edge or has_time or (is_led and first.weekday is not None and len(run) == 1)
    if strength == WEAK or len(run) > 1:
        return at_edge
    if is_led:
        return at_edge
    return _END.match(text, last.end) is not None and bool(before.strip()) and not _ARTICLE.search(before)


def _merged(run: Sequence[Piece], now: datetime) -> Found:
    """Combine what the pieces of a run say."""
    if problem := next((piece.problem for piece in run if piece.problem), None):
        raise ImpossibleDateError(problem)
    spans = tuple(sorted((piece.start, piece.end) for piece in run))
    notes = [piece.note for piece in run if piece.note]
    preposition = next((piece.preposition for piece in run if piece.preposition), "")
    instants = [piece for piece in run if piece.instant]
    if instants:
        exact = instants[-1].instant or now
        return Found(When(exact.date(), exact.time(), exact), spans)
    part = next((piece.part for piece in run if piece.part), None)
    timed = next((piece for piece in run if piece.at is not None), None)
    at = _time_of_day(timed, part)
    rule = {name: value for piece in run for name, value in piece.rule.items()}
    if rule:
        return Found(_recurring(rule, run, at, now), spans, tuple(notes))
    day = _day(run, at, now)
    weekdays = list(dict.fromkeys(piece.weekday for piece in run if piece.weekday is not None))
    if len(weekdays) > 1:
        first, *others = (WEEKDAYS[weekday].capitalize() for weekday in weekdays)
        notes.append(f"A task has one date; I took {first} and left out {' and '.join(others)}.")
    if day is None:
        passed = at is not None and at <= now.time()
        when = When(later(now.date(), days=1 if passed else 0), at, is_day_said=False)
        return Found(when, spans, tuple(notes), preposition)
    if at is not None and day == now.date() and at <= now.time():
        notes.append(
            f"{at:%H:%M} has already passed today. To change that, say for example: move it to {_evening(at)}"
        )
    return Found(When(day, at), spans, tuple(notes), preposition)


def _evening(at: time) -> str:
    return f"{at.hour + 12}:{at.minute:02}" if at.hour < 12 else f"tomorrow at {at:%H:%M}"


def _day(run: Sequence[Piece], at: time | None, now: datetime) -> date | None:
    """Return the day that fits everything that a run says; None if it says none."""
    today = now.date()
    day = next((piece.day for piece in reversed(run) if piece.day), None)
    weekday = next((piece.weekday for piece in run if piece.weekday is not None), None)
    month_day = next((piece.month_day for piece in run if piece.month_day), None)
    if day is not None:
        if weekday is not None and day.weekday() != weekday:
            said, right = WEEKDAYS[weekday].capitalize(), WEEKDAYS[day.weekday()].capitalize()
            raise ImpossibleDateError(
                f"{day.day} {MONTHS[day.month - 1].capitalize()} {day.year} is a {right}, not a {said}. "
                "Which do you mean?"
            )
        return day
    if month_day is not None:
        month = today.replace(day=1)
        while (
            month_day > month_length(month.year, month.month)
            or month.replace(day=month_day) < today
            or weekday not in (None, month.replace(day=month_day).weekday())
        ):
            month = later(month, months=1)
        return month.replace(day=month_day)
    if weekday is not None:
        return weekday_after(today, weekday, today_counts=at is not None and at > now.time())
    return None


def _time_of_day(clock: Piece | None, part: str | None) -> time | None:
    """Return the time. An open hour from 1 to 6 is in the afternoon, unless a part of the day follows."""
    if clock is None or clock.at is None:
        return DAY_PARTS[part] if part else None
    at = clock.at
    if not clock.is_half_day_open or at.hour == 12:
        return at
    if part is not None:
        return at if part == "morning" else at.replace(hour=at.hour + 12)
    return at.replace(hour=at.hour + 12) if at.hour < 7 else at


def _recurring(rule: dict[str, str], run: Sequence[Piece], at: time | None, now: datetime) -> When:
    """Return the first occurrence of a rule."""
    start = now.date()
    ends = [piece for piece in run if piece.preposition in ("until", "till") and piece.day]
    others = [piece for piece in run if piece not in ends]
    weekdays = [piece.weekday for piece in others if piece.weekday is not None]
    if weekdays and rule["FREQ"] == "WEEKLY":
        rule["BYDAY"] = ",".join(["MO", "TU", "WE", "TH", "FR", "SA", "SU"][day] for day in sorted(weekdays))
    elif weekdays:
        start = weekday_after(start, weekdays[0], today_counts=False)
    month_day = next((piece.month_day for piece in others if piece.month_day), None)
    if month_day is not None and rule["FREQ"] == "MONTHLY":
        rule["BYMONTHDAY"] = str(month_day)
    if day := next((piece.day for piece in others if piece.day), None):
        start = day
    if ends and ends[0].day:
        rule["UNTIL"] = f"{ends[0].day:%Y%m%d}T235959"
    order = ("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "UNTIL")
    text = rule_text({name: rule[name] for name in order if name in rule})
    return When(first_occurrence(text, start, at, now), at, recurrence=text)


def find_delay(text: str) -> tuple[int, str] | None:
    """Return the count and the unit of a delay such as "by 2 days", or None without a delay."""
    match = re.search(rf"\b(?:by|for)\s+({NUMBER})\s+({UNIT})\b", text, re.IGNORECASE)
    return (number_of(match[1]), match[2].lower()) if match else None


def delayed(when: When, count: int, unit: str) -> When:
    """Return a date shifted by a delay that `find_delay` returned."""
    return replace(when, day=shift(when.day, count, unit))


@dataclass(frozen=True, slots=True)
class Window:
    """A range of days for a list, both ends included, and its name."""

    label: str
    first: date | None = None
    last: date | None = None


def find_window(text: str, now: datetime) -> tuple[Window, tuple[tuple[int, int], ...]] | None:
    """Return the range of days in a question ("this week", "before friday") and where it stands.

    Raises:
        ImpossibleDateError: when a date does not exist.
    """
    today = now.date()
    period = re.search(
        rf"\b(this|current|next|last|past)\s+(?:({NUMBER})\s+)?(days?|week|weeks|weekend|month|months|year)\b",
        text,
        re.IGNORECASE,
    )
    if period:
        window = _period(period[1].lower(), period[2], period[3].lower().rstrip("s"), today)
        if window is not None:
            return window, (period.span(),)
    if between := _between(text, now):
        return between
    found = find_when(text, now) or find_when(re.sub(r"['’]s\b", "  ", text), now)
    if found is None:
        return None
    day, label = found.when.day, say_day(found.when.day, today)
    before = text[: found.spans[0][0]]
    words = f"{before} {found.preposition}".lower().split()[-2:]
    if "before" in words:
        return Window(f"before {label}", None, later(day, days=-1)), found.spans
    if {"by", "until", "till"} & set(words):
        return Window(f"by {label}", None, day), found.spans
    if "after" in words:
        return Window(f"after {label}", later(day, days=1), None), found.spans
    if "since" in words:
        return Window(f"since {label}", day, None), found.spans
    return Window(label, day, day), found.spans


_BETWEEN = re.compile(
    r"\b(?:between\s+(.{2,40}?)\s+and|from\s+(.{2,40}?)\s+(?:to|until|till|through))\s+(.+)$", re.IGNORECASE
)


def _between(text: str, now: datetime) -> tuple[Window, tuple[tuple[int, int], ...]] | None:
    """Return the range of "between monday and wednesday" or "from 3 to 10 may"."""
    match = _BETWEEN.search(text)
    if match is None:
        return None
    ends = [find_when(f"on {words}", now) for words in (match[1] or match[2], match[3])]
    if ends[0] is None or ends[1] is None:
        return None
    first, last = ends[0].when.day, ends[1].when.day
    if last < first:
        # "From saturday to tuesday" on a sunday: the tuesday after that saturday.
        week = timedelta(days=7)
        is_past = last == now.date() and first - last < week
        first, last = (first - week, last) if is_past else (first, max(last + week, first))
    today, end = now.date(), ends[1].spans[-1][1] - len("on ") + match.start(3)
    label = f"from {say_day(first, today)} to {say_day(last, today)}"
    return Window(label, first, last), ((match.start(), end),)


def _period(which: str, count: str | None, unit: str, today: date) -> Window | None:
    ahead = which in ("this", "current", "next")
    if count:
        number = number_of(count)
        if which == "next":
            return Window(f"in the next {count} {unit}s", today, shift(today, number, unit))
        return None if ahead else Window(f"in the last {count} {unit}s", shift(today, -number, unit), today)
    step = 1 if which == "next" else 0 if ahead else -1
    monday = later(today, days=7 * step - today.weekday())
    match unit:
        case "week":
            # What is due this week starts today; what was done this week started on Monday.
            return Window(f"{which} week", monday, later(monday, days=6))
        case "weekend":
            return Window(f"at the {which} weekend", later(monday, days=5), later(monday, days=6))
        case "month":
            first = later(today.replace(day=1), months=step)
            return Window(f"{which} month", first, later(first, months=1, days=-1))
        case "year":
            year = today.year + step
            return Window(f"{which} year", date(year, 1, 1), date(year, 12, 31))
    return None


_REGISTERED = (_clock, _phrases, _recurrence)
