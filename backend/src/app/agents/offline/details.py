"""Parse the details of a new task: tags, priority, due date and description."""

import re
from dataclasses import dataclass
from datetime import datetime

from app.agents.offline.dates import Found, When, find_when
from app.agents.offline.intents import NewTask, Priority
from app.agents.offline.sentences import BLANK, Sentence, compiled

TAG = compiled(r"(?<![\w&#])#((?=[\w-]*[^\W\d_])[\w-]{1,50})")
_TAG_WORDS = compiled(
    r"[\s,]*\b(?:(?:and\s+)?tagged(?:\s+(?:as|with))?|(?:with\s+)?(?:the\s+)?tags?:?)\s+"
    r"((?!to\b|from\b)#?[\w-]+(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+)#?[\w-]+)*)(?=\s*(?:$|[,.;!?]|\b(?:by|on|at|due|with|for)\b))"
)
_PRIORITY_WORDS: dict[str, Priority] = {
    "high": "high",
    "highest": "high",
    "top": "high",
    "urgent": "high",
    "important": "high",
    "critical": "high",
    "medium": "medium",
    "normal": "medium",
    "default": "medium",
    "low": "low",
    "lowest": "low",
    "unimportant": "low",
    "p1": "high",
    "p2": "medium",
    "p3": "low",
    "p4": "low",
}
LEVEL = r"(high(?:est)?|top|urgent|important|critical|medium|normal|default|low(?:est)?)"
PRIORITIES = (
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


def priority_of(said: str) -> Priority:
    word = said.lower()
    if word.startswith("not"):
        return "low"
    return "high" if word.startswith(("!", "asap", "urgent")) else _PRIORITY_WORDS[word]


@dataclass(frozen=True, slots=True)
class _Details:
    """The details of a sentence, and the sentence without them."""

    rest: str
    tags: tuple[str, ...]
    priority: Priority | None
    due: When | None
    description: str


_DESCRIPTION = compiled(
    r"[\s,;.(]*\b(?:with\s+(?:the\s+|a\s+)?)?(?:description|details?|notes?)(?:\s*(?::|=|\bis\b|\bsaying\b)\s*)(.+)$"
)


def _restored(masked: str, quoted: list[str]) -> str:
    parts = iter(quoted)
    return re.sub(f"{BLANK}+", lambda _: next(parts, ""), masked)


def _blanked(text: str, start: int, end: int) -> str:
    """Replace a span with a separator, so that the words around it do not form one phrase."""
    return f"{text[:start].rstrip()} \x1f {text[end:].lstrip()}"


def find_details(text: str, now: datetime) -> _Details:
    """Parse tags, priority, date and description in a sentence with blanked quotes."""
    description = ""
    note = _DESCRIPTION.search(text)
    if note:
        description, text = note[1].strip(), text[: note.start()]
    tags: list[str] = []
    for match in _TAG_WORDS.finditer(text):
        tags += [tag.lstrip("#").lower() for tag in re.split(r"\s*,\s*|\s+and\s+", match[1]) if tag]
    text = _TAG_WORDS.sub(" \x1f ", text)
    tags += [tag.lower() for tag in TAG.findall(text)]
    text = TAG.sub(" \x1f ", text)
    priority: Priority | None = None
    for pattern in PRIORITIES:
        if level := pattern.search(text):
            priority = priority_of(next(group for group in level.groups() if group))
            text = _blanked(text, *level.span())
            break
    # A separator also ends a phrase.
    found: Found | None = find_when(text.replace("\x1f", ","), now)
    due = None
    if found:
        due = found.when
        for start, end in reversed(found.spans):
            text = _blanked(text, start, end)
    return _Details(text, tuple(dict.fromkeys(tags)), priority, due, description)


_LOOSE_ENDS = compiled(
    r"^(?:[\s,;:.\x1f-]|(?:and|due|by|on|at|for|to|with|the\s+task|a\s+task|task)\s+(?=\x1f))+"
    r"|(?:[\s,;:.\x1f-]|(?<=[\s\x1f])(?:and|due|by|on|at|for|until|before|with|which\s+is|that\s+is|is|it['’]s)(?=[\s,\x1f]*$))+$"
)


def make_title(rest: str, quoted: list[str]) -> str:
    """Return the rest of a sentence as a title: capitalised, or exactly as quoted."""
    previous = None
    while previous != rest:
        previous, rest = rest, _LOOSE_ENDS.sub("", rest)
    rest = re.sub(r"\s*\x1f[\s,]*(?:\x1f[\s,]*)*", " ", rest).strip()
    rest = re.sub(r"\s+([,.;:!?])", r"\1", rest)
    rest = rest.rstrip("!.,;:") if not rest.endswith("...") else rest
    whole = _restored(rest, quoted).strip()
    if rest.startswith(BLANK):
        return whole
    # "iPhone" and "eBay" keep their capitalisation.
    return (
        whole[:1].upper() + whole[1:]
        if whole[:2].islower() or len(whole) == 1 or whole[1:2] == " "
        else whole
    )


def read_task(text: str, now: datetime) -> NewTask | None:
    sentence = Sentence(text)
    details = find_details(sentence.text, now)
    quoted = sentence.quoted()
    title = make_title(details.rest, quoted)
    description = (
        _restored(details.description, quoted[details.rest.count(BLANK) :]) if details.description else ""
    )
    if not title:
        return None
    return NewTask(title, description, details.priority, details.tags, details.due)
