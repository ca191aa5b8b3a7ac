"""Ranges of days in a question: "this week", "before friday", "between monday and wednesday"."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.language.dates import find_when
from app.language.days import NUMBER, later, number_of, say_day, shift


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
            return Window(f"{which} weekend", later(monday, days=5), later(monday, days=6))
        case "month":
            first = later(today.replace(day=1), months=step)
            return Window(f"{which} month", first, later(first, months=1, days=-1))
        case "year":
            year = today.year + step
            return Window(f"{which} year", date(year, 1, 1), date(year, 12, 31))
    return None
