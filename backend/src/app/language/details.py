"""The fields of a new task in a sentence: title, tags, priority, due date, repetition and description."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Literal

from app.language.dates import When, find_when, left_in_title
from app.language.days import NUMBER, ImpossibleDateError, later, number_of
from app.language.sentences import BLANK, Sentence, compiled

Priority = Literal["high", "medium", "low"]
Field = Literal["priority", "tag", "due", "description", "reminder"]
MASK = "\x1f"
"""Replaces what a field took. It separates phrases, and keeps the positions of the rest."""
_TAG_NAME = r"#(?=[\w-]*[^\W\d_])[\w-]{1,50}"
TAG = compiled(rf"(?<![\w&#]){_TAG_NAME}")
_TAG_WORDS = compiled(
    r"[\s,]*\b(?:(?:and\s+)?tagged(?:\s+(?:as|with))?|(?:with\s+)?(?:the\s+)?tags?:?)\s+"
    r"((?!to\b|from\b)#?[\w-]+(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+)#?[\w-]+)*)(?=\s*(?:$|[,.;!?]|\b(?:by|on|at|due|with|for)\b))"
)
_PRIORITY_WORDS: dict[str, Priority] = {
    **dict.fromkeys(("high", "highest", "top", "urgent", "important", "critical", "p1", "h", "1"), "high"),
    **dict.fromkeys(("medium", "normal", "default", "p2", "m", "2"), "medium"),
    **dict.fromkeys(("low", "lowest", "unimportant", "p3", "p4", "l", "3", "4"), "low"),
}
LEVEL = r"(high(?:est)?|top|urgent|important|critical|medium|normal|default|low(?:est)?)"
PRIORITIES = (
    compiled(r"(?<![\w!])!(high|medium|normal|low|urgent|important|[hml1-4])\b"),
    compiled(
        rf"[\s,;]*(?:\b(?:and|as|at|with|a|an|of|it['’]s|it\s+is|is|in)\s+)*[(\[]?\b{LEVEL}[\s-]+prio(?:rity)?\b[)\]]?"
    ),
    compiled(rf"[\s,;]*(?:\b(?:and|with|as|a)\s+)*[(\[]?\bprio(?:rity)?\s*(?:is|to|=|:)?\s*{LEVEL}\b[)\]]?"),
    compiled(r"(?<![\w#])[(\[]?(p[1-4])\b[)\]]?"),
    compiled(
        r"(?:^|[\s,;(]+)(?:and\s+|as\s+|(?:it['’]s|it\s+is|that['’]s)\s+)?(?:very\s+|really\s+)?"
        r"(not\s+urgent|not\s+important|urgent(?:ly)?|important|asap|critical|unimportant)(?=\s*(?:$|[,.;:!)\ufffc]))"
    ),
    compiled(r"^(urgent|important|asap)\s*[:,-]?\s+(?=\S)"),
    compiled(r"(?:(?<=\s)|^)(!{1,3})(?=\s|$)|(!{2,})(?=\s|$)"),
)
_DESCRIPTION = compiled(
    r"[\s,;.(]*\b(?:with\s+(?:the\s+|a\s+)?)?(?:description|details?|notes?)(?:\s*(?::|=|\bis\b|\bsaying\b)\s*)(.+)$"
)
_LEAD = rf"(?P<count>{NUMBER}|an?|half\s+an|the)\s*(?P<unit>m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
_REMINDER = compiled(
    r"(?<=\S)[\s,;.\x1f]+(?:and\s+)?(?:remind\s+me|with\s+a\s+reminder|reminder:?)\s+"
    rf"(?:{_LEAD}\s+(?:before(?:hand)?|earlier|ahead|in\s+advance)|(?<=reminder\s)(?P<short>\d{{1,3}}\s*(?:m|mins?|minutes?|h|hrs?|hours?))"
    r"|(?P<when>[^\x1f]+?))[\s.!\x1f]*$"
)
LEAD = compiled(f"^{_LEAD}$")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
MOST_MINUTES = 4 * _MINUTES["w"]


def priority_of(said: str) -> Priority:
    """Return the priority that a word or a mark means."""
    word = said.lower()
    if word.startswith("not"):
        return "low"
    return "high" if word.startswith(("!", "asap", "urgent")) else _PRIORITY_WORDS[word]


@dataclass(frozen=True, slots=True)
class Span:
    """Place of a field in the sentence: code points from `start` to before `end`."""

    field: Field
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Details:
    """The fields of a sentence, and the sentence without them."""

    rest: str
    tags: tuple[str, ...] = ()
    priority: Priority | None = None
    due: When | None = None
    description: str = ""
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    reminder: int | When | None = None
    """Minutes before the due date, or a time."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """One task to add. `notes` say what was left out or decided."""

    title: str
    description: str = ""
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    due: When | None = None
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    reminder: int | When | None = None


class _Text:
    """A text whose parts are taken one after another."""

    def __init__(self, text: str) -> None:
        self.rest = text
        self.spans: list[Span] = []

    def take(self, field: Field, start: int, end: int) -> None:
        kept = self.rest[start:end]
        start += len(kept) - len(kept.lstrip(" ,;\t"))
        end -= len(kept) - len(kept.rstrip(" ,;\t"))
        self.spans.append(Span(field, start, end))
        self.rest = self.rest[:start] + MASK * (end - start) + self.rest[end:]


def find_details(text: str, now: datetime) -> Details:
    """Return the fields of a sentence with blanked quotes.

    Raises:
        ImpossibleDateError: when a date or time does not exist.
    """
    taken, description = _Text(text), ""
    if described := _DESCRIPTION.search(text):
        description = described[1].strip()
        taken.take("description", *described.span())
    tags: list[str] = []
    for match in [*_TAG_WORDS.finditer(taken.rest)]:
        tags += [
            tag.lstrip("#").lower() for tag in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", match[1]) if tag
        ]
        taken.take("tag", *match.span())
    for match in [*TAG.finditer(taken.rest)]:
        tags.append(match[0][1:].lower())
        taken.take("tag", *match.span())
    priority: Priority | None = None
    for pattern in PRIORITIES:
        if level := pattern.search(taken.rest):
            priority = priority_of(next(group for group in level.groups() if group))
            taken.take("priority", *level.span())
            break
    notes: list[str] = []
    reminder = _take_reminder(taken, now)
    found = find_when(taken.rest, now)
    if found:
        notes += found.notes
        for start, end in found.spans:
            taken.take("due", start, end)
    if note := left_in_title(taken.rest, now, is_dated=found is not None):
        notes.append(note)
    spans = tuple(sorted(taken.spans, key=lambda span: span.start))
    due = found.when if found else None
    if isinstance(reminder, int):
        try:
            reminder = reminder_before(due, reminder)
        except ImpossibleDateError as error:
            reminder = None
            notes.append(f"{error} I left it out.")
    elif isinstance(reminder, When) and not reminder.is_day_said and due is not None:
        reminder = replace(reminder, day=due.day)
    distinct = tuple(dict.fromkeys(tags))
    return Details(taken.rest, distinct, priority, due, description, spans, tuple(notes), reminder)


def _take_reminder(taken: _Text, now: datetime) -> int | When | None:
    """Take "remind me 10 minutes before" or "remind me at 9" from the end of a sentence."""
    match = _REMINDER.search(taken.rest)
    if match is None:
        return None
    reminder: int | When
    if said := match["when"]:
        found = find_when(said, now)
        if found is None or found.when.at is None or found.when.recurrence:
            return None
        # All of it must be a time: "remind me at 9 to call Ann" is another task.
        if said[: found.spans[0][0]].strip() or said[found.spans[-1][1] :].strip(" .!"):
            return None
        reminder = found.when
    else:
        lead = LEAD.match(match["short"]) if match["short"] else match
        reminder = lead_minutes(lead or match)
    taken.take("reminder", *match.span())
    return reminder


def lead_minutes(match: re.Match[str]) -> int:
    """Return the minutes of a match of `LEAD`.

    Raises:
        ImpossibleDateError: when they are more than four weeks.
    """
    count, minutes = match["count"].lower(), _MINUTES[match["unit"][0].lower()]
    if count.startswith("half"):
        return minutes // 2
    minutes *= 1 if count in ("a", "an", "the") else number_of(count)
    if minutes > MOST_MINUTES:
        raise ImpossibleDateError("A reminder is at most 4 weeks before the due date.")
    return minutes


def reminder_before(due: When | None, minutes: int, at: time | None = None) -> int | When:
    """Return a reminder before a due date; for a task without a time it is at `at` or 9:00 on an earlier day.

    Raises:
        ImpossibleDateError: when there is no such reminder.
    """
    if due is None:
        raise ImpossibleDateError("A reminder before the due date needs a date, and there is no date.")
    days, rest = divmod(minutes, _MINUTES["d"])
    if at is None and due.at is not None:
        return minutes
    if rest or not days:
        raise ImpossibleDateError(
            "A reminder minutes before the due date needs a time, and there is no time."
        )
    return When(later(due.day, days=-days), at or time(9))


_LOOSE = r"and|due|by|on|at|for|to|with|until|before|from|@"
_LOOSE_ENDS = compiled(
    rf"^(?:[\s,;:.)\x1f-]|(?:{_LOOSE}|that|the\s+task|a\s+task|task)\s+(?=\x1f)|(?<=\x1f)\s*(?:to|that)\s+)+"
    rf"|(?:[\s,;:.(\x1f]|-(?=[\s\x1f]*\x1f)|(?<=[\s\x1f])(?:{_LOOSE}|which\s+is|that\s+is|is|it['’]s)(?=[\s,\x1f]*$))+$"
)


def make_title(rest: str, quoted: list[str]) -> str:
    """Return the rest of a sentence as a title: capitalised, or exactly as quoted."""
    previous = None
    while previous != rest:
        previous, rest = rest, _LOOSE_ENDS.sub("", rest)
    rest = re.sub(r"\(\s*\x1f+\s*\)", MASK, rest)
    rest = re.sub(r"\s*\x1f[\s,]*(?:\x1f[\s,]*)*", " ", rest).strip()
    rest = re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", rest)
    rest = rest.rstrip("!.,;:") if not rest.endswith("...") else rest
    parts = iter(quoted)
    whole = re.sub(f"{BLANK}+", lambda _: next(parts, ""), rest).strip()
    if rest.startswith(BLANK):
        return whole
    # "iPhone" and "eBay" keep their capitalisation.
    plain = whole[:2].islower() or len(whole) == 1 or whole[1:2] in ("", " ")
    return whole[:1].upper() + whole[1:] if plain else whole


def read_task(text: str, now: datetime) -> NewTask | None:
    """Return the task that a sentence without a verb describes, or None without a title.

    Raises:
        ImpossibleDateError: when a date or time does not exist.
    """
    sentence = Sentence(text)
    details = find_details(sentence.text, now)
    quoted = sentence.quoted()
    title = make_title(details.rest, quoted)
    description = details.description
    if description:
        parts = iter(quoted[details.rest.count(BLANK) and len(re.findall(f"{BLANK}+", details.rest)) :])
        description = re.sub(f"{BLANK}+", lambda _: next(parts, ""), description)
    if not title:
        return None
    return NewTask(
        title,
        description,
        details.priority,
        details.tags,
        details.due,
        details.spans,
        details.notes,
        details.reminder,
    )
