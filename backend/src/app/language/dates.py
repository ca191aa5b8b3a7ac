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
    DAY,
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
from app.language.pieces import PREPOSITION, Piece, Strength, find_pieces
from app.language.rules import CODES, days_of_month, first_occurrence, rule_text

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
    is_start_said: bool = False
    """Whether the sentence says when a repetition starts, not only its rule."""

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
    accepted = [run for run in map(_clear, _runs(text, now)) if run and _is_date(run, text)]
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


_REPETITION = re.compile(
    r"\b(?:every|each|evry)\s+(?:[\w-]+\s+){0,2}?(?:min(?:ute)?|hour|day|week|month|quarter|year|decade|moon"
    r"|morning|afternoon|evening|night|weekend|weekday|fortnight|spring|summer|autumn|winter)s?\b(?!\s+of\b)"
    rf"|\b(?:every|each|evry|alternat(?:e|ing))\s+(?:[\w-]+\s+)?{DAY}s?\b"
    r"|\b(?:bi-?monthly|bi-?annually|semi-?(?:weekly|monthly|annually)|twice\s+[\w-]+ly)\b",
    re.IGNORECASE,
)


# Most sentences leave nothing, and need not be read again.
_MAY_BE_LEFT = re.compile(
    rf"\b(?:{DAY}|every|each|evry|twice|thrice|\w+\s+times|bi|semi|alternat)|\d\s?[x×]", re.IGNORECASE
)


def left_in_title(text: str, now: datetime, *, is_dated: bool) -> str | None:
    """Return a note about a phrase that stays in the title although it names a day or a repetition.

    Args:
        text: the sentence; what was understood is blanked out.
        now: the present time on the user's clock.
        is_dated: whether the task has a date, so that the name of a day is no lost date.
    """
    if not _MAY_BE_LEFT.search(text):
        return None
    runs = _runs(text, now)
    unclear = next((piece for run in runs for piece in run if piece.is_unclear), None)
    repetition = _REPETITION.search(text)
    if unclear or repetition:
        start, end = (unclear.start, unclear.end) if unclear else repetition.span() if repetition else (0, 0)
        return (
            f"I left “{text[start:end].strip()}” in the title: I know no such repetition. "
            "Say on which days, for example: every monday and thursday"
        )
    for run in runs if not is_dated else []:
        if (
            not _is_date(run, text)
            and any(piece.weekday is not None for piece in run)
            and run[0].strength >= NAME
        ):
            phrase = text[run[0].start : run[-1].end].strip()
            day = re.sub(rf"^(?:{PREPOSITION}\s+)+", "", phrase, flags=re.IGNORECASE)
            return f"I left “{phrase}” in the title. For a date, say: on {day}"
    return None


def _clear(run: list[Piece]) -> list[Piece]:
    """Return a run without the pieces that mean nothing alone: "twice a week" without days, "for 10 days"."""
    days = any(piece.weekday is not None or "BYDAY" in piece.rule for piece in run)
    run = [piece for piece in run if days or not piece.is_unclear]
    repeats = any(piece.rule for piece in run)
    return [piece for piece in run if repeats or piece.lasting is None]


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
    if times := sorted({piece.at for piece in run if piece.at is not None} - {timed.at if timed else None}):
        left = " and ".join(f"{other:%H:%M}" for other in times)
        notes.append(f"A task has one time; I took {at or time():%H:%M} and left out {left}.")
    rule = {name: value for piece in run for name, value in piece.rule.items()}
    if rule:
        return Found(_recurring(rule, run, at, now), spans, tuple(notes))
    day = _day(run, at, now)
    weekdays = list(dict.fromkeys(piece.weekday for piece in run if piece.weekday is not None))
    if len(weekdays) > 1:
        first, *others = (WEEKDAYS[weekday].capitalize() for weekday in weekdays)
        notes.append(_one_date(first, others))
    days = [say_day(piece.day, now.date()) for piece in run if piece.day and piece.day != day]
    if day is not None:
        # "On the 1st and 15th of december".
        days += [
            say_day(day.replace(day=piece.month_day), now.date())
            for piece in run
            if piece.month_day and piece.month_day < day.day
        ]
    if day is not None and days:
        notes.append(_one_date(say_day(day, now.date()), [*dict.fromkeys(days)]))
    if day is None:
        passed = at is not None and at <= now.time()
        when = When(later(now.date(), days=1 if passed else 0), at, is_day_said=False)
        return Found(when, spans, tuple(notes), preposition)
    if at is not None and day == now.date() and at <= now.time():
        notes.append(
            f"{at:%H:%M} has already passed today. To change that, say for example: move it to {_evening(at)}"
        )
    return Found(When(day, at), spans, tuple(notes), preposition)


def _one_date(taken: str, others: Sequence[str]) -> str:
    return f"A task has one date; I took {taken} and left out {' and '.join(others)}."


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
    if clock.is_half_day_open and at == time(12) and part == "night":
        return DAY_PARTS["midnight"]
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
        # "Every monday, wednesday at 9 and friday".
        listed = {code for piece in others for code in piece.rule.get("BYDAY", "").split(",")}
        rule["BYDAY"] = ",".join(code for day, code in enumerate(CODES) if code in listed or day in weekdays)
    elif weekdays:
        start = weekday_after(start, weekdays[0], today_counts=False)
    month_day = next((piece.month_day for piece in others if piece.month_day), None)
    if month_day is not None and rule["FREQ"] == "MONTHLY":
        rule |= days_of_month([month_day])
    if day := next((piece.day for piece in others if piece.day), None):
        start = day
    if ends and ends[0].day:
        rule["UNTIL"] = f"{ends[0].day:%Y%m%d}T235959"
    first, at = _first(rule, start, at, now)
    if lasting := next((piece.lasting for piece in run if piece.lasting), None):
        rule["UNTIL"] = f"{later(shift(first, *lasting), days=-1):%Y%m%d}T235959"
    return When(first, at, recurrence=_in_order(rule), is_start_said=start != now.date())


def _in_order(rule: dict[str, str]) -> str:
    order = ("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "UNTIL")
    return rule_text({name: rule[name] for name in order if name in rule})


def _first(rule: dict[str, str], start: date, at: time | None, now: datetime) -> tuple[date, time | None]:
    """Return the day and the time of the first occurrence. Without a time, hours count from the next hour."""
    if rule["FREQ"] != "HOURLY":
        return first_occurrence(_in_order(rule), start, at, now), at
    present = now.replace(tzinfo=None)
    if at is None and start == now.date():
        following = (present + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        return following.date(), following.time()
    first, step = datetime.combine(start, at or time(9)), timedelta(hours=int(rule.get("INTERVAL", "1")))
    if first <= present:
        first += step * ((present - first) // step + 1)
    return first.date(), first.time()


def find_delay(text: str) -> tuple[int, str] | None:
    """Return the count and the unit of a delay such as "by 2 days", or None without a delay."""
    match = re.search(rf"\b(?:by|for)\s+({NUMBER})\s+({UNIT})\b", text, re.IGNORECASE)
    return (number_of(match[1]), match[2].lower()) if match else None


def is_short(unit: str) -> bool:
    """Return whether a unit of a delay is minutes or hours."""
    return unit[0] == "h" or unit.startswith("min")


def delayed(when: When, count: int, unit: str, zone: tzinfo | None) -> When:
    """Return a date shifted by a delay; minutes and hours pass as on a stopwatch, also when clocks change."""
    if not is_short(unit) or when.at is None:
        return replace(when, day=shift(when.day, count, unit))
    delay = timedelta(minutes=count * (60 if unit[0] == "h" else 1))
    exact = (datetime.combine(when.day, when.at, zone).astimezone(UTC) + delay).astimezone(zone)
    return When(exact.date(), exact.time(), exact)


_REGISTERED = (_clock, _phrases, _recurrence)
