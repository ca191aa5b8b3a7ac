"""The fields of a new task in a sentence: title, tags, priority, due date, repetition and description."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.language.dates import When, find_when, left_in_title
from app.language.pieces import PREPOSITION
from app.language.sentences import BLANK, Sentence, compiled

Priority = Literal["high", "medium", "low"]
Field = Literal["priority", "tag", "due", "description"]
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


def priority_of(said: str) -> Priority:
    """Return the priority that a word or a mark means."""
    word = said.lower()
    if word.startswith("not"):
        return "low"
    return "high" if word.startswith(("!", "asap", "urgent")) else _PRIORITY_WORDS[word]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a field stands in the sentence: code points from `start` to before `end`."""

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
    if note := _DESCRIPTION.search(text):
        description = note[1].strip()
        taken.take("description", *note.span())
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
    found = find_when(taken.rest, now)
    if found:
        notes += found.notes
        for start, end in found.spans:
            taken.take("due", start, end)
    elif phrase := left_in_title(taken.rest, now):
        day = re.sub(rf"^(?:{PREPOSITION}\s+)+", "", phrase, flags=re.IGNORECASE)
        notes.append(f"I left “{phrase}” in the title. For a date, say: on {day}")
    spans = tuple(sorted(taken.spans, key=lambda span: span.start))
    due = found.when if found else None
    return Details(taken.rest, tuple(dict.fromkeys(tags)), priority, due, description, spans, tuple(notes))


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
        title, description, details.priority, details.tags, details.due, details.spans, details.notes
    )
