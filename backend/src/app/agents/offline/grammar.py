"""From a sentence to what the person wants: the grammar of the offline agent.

A sentence is read in three steps. Quoted parts are blanked out, so that nothing inside them is ever
interpreted. The verb decides the intent. What is left is searched for tags, a priority, a date; the rest is
the title. Nothing here knows of tools or of tasks that exist.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from app.agents.offline.dates import Found, When, Window, delayed, find_delay, find_when, find_window

Priority = Literal["high", "medium", "low"]
TITLE_LIMIT = 200
DESCRIPTION_LIMIT = 1000
SENTENCE_LIMIT = 500
"""Longer sentences are not read: nobody types them as commands, and patterns take time that grows faster."""
TASKS_PER_MESSAGE = 20
_BLANK = "\ufffc"


@dataclass(frozen=True, slots=True)
class Reference:
    """How a person points at tasks: by position in the last list, by "it", by name, or all of a kind."""

    positions: tuple[int, ...] = ()
    first: int | None = None
    it: bool = False
    name: str | None = None
    everything: Literal["all", "open", "completed"] | None = None
    tag: str | None = None

    def __bool__(self) -> bool:
        return bool(self.positions or self.first or self.it or self.name or self.everything)


@dataclass(frozen=True, slots=True)
class NewTask:
    """One task to add."""

    title: str
    description: str = ""
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    due: When | None = None


@dataclass(frozen=True, slots=True)
class Add:
    """Add these tasks; `left` more were named than one message may add."""

    tasks: tuple[NewTask, ...]
    left: int = 0


@dataclass(frozen=True, slots=True)
class ListTasks:
    """Show tasks that match."""

    status: Literal["open", "completed", "all"] = "open"
    priority: Priority | None = None
    tag: str | None = None
    query: str | None = None
    window: Window | None = None
    overdue: bool = False
    count_only: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """Mark as done."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Reopen:
    """Mark as not done."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Update:
    """Change what is not None. `delay` moves the due date that the task has by (count, unit)."""

    target: Reference
    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    due: When | None = None
    clear_due: bool = False
    delay: tuple[int, str] | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choose:
    """An answer to "which one?", or a position said alone."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Confirm:
    """Yes or no."""

    yes: bool


@dataclass(frozen=True, slots=True)
class Small:
    """Talk that asks for nothing."""

    kind: Literal["greeting", "thanks", "help"]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A verb without its object, such as "add" alone."""

    verb: Literal["add", "complete", "reopen", "delete", "update"]


@dataclass(frozen=True, slots=True)
class TooLong:
    """A sentence that is longer than any command."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Nothing that the grammar knows."""

    text: str


Intent = (
    Add
    | ListTasks
    | Complete
    | Reopen
    | Delete
    | Update
    | Choose
    | Confirm
    | Small
    | Incomplete
    | TooLong
    | NotUnderstood
)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


# Cleaning --------------------------------------------------------------------------------------------------


def _clean(message: str) -> str:
    """Return the message without control and formatting characters, with plain spaces; lines stay apart."""
    kept = (
        character
        for character in unicodedata.normalize("NFC", message)
        if character in "\n\t\u200c\u200d" or unicodedata.category(character) not in {"Cc", "Cs", "Cf"}
    )
    lines = (" ".join(line.split()) for line in "".join(kept).splitlines())
    return "\n".join(line for line in lines if line)


_QUOTED = _pattern(
    r'"([^"\n]+)"|“([^”\n]+)”|‘([^\n]+?)’(?!\w)|«([^»\n]+)»|(?<!\w)\'([^\'\n]+)\'(?!\w)|`([^`\n]+)`'
)


class _Sentence:
    """A sentence whose quoted parts are blanked out with characters that no rule reads."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = _QUOTED.sub(lambda match: _BLANK * len(match[0]), text)

    def quoted(self, start: int = 0, end: int | None = None) -> list[str]:
        """Return the quoted parts between two positions, without their quotes."""
        matches = _QUOTED.finditer(self.original[start:end])
        return [next(group for group in match.groups() if group is not None) for match in matches]


_POLITE_START = _pattern(
    r"^(?:(?:hey|hi|hello|ok|okay|so|well|and|then|now|also|please|pls|kindly|just|quickly)(?:\s+there)?[\s,!.]+"
    r"|(?:can|could|would|will)\s+you\s+(?:please\s+)?|i(?:['’]d|\s+would)\s+like\s+(?:you\s+)?to\s+"
    r"|i\s+want\s+(?:you\s+)?to\s+(?=add|create|delete|remove|complete|mark|rename|change|move|list|see|show|update)|let['’]?s\s+)+"
)
_POLITE_END = _pattern(
    r"[\s,]*(?:(?:\bplease|\bpls|\bthanks|\bthank\s+you|\bfor\s+me|\bright\s+now)[\s.!?]*)+$"
)


def _without_politeness(text: str) -> str:
    polite = _POLITE_START.match(text)
    if polite:
        text = text[polite.end() :]
        # "Could you add …?" is no question.
        text = text.rstrip("?") if "you" in polite[0].lower() else text
    return _POLITE_END.sub("", text).strip()


# What a task carries ---------------------------------------------------------------------------------------

_TAG = _pattern(r"(?<![\w&#])#((?=[\w-]*[^\W\d_])[\w-]{1,50})")
_TAG_WORDS = _pattern(
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
_LEVEL = r"(high(?:est)?|top|urgent|important|critical|medium|normal|default|low(?:est)?)"
_PRIORITIES = (
    _pattern(
        rf"[\s,;]*(?:\b(?:and|as|at|with|a|an|of|it['’]s|it\s+is|is|in)\s+)*[(\[]?\b{_LEVEL}[\s-]+prio(?:rity)?\b[)\]]?"
    ),
    _pattern(rf"[\s,;]*(?:\b(?:and|with|as|a)\s+)*[(\[]?\bprio(?:rity)?\s*(?:is|to|=|:)?\s*{_LEVEL}\b[)\]]?"),
    _pattern(r"(?<![\w#])[(\[]?(p[1-4])\b[)\]]?"),
    _pattern(
        r"(?:^|[\s,;(]+)(?:and\s+|as\s+|(?:it['’]s|it\s+is|that['’]s)\s+)?(?:very\s+|really\s+)?"
        r"(not\s+urgent|not\s+important|urgent(?:ly)?|important|asap|critical|unimportant)(?=\s*(?:$|[,.;:!)\ufffc]))"
    ),
    _pattern(r"^(urgent|important|asap)\s*[:,-]?\s+(?=\S)"),
    _pattern(r"(?:(?<=\s)|^)(!{1,3})(?=\s|$)|(!{2,})(?=\s|$)"),
)


def _priority_of(said: str) -> Priority:
    word = said.lower()
    if word.startswith("not"):
        return "low"
    return "high" if word.startswith(("!", "asap", "urgent")) else _PRIORITY_WORDS[word]


@dataclass(frozen=True, slots=True)
class _Details:
    """What was found in a sentence, and the sentence without it."""

    rest: str
    tags: tuple[str, ...]
    priority: Priority | None
    due: When | None
    description: str


_DESCRIPTION = _pattern(
    r"[\s,;.(]*\b(?:with\s+(?:the\s+|a\s+)?)?(?:description|details?|notes?)(?:\s*(?::|=|\bis\b|\bsaying\b)\s*)(.+)$"
)


def _restored(masked: str, quoted: list[str]) -> str:
    """Put the quoted parts back, in their order, where only their blanks are left."""
    parts = iter(quoted)
    return re.sub(f"{_BLANK}+", lambda _: next(parts, ""), masked)


def _blanked(text: str, start: int, end: int) -> str:
    """Cut a span out; a comma stands for it, so that what was apart does not become one phrase."""
    return f"{text[:start].rstrip()} \x1f {text[end:].lstrip()}"


def _details(text: str, now: datetime) -> _Details:
    """Find tags, priority, date and description in a sentence (with its quotes already blanked out)."""
    description = ""
    note = _DESCRIPTION.search(text)
    if note:
        description, text = note[1].strip(), text[: note.start()]
    tags: list[str] = []
    for match in _TAG_WORDS.finditer(text):
        tags += [tag.lstrip("#").lower() for tag in re.split(r"\s*,\s*|\s+and\s+", match[1]) if tag]
    text = _TAG_WORDS.sub(" \x1f ", text)
    tags += [tag.lower() for tag in _TAG.findall(text)]
    text = _TAG.sub(" \x1f ", text)
    priority: Priority | None = None
    for pattern in _PRIORITIES:
        if level := pattern.search(text):
            priority = _priority_of(next(group for group in level.groups() if group))
            text = _blanked(text, *level.span())
            break
    # The marks of what was cut out count as the end of a phrase.
    found: Found | None = find_when(text.replace("\x1f", ","), now)
    due = None
    if found:
        due = found.when
        for start, end in reversed(found.spans):
            text = _blanked(text, start, end)
    return _Details(text, tuple(dict.fromkeys(tags)), priority, due, description)


_LOOSE_ENDS = _pattern(
    r"^(?:[\s,;:.\x1f-]|(?:and|due|by|on|at|for|to|with|the\s+task|a\s+task|task)\s+(?=\x1f))+"
    r"|(?:[\s,;:.\x1f-]|(?<=[\s\x1f])(?:and|due|by|on|at|for|until|before|with|which\s+is|that\s+is|is|it['’]s)(?=[\s,\x1f]*$))+$"
)


def _title(rest: str, quoted: list[str]) -> str:
    """Return what is left of a sentence as a title: tidy, with a capital, or exactly what was quoted."""
    previous = None
    while previous != rest:
        previous, rest = rest, _LOOSE_ENDS.sub("", rest)
    rest = re.sub(r"\s*\x1f[\s,]*(?:\x1f[\s,]*)*", " ", rest).strip()
    rest = re.sub(r"\s+([,.;:!?])", r"\1", rest)
    rest = rest.rstrip("!.,;:") if not rest.endswith("...") else rest
    whole = _restored(rest, quoted).strip()
    if rest.startswith(_BLANK):
        return whole
    # "iPhone" and "eBay" keep their own capitals.
    return (
        whole[:1].upper() + whole[1:]
        if whole[:2].islower() or len(whole) == 1 or whole[1:2] == " "
        else whole
    )


def _new_task(text: str, now: datetime) -> NewTask | None:
    sentence = _Sentence(text)
    details = _details(sentence.text, now)
    quoted = sentence.quoted()
    title = _title(details.rest, quoted)
    description = (
        _restored(details.description, quoted[details.rest.count(_BLANK) :]) if details.description else ""
    )
    if not title:
        return None
    return NewTask(title, description, details.priority, details.tags, details.due)


# References ------------------------------------------------------------------------------------------------

_ORDINALS = {
    word: number
    for number, words in enumerate(
        (
            ("first", "1st"),
            ("second", "2nd"),
            ("third", "3rd"),
            ("fourth", "4th"),
            ("fifth", "5th"),
            ("sixth", "6th"),
            ("seventh", "7th"),
            ("eighth", "8th"),
            ("ninth", "9th"),
            ("tenth", "10th"),
        ),
        1,
    )
    for word in words
}
_COUNTS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1
    )
}
_ORDINAL = r"(?:" + "|".join(_ORDINALS) + r"|last|\d{1,3}(?:st|nd|rd|th))"
_POSITION = (
    rf"(?:(?:the\s+)?{_ORDINAL}(?:\s+(?:one|task|item|entry|todo))?"
    r"|(?:(?:task|item|number|no\.?|nr\.?|todo)\s+)?#?\d{1,3})"
)
_POSITIONS = _pattern(
    rf"^(?:(?:tasks|items|numbers)\s+)?{_POSITION}"
    rf"(?:(?:\s*,\s*|\s+and\s+|\s*&\s*|\s*,\s*and\s+|\s+){_POSITION})*$"
)
_RANGE = _pattern(r"^(?:(?:tasks|items|numbers)\s+)?#?(\d{1,3})\s*(?:-|–|to|through)\s*#?(\d{1,3})$")
_FIRST = _pattern(
    r"^(?:the\s+)?(first|top|last)\s+(\d{1,2}|" + "|".join(_COUNTS) + r")(?:\s+(?:ones|tasks|items))?$"
)
_IT = _pattern(
    r"^(?:it|that|this|that\s+one|this\s+one|that\s+task|this\s+task|the\s+task|them|those|these)$"
)
_EVERYTHING = _pattern(
    r"^(?:(?:absolutely\s+)?(?:everything|all|all\s+of\s+(?:them|it|these|those))"
    r"|(?:(?:all|every)(?:\s+(?:of\s+)?(?:my|the|these|those))?|my(?:\s+(?:whole|entire))?|the\s+(?:whole|entire))"
    r"(?:\s+(open|active|pending|completed|complete|finished|done|closed))?\s*(?:tasks?|to-?dos?|items?|list|ones|things?|stuff)?"
    r"|(?:the\s+)?(open|active|pending|completed|finished|done|closed)(?:\s+(?:tasks|to-?dos|items|ones|things|stuff)))"
    r"(?:\s+(?:on|from|in)\s+(?:my|the)\s+list)?(?:\s+(?:tagged|with\s+tag)\s+#?([\w-]+)|\s+#([\w-]+))?$"
)
_ARTICLES = _pattern(
    r"^(?:(?:my|the|a|an|that|this)\s+)?(?:(?:task|to-?do|item|one|reminder)\s+)?(?:(?:called|named|titled|about|to|for|:)\s+)?(?:my\s+|the\s+)?"
)
_TAIL = _pattern(
    r"\s+(?:from|off|on|in)\s+(?:my|the)\s+(?:to-?do\s+)?(?:list|tasks|to-?dos)$|\s+(?:task|to-?do|item|reminder)$"
)
_LAST = -1


def parse_reference(text: str) -> Reference:
    """Read how a person points at tasks; a falsy reference when nothing is left to point with."""
    sentence = _Sentence(text.strip(" ,.;:!?"))
    quoted = sentence.quoted()
    if quoted and not sentence.text.replace(_BLANK, "").strip(" ,.;:!?"):
        return Reference(name=quoted[0])
    plain = sentence.text.lower()
    if _IT.match(plain):
        return Reference(it=True)
    everything = _EVERYTHING.match(plain)
    if everything:
        kind = everything[1] or everything[2]
        status: Literal["all", "open", "completed"] = (
            "all" if kind is None else "open" if kind in {"open", "active", "pending"} else "completed"
        )
        return Reference(everything=status, tag=everything[3] or everything[4])
    first = _FIRST.match(plain)
    if first:
        count = _COUNTS.get(first[2]) or int(first[2])
        return Reference(first=-count if first[1] == "last" else count)
    span = _RANGE.match(plain)
    if span:
        low, high = int(span[1]), int(span[2])
        if 0 < low <= high <= low + 99:
            return Reference(positions=tuple(range(low, high + 1)))
    if _POSITIONS.match(plain):
        words = re.findall(rf"{_ORDINAL}|\d{{1,3}}", plain)
        return Reference(positions=tuple(dict.fromkeys(_position(word) for word in words)))
    whole = sentence.original
    if quoted:
        return Reference(name=max(quoted, key=len))
    name = _TAIL.sub("", _ARTICLES.sub("", whole, count=1)).strip(" ,.;:!?")
    return Reference(name=name or whole or None)


def _position(word: str) -> int:
    if word == "last":
        return _LAST
    return _ORDINALS.get(word) or int(re.sub(r"\D", "", word))


# Verbs -----------------------------------------------------------------------------------------------------

_TASK_NOUN = r"(?:task|to-?do|item|reminder|entry|note)"
_ADD = (
    _pattern(
        rf"^(?:add|create|make|new|insert|enter|jot\s+down|write\s+down)\s*:?\s+(?:(?:me\s+)?(?:a|an|another|the)\s+)?(?:new\s+)?"
        rf"(?P<qualifier>(?:urgent|important|high[\s-]priority|low[\s-]priority|medium[\s-]priority)\s+)?"
        rf"{_TASK_NOUN}s?(?:\s+(?:to\s+my\s+list|on\s+my\s+list))?\s*(?:to|for|called|named|titled|about|that\s+says|which\s+says|saying|:|-|,|\s)\s*(?P<body>.+)$"
    ),
    _pattern(rf"^(?:new\s+)?{_TASK_NOUN}\s*[:-]\s*(?P<body>.+)$"),
    _pattern(r"^(?:add|create|put|insert|schedule|jot\s+down|write\s+down)\b\s*:?\s*(?P<body>.+)$"),
    _pattern(
        r"^(?:please\s+)?(?:set\s+(?:a|up\s+a)\s+reminder|remind\s+me)(?:\s+(?:to|about|that\s+i\s+(?:need|have)\s+to|of|for))?\s+(?P<body>.+)$"
    ),
    _pattern(r"^remember\s+(?:to|that\s+i\s+(?:need|have)\s+to)\s+(?P<body>.+)$"),
    _pattern(r"^(?:don['’]?t|do\s+not|never)\s+(?:let\s+me\s+)?forget\s+(?:to\s+|about\s+)?(?P<body>.+)$"),
    _pattern(
        r"^i\s*(?:['’]ve\s+got|have\s+got|have|need|must|should|ought|gotta|want|['’]d\s+better|['’]ll\s+have)\s+(?:to\s+)?(?!to\s+(?:see|know|list)|(?:a|any|no|nothing)\b)(?P<body>.+)$"
    ),
    _pattern(r"^\+\s*(?P<body>.+)$"),
)
_ON_MY_LIST = _pattern(
    r"\s+(?:to|on|onto|in|into)\s+(?:my|the)\s+(?:to-?do\s+|task\s+)?(?:list|tasks|to-?dos)\b"
)

_LIST = (
    _pattern(
        r"^(?:list|show|see|view|display|get|print|give|tell|read|find|search|look|filter|which|what|what['’]s|whats|anything|any|how\s+many|count|do\s+i\s+have|have\s+i\s+got)\b"
    ),
    _pattern(
        r"^(?:all\s+|my\s+|open\s+|completed\s+|done\s+|finished\s+|overdue\s+|the\s+)*(?:tasks|to-?dos|to\s+do|list|agenda|items|overdue)(?:\s+list)?(?:\s+(?:for|due|tagged|with|this|next|by|before)\b.*)?\s*[?.!]*$"
    ),
    _pattern(
        r"^(?:all|my|open|completed|done|finished|overdue|urgent|important|(?:high|medium|low)[\s-]priority)\s+(?:tasks|to-?dos|items|ones)\b"
    ),
    _pattern(r"^(?:today|tomorrow|this\s+week|next\s+week|overdue|agenda)\s*\??$"),
)
_LIST_NOISE = _pattern(
    r"\b(?:list|show|see|view|display|get|print|give|tell|read|which|what['’]?s?|whats|anything|any|how|many|count|do|does|i|have|has|had|got|is|are|was|were|me|my|the|of|all|to|do|"
    r"tasks?|to-?dos?|todos?|items?|ones|things?|stuff|list|there|that|on|up|for|in|out|open|active|pending|current|remaining|left|still|completed?|finished|done|closed|overdue|late|"
    r"missed|every|everything|due|please|a|an|need|needs|should|must|plate|agenda|now|next|coming|upcoming|be|been|both|and|or|with|without|sorted|by|priority|tagged|tags?|it|again|go|first|today['’]s|tomorrow['’]s|"
    r"yet|so|far|left|mine|yours?|can|you|about|at|look|the|week|weekend|month|days?|today|tomorrow|within)\b"
)
_SEARCH = _pattern(
    r"^(?:find|search(?:\s+for)?|look\s+for|look\s+up)\s+(?:(?:all\s+)?(?:my\s+|the\s+)?(?:tasks?|to-?dos?|items?)\s+)?(?:(?:about|with|containing|for|named|called|matching|mentioning)\s+)?(?P<query>.+)$"
    r"|\b(?:about|containing|mentioning|matching|with\s+the\s+word|that\s+mention)\s+(?P<about>.+)$"
)

_DONE = r"(?:done|complete|completed|finished|closed|checked(?:\s+off)?|ticked(?:\s+off)?)"
_NOT_DONE = (
    r"(?:(?:not|un)[\s-]?(?:done|complete[d]?|finished|checked)"
    r"|open|incomplete|unfinished|to\s*do|pending|active|undone)"
)
_REOPEN = (
    _pattern(
        r"^(?:re-?open|un-?complete|un-?check|un-?tick|un-?finish|un-?do|restore|re-?activate|bring\s+back)\b\s*(?P<target>.*)$"
    ),
    _pattern(
        rf"^(?:mark|set|make|put)\s+(?P<target>.+?)\s+(?:as\s+|to\s+|back\s+to\s+)?{_NOT_DONE}(?:\s+again)?$"
    ),
    _pattern(
        r"^(?P<target>.+?)\s+(?:is|are|was|were|isn['’]?t|aren['’]?t|wasn['’]?t)\s+(?:not\s+)?(?:really\s+|actually\s+)?(?:un)?(?:done|complete[d]?|finished)(?:\s+(?:yet|after\s+all))$"
    ),
    _pattern(
        r"^(?P<target>.+?)\s+(?:(?:is|are|was|were)\s+not|isn['’]?t|aren['’]?t|wasn['’]?t)\s+(?:done|complete[d]?|finished)$"
    ),
    _pattern(
        r"^i\s+(?:did\s+not|didn['’]?t|have\s+not|haven['’]?t)\s+(?:finish|complete|do|done|completed|finished)\s+(?P<target>.+?)(?:\s+yet|\s+after\s+all)?$"
    ),
)
_COMPLETE = (
    _pattern(
        rf"^(?:mark|set|make|put|flag)\s+(?:off\s+)?(?P<target>.+?)\s+(?:as\s+|to\s+)?(?:being\s+)?{_DONE}$"
    ),
    _pattern(
        r"^(?:complete|finish|check\s+off|tick\s+off|cross\s+off|tick|check|close|resolve|done\s+with|mark\s+off|mark)\b\s*:?\s*(?P<target>.*)$"
    ),
    _pattern(r"^(?:cross|check|tick|mark)\s+(?P<target>.+?)\s+off(?:\s+(?:my|the)\s+list)?$"),
    _pattern(
        r"^(?:i\s*(?:['’]ve|\s+have)?|i['’]m|i\s+am)\s+(?:just\s+|already\s+|now\s+)*(?:finished|completed|done|did)(?:\s+with)?\s+(?P<target>.+)$"
    ),
    _pattern(r"^(?:all\s+)?done\s*[:,-]?\s+(?P<target>.+)$"),
    _pattern(
        rf"^(?P<target>.+?)\s+(?:is|are|was|has\s+been|have\s+been|['’]s)\s+(?:now\s+|already\s+|all\s+)?{_DONE}(?:\s+now|\s+already)?$"
    ),
    _pattern(r"^(?P<target>it|that|this|\ufffc+|the\s+\w+(?:\s+one)?|#?\d+)(?:['’]s)?\s+done$"),
)
_DELETE = (
    _pattern(
        r"^(?:delete|remove|erase|drop|discard|cancel|clear(?:\s+out|\s+away)?|trash|scrap|wipe(?:\s+out)?|get\s+rid\s+of|throw\s+(?:away|out)|forget(?:\s+about)?|del|rm)\b\s*:?\s*(?P<target>.*)$"
    ),
    _pattern(r"^(?:take|strike)\s+(?P<target>.+?)\s+(?:off|from)\s+(?:my|the)\s+list$"),
    _pattern(
        r"^i\s+(?:don['’]?t|do\s+not|no\s+longer)\s+need\s+(?:to\s+)?(?P<target>.+?)(?:\s+any\s?more|\s+any\s+longer)?$"
    ),
)
_CLEAR_DUE = (
    _pattern(
        r"^(?:remove|clear|delete|drop|unset)\s+(?:the\s+)?(?:due\s+date|deadline|date|due|reminder|time)\s+(?:from|of|on|for)\s+(?P<target>.+)$"
    ),
    _pattern(
        r"^(?:make|set|leave)\s+(?P<target>.+?)\s+(?:with\s+no|without\s+(?:a|any)|to\s+no|have\s+no)\s+(?:due\s+)?(?:date|deadline)$"
    ),
    _pattern(r"^(?P<target>.+?)\s+has\s+no\s+(?:due\s+date|deadline|date)$"),
)
_REMOVE_TAG = (
    _pattern(
        r"^(?:remove|delete|drop|take)\s+(?:the\s+)?(?:tags?\s+#?(?P<tag>[\w-]+)|#(?P<hash>[\w-]+)(?:\s+tag)?|(?P<word>[\w-]+)\s+tag)\s+(?:from|off|of)\s+(?P<target>.+)$"
    ),
    _pattern(r"^untag\s+(?P<target>.+?)\s+(?:from\s+|with\s+)?(?:#(?P<hash>[\w-]+)|(?P<word>[\w-]+))$"),
)
_ADD_TAG = (
    _pattern(
        r"^(?:add|put|attach)\s+(?:the\s+)?(?:tags?\s+)(?P<tags>#?[\w-]+(?:(?:\s*,\s*|\s+and\s+)#?[\w-]+)*)\s+(?:to|on)\s+(?P<target>.+)$"
    ),
    _pattern(
        r"^(?:add|put|attach)\s+(?P<tags>#[\w-]+(?:(?:\s*,?\s*|\s+and\s+)#[\w-]+)*)\s+(?:to|on)\s+(?!my\s+list)(?P<target>.+)$"
    ),
    _pattern(
        r"^(?:tag|label)\s+(?P<target>.+?)\s+(?:with\s+|as\s+)(?P<tags>#?[\w-]+(?:(?:\s*,\s*|\s+and\s+)#?[\w-]+)*)$"
    ),
    _pattern(r"^(?:tag|label)\s+(?P<target>.+?)\s+(?P<tags>#[\w-]+(?:\s+#[\w-]+)*)$"),
)
_SET_PRIORITY = (
    _pattern(
        rf"^(?:set|change|make|raise|lower|increase|decrease|put|bump|update)\s+(?:the\s+)?prio(?:rity)?\s+(?:of|for|on)\s+(?P<target>.+?)\s+(?:to|as|=)\s+(?P<level>{_LEVEL}|p[1-4])(?:\s+priority)?$"
    ),
    _pattern(
        rf"^(?:set|change|make|put|mark|flag|bump|update)\s+(?P<target>.+?)(?:['’]s)?\s+(?:as\s+|to\s+(?:be\s+)?|at\s+|a\s+|into\s+)*(?:prio(?:rity)?\s*(?:to|:|=)?\s*)?(?P<level>{_LEVEL}|p[1-4]|unimportant|not\s+(?:urgent|important))(?:[\s-]+prio(?:rity)?)?$"
    ),
    _pattern(
        rf"^(?P<target>.+?)\s+(?:is|are|has|should\s+be)\s+(?:now\s+|a\s+|very\s+)*(?P<level>{_LEVEL}|p[1-4]|not\s+(?:urgent|important))(?:[\s-]+prio(?:rity)?)?$"
    ),
    _pattern(r"^(?:prioriti[sz]e)\s+(?P<target>.+)$"),
)
_RENAME = (
    _pattern(r"^(?:rename|retitle)\s+(?P<target>.+?)\s+(?:to|as|into|->|→)\s+(?P<title>.+)$"),
    _pattern(
        r"^(?:change|set|update|edit)\s+(?:the\s+)?(?:title|name|text|wording)\s+(?:of|for)\s+(?P<target>.+?)\s+(?:to|as)\s+(?P<title>.+)$"
    ),
    _pattern(r"^call\s+(?P<target>it|that|(?:the\s+)?\w+\s+one|#\d+|\ufffc+)\s+(?P<title>\S.*)$"),
)
_DESCRIBE = (
    _pattern(
        r"^(?:add|set|put|attach|change|update)\s+(?:a\s+|the\s+)?(?:notes?|descriptions?|details?|comment)\s+(?:to|of|for|on)\s+(?P<target>.+?)\s*(?::|\bto\b|\bsaying\b|\bthat\b|=)\s*(?P<text>.+)$"
    ),
    _pattern(
        r"^(?:add|set)\s+(?:a\s+)?(?:note|description)\s+(?P<text>\ufffc+)\s+(?:to|for)\s+(?P<target>.+)$"
    ),
)
_SET_DUE = (
    _pattern(
        r"^(?:change|set|move|update|push|shift)\s+(?:the\s+)?(?:due\s+date|deadline|date|due|time|due\s+time)\s+(?:of|for|on)\s+(?P<target>.+?)\s+(?:to|for|until|on|as|by|at)\s+(?P<when>.+)$"
    ),
    _pattern(r"^bring\s+(?P<target>.+?)\s+forward\s+(?P<when>(?:by|to|on)\s+.+)$"),
    _pattern(
        r"^(?:move|postpone|reschedule|push(?:\s+back)?|delay|defer|shift|snooze|bring\s+forward|put\s+off|schedule)\s+(?P<target>.+?)\s+(?P<when>(?:back\s+)?(?:to|until|till|for|by|on|from|at)\s+.+|(?:tomorrow|today|tonight|next|this|in|on|by|mon|tue|wed|thu|fri|sat|sun)\w*\b.*)$"
    ),
    _pattern(
        r"^(?:set|make|change|update|edit)\s+(?P<target>.+?)\s+(?:to\s+be\s+|to\s+)?(?P<when>due\s+.+)$"
    ),
    _pattern(r"^(?:update|edit|change|set)\s+(?P<target>.+?)(?:\s+to|\s*[:,])\s+(?P<when>.+)$"),
    _pattern(r"^(?P<target>.+?)\s+(?:is|are|should\s+be|needs\s+to\s+be)\s+(?P<when>due\s+.+)$"),
)
_YES = _pattern(
    r"^(?:yes|y|yeah|yep|yup|sure|ok|okay|do\s+it|go\s+ahead|confirm(?:ed)?|of\s+course|absolutely|definitely|certainly|please\s+do|yes\s+please|yes,?\s+(?:do\s+it|go\s+ahead|delete\s+.*|all.*|i\s+am\s+sure|i['’]m\s+sure)|i['’]m\s+sure|proceed)[\s.!]*$"
)
_NO = _pattern(
    r"^(?:no|n|nope|nah|cancel|stop|never\s?mind|don['’]?t|do\s+not|leave\s+(?:it|them)|no\s+thanks?(?:\s+you)?|not\s+now|forget\s+it|abort)[\s.!,]*(?:please|thanks|don['’]?t(?:\s+delete.*)?)?[\s.!]*$"
)
_GREETING = _pattern(
    r"^(?:hi|hey|hello|howdy|yo|good\s+(?:morning|afternoon|evening|day)|greetings|hiya)(?:\s+(?:there|you|bot|again|everyone))?[\s.!,?]*$"
)
_THANKS = _pattern(
    r"^(?:(?:many\s+)?thanks?(?:\s+(?:you|a\s+lot|so\s+much|very\s+much|again))*|thx|ty|cheers|great|perfect|cool|nice|awesome|good\s+(?:job|bot|work)|well\s+done|bye|goodbye|see\s+you)(?:[\s,]+(?:thanks|thank\s+you))?[\s.!]*$"
)
_HELP = _pattern(
    r"^(?:help|help\s+me|\?+|what\s+(?:can|do)\s+(?:you|i)\s+(?:do|say|type|ask)(?:\s+here)?|how\s+(?:does\s+(?:this|it)\s+work|do\s+(?:you|i)\s+(?:work|use\s+(?:this|you))|can\s+you\s+help(?:\s+me)?)|who\s+are\s+you|what\s+are\s+you|instructions|commands|usage)[\s.!?]*$"
)
_VERB_ALONE = {
    "add": "add",
    "create": "add",
    "new": "add",
    "new task": "add",
    "add task": "add",
    "add a task": "add",
    "create a task": "add",
    "remind me": "add",
    "rename": "update",
    "update": "update",
    "change": "update",
    "edit": "update",
    "move": "update",
    "reschedule": "update",
    "postpone": "update",
    "mark": "complete",
    "complete": "complete",
    "check off": "complete",
    "delete": "delete",
    "remove": "delete",
    "clear": "delete",
}


def _first_match(patterns: tuple[re.Pattern[str], ...], text: str) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.match(text))), None)


def _target(sentence: _Sentence, match: re.Match[str], group: str = "target") -> Reference:
    return parse_reference(sentence.original[slice(*match.span(group))])


def parse(message: str, now: datetime) -> Intent:
    """Return what a message asks for.

    Args:
        message: as the person typed it.
        now: the present time on the person's own clock (aware).

    Raises:
        ImpossibleDateError: when it names a day or a time that does not exist.
    """
    text = _clean(message)
    if not text:
        return NotUnderstood(message)
    lines = text.split("\n")
    if len(lines) > 1:
        several = _several(lines, now)
        if several is not None:
            return several
        text = " ".join(lines)
    if len(text) > SENTENCE_LIMIT:
        return _with_long_note(text, now)
    return _small_talk(text) or _command(_without_politeness(text), now) or _bare(text, now)


_NOTE = _pattern(r"\b(?:with\s(?:the\s|a\s)?)?(?:description|details|notes?)\s?[:=]\s?")


def _with_long_note(text: str, now: datetime) -> Intent:
    """Read a long message whose length is that of the note of a new task; any other is too long."""
    note = _NOTE.search(text, 0, SENTENCE_LIMIT)
    if note:
        added = parse(text[: note.start()], now)
        if isinstance(added, Add) and len(added.tasks) == 1:
            return Add((replace(added.tasks[0], description=text[note.end() :]),))
    return TooLong()


def _several(lines: list[str], now: datetime) -> Intent | None:
    """Read a heading such as "add:" with a line for each task, or bullets; None for anything else."""
    heading = re.compile(
        r"^(?:please\s+)?(?:add|create|new|put)?(?:\s+(?:these|the\s+following|my|some|new))*"
        r"\s*(?:tasks|to-?dos|items)?[\s:]*$",
        re.IGNORECASE,
    )
    bullet = re.compile(r"^(?:[-*•+]|\d{1,2}[.)]|\[\s?\])\s+")
    entries = lines[1:] if heading.match(lines[0][:SENTENCE_LIMIT]) else lines
    if len(entries) == len(lines) and not all(bullet.match(line) for line in lines):
        return None
    if any(len(entry) > SENTENCE_LIMIT for entry in entries[:TASKS_PER_MESSAGE]):
        return TooLong()
    wanted = (_new_task(bullet.sub("", entry), now) for entry in entries[:TASKS_PER_MESSAGE])
    tasks = tuple(task for task in wanted if task is not None)
    return Add(tasks, left=max(0, len(entries) - TASKS_PER_MESSAGE)) if tasks else None


def _small_talk(text: str) -> Intent | None:
    if _HELP.match(text):
        return Small("help")
    if _YES.match(text):
        return Confirm(yes=True)
    if _NO.match(text):
        return Confirm(yes=False)
    if _GREETING.match(text):
        return Small("greeting")
    if _THANKS.match(text):
        return Small("thanks")
    return None


def _command(text: str, now: datetime) -> Intent | None:
    alone = _VERB_ALONE.get(text.lower().strip(" .:!"))
    if alone is not None:
        return Incomplete(alone)  # type: ignore[arg-type]
    return _update(text, now) or _change_status(text) or _list(text, now) or _add(text, now) or _choice(text)


def _stripped(text: str) -> _Sentence:
    return _Sentence(text.rstrip(" .!?"))


def _change_status(text: str) -> Intent | None:
    sentence = _stripped(text)
    if _ON_MY_LIST.search(sentence.text) and re.match(r"^put\b", sentence.text, re.IGNORECASE):
        return None
    for patterns, intent in ((_REOPEN, Reopen), (_COMPLETE, Complete), (_DELETE, Delete)):
        match = _first_match(patterns, sentence.text)
        if match is None or re.match(
            r"^(?:what|which|how|add|create|remind|show|list)\b", sentence.text, re.IGNORECASE
        ):
            continue
        target = _target(sentence, match)
        return intent(target or Reference(it=True))
    if re.match(r"^(?:all\s+)?done$|^finished$|^i(?:['’]m| am) done$", sentence.text, re.IGNORECASE):
        return Complete(Reference(it=True))
    return None


def _tags(text: str) -> tuple[str, ...]:
    words = re.split(r"\s*,\s*|\s+and\s+|\s+", text.strip())
    return tuple(dict.fromkeys(word.lstrip("#").lower() for word in words if word.strip("#")))


def _update(text: str, now: datetime) -> Intent | None:
    sentence = _stripped(text)
    if re.match(
        r"^(?:what|which|how|show|list|remind|add\s+(?:a\s+)?task|i\s)\b", sentence.text, re.IGNORECASE
    ):
        return None
    plain = sentence.text

    def quoted_or_said(match: re.Match[str], group: str) -> str:
        start, end = match.span(group)
        quoted = sentence.quoted(start, end)
        if quoted and not plain[start:end].replace(_BLANK, "").strip():
            return quoted[0]
        return sentence.original[start:end].strip()

    if match := _first_match(_CLEAR_DUE, plain):
        return Update(_target(sentence, match), clear_due=True)
    if match := _first_match(_REMOVE_TAG, plain):
        groups = match.groupdict()
        tag = groups.get("tag") or groups.get("hash") or groups.get("word") or ""
        return Update(_target(sentence, match), remove_tags=(tag.lower(),))
    if match := _first_match(_ADD_TAG, plain):
        return Update(_target(sentence, match), add_tags=_tags(match["tags"]))
    if match := _first_match(_DESCRIBE, plain):
        return Update(_target(sentence, match), description=quoted_or_said(match, "text")[:DESCRIPTION_LIMIT])
    if match := _first_match(_RENAME, plain):
        return Update(
            _target(sentence, match), title=_title_said(quoted_or_said(match, "title"), plain, match, "title")
        )
    if match := _first_match(_SET_PRIORITY, plain):
        groups = match.groupdict()
        level = groups.get("level") or "high"
        target = _target(sentence, match)
        if (
            not re.match(r"^(?:mark|make|set)\b", plain, re.IGNORECASE)
            and target.name
            and find_when(plain, now)
        ):
            return None
        return Update(target, priority=_priority_of(level))
    for pattern in _SET_DUE:
        match = pattern.match(plain)
        if match:
            update = _changes(sentence, match, now, quoted_or_said(match, "when"))
            if update is not None:
                return update
    return None


def _title_said(said: str, plain: str, match: re.Match[str], group: str) -> str:
    if plain[match.start(group)] == _BLANK:
        return said
    return _title(said, [])


def _changes(sentence: _Sentence, match: re.Match[str], now: datetime, said: str) -> Update | None:
    """Read what follows "change X to": a date, a priority, a delay, or else a new title."""
    target = _target(sentence, match)
    when = sentence.text[slice(*match.span("when"))]
    verb = sentence.text.split()[0].lower()
    moves = verb in {
        "move",
        "postpone",
        "reschedule",
        "push",
        "delay",
        "defer",
        "shift",
        "snooze",
        "put",
        "bring",
    }
    interval = find_delay(when) if moves else None
    if interval is not None:
        count, unit = interval
        return Update(target, delay=(-count if verb == "bring" else count, unit))
    if when.startswith(_BLANK):
        return None if moves else Update(target, title=said)
    # Words such as "monday" need their preposition to be read as a date in the middle of a sentence.
    details = _details(
        f"on {when}"
        if not re.match(r"(?:back\s+)?(?:to|until|till|for|by|on|from|at|in|due)\b", when, re.IGNORECASE)
        else re.sub(r"^(?:back\s+)?(?:to|for|until|till|from)\b", "on", when, flags=re.IGNORECASE),
        now,
    )
    if details.due is None:
        details = _details(
            re.sub(r"^(?:back\s+)?(?:to|for|until|till|from|on|due)\s+", "", when, flags=re.IGNORECASE), now
        )
    leftover = re.sub(r"[\s,\x1f]+|\b(?:on|to|and|due|for|at|be|with|by)\b", " ", details.rest).strip()
    if details.due is None and details.priority is None and not details.tags:
        if verb in {"change", "update", "edit"} and said and "due" not in said.lower().split()[:1]:
            return Update(target, title=_title(said, []))
        return None
    if leftover and verb in {"change", "update", "edit", "set"}:
        return Update(
            target,
            title=_title(leftover, []),
            priority=details.priority,
            due=details.due,
            add_tags=details.tags,
        )
    if leftover and not moves:
        return None
    return Update(target, priority=details.priority, due=details.due, add_tags=details.tags)


def _list(text: str, now: datetime) -> Intent | None:
    sentence = _stripped(text)
    plain = sentence.text
    if not _first_match(_LIST, plain):
        return None
    status: Literal["open", "completed", "all"] = "open"
    if re.search(r"\b(?:completed|finished|done|closed|did\s+i|have\s+i\s+done)\b", plain, re.IGNORECASE):
        status = "completed"
    elif re.search(
        r"\b(?:everything|all\s+(?:of\s+)?(?:my\s+|the\s+)?tasks\s+including|both)\b", plain, re.IGNORECASE
    ):
        status = "all"
    overdue = bool(re.search(r"\b(?:overdue|late|missed|past\s+due)\b", plain, re.IGNORECASE))
    tags = [tag.lower() for tag in _TAG.findall(plain)]
    tagged = re.search(
        r"\b(?:tagged(?:\s+(?:as|with))?|with\s+(?:the\s+)?tag|tag)\s+#?([\w-]+)", plain, re.IGNORECASE
    )
    if tagged:
        tags.append(tagged[1].lower())
    priority = next(
        (
            _priority_of(next(group for group in match.groups() if group))
            for pattern in _PRIORITIES[:3]
            if (match := pattern.search(plain))
        ),
        None,
    )
    if priority is None and (word := re.search(r"\b(urgent|important|critical)\b", plain, re.IGNORECASE)):
        priority = _priority_of(word[1])
    count_only = bool(re.match(r"^(?:how\s+many|count)\b", plain, re.IGNORECASE))
    quoted = sentence.quoted()
    search = _SEARCH.search(plain)
    query, window = None, None
    if quoted:
        query = quoted[0]
    elif search and not (tags or overdue):
        query = (search["query"] or search["about"]).strip()
    else:
        window = find_window(plain, now)
        rest = plain
        if window is not None and (found := find_when(plain, now)):
            for start, end in reversed(found.spans):
                rest = rest[:start] + " " + rest[end:]
        for pattern in (_TAG, *_PRIORITIES[:3]):
            rest = pattern.sub(" ", rest)
        if tagged:
            rest = rest.replace(tagged[0], " ")
        rest = re.sub(
            r"\b(?:urgent|important|critical|before|after|until|next\s+\w+\s+(?:days?|weeks?|months?))\b",
            " ",
            rest,
            flags=re.IGNORECASE,
        )
        leftover = " ".join(re.sub(r"[^\w\s'’-]", " ", _LIST_NOISE.sub(" ", rest)).split())
        if leftover:
            return _list_about(leftover, plain, status, priority, tags, window, count_only)
    return ListTasks(status, priority, tags[0] if tags else None, query, window, overdue, count_only)


def _list_about(
    leftover: str,
    plain: str,
    status: Literal["open", "completed", "all"],
    priority: Priority | None,
    tags: list[str],
    window: Window | None,
    count_only: bool,
) -> Intent | None:
    """Words that no rule explains are searched for, but only where tasks are clearly what is asked for."""
    asks_for_tasks = re.search(r"\b(?:tasks?|to-?dos?|items?|list)\b", plain, re.IGNORECASE)
    shows = re.match(r"^(?:show|list|display|find|search)\b", plain, re.IGNORECASE)
    if not (asks_for_tasks or shows) or len(leftover.split()) > 4:
        return None
    return ListTasks(status, priority, tags[0] if tags else None, leftover, window, count_only=count_only)


def _add(text: str, now: datetime) -> Intent | None:
    sentence = _Sentence(text)
    match = _first_match(_ADD, sentence.text)
    if match is None:
        return None
    body_start, body_end = match.span("body")
    body = text[body_start:body_end]
    masked = sentence.text[body_start:body_end]
    cut = _ON_MY_LIST.search(masked)
    if cut:
        body = body[: cut.start()] + body[cut.end() :]
    qualifier = match.groupdict().get("qualifier")
    if qualifier:
        body = f"{body}, {qualifier.strip()}"
    # "remind me tomorrow to call Bob", "remind me at 5 that ..."
    body = re.sub(
        r"^((?:(?!\bto\b).){1,30}?)\s+to\s+(?=\w)", lambda lead: _date_first(lead, now), body, count=1
    )
    task = _new_task(body, now)
    return Add((task,)) if task else Incomplete("add")


def _date_first(lead: re.Match[str], now: datetime) -> str:
    """Drop the "to" between a leading date and the task: "tomorrow to call Bob"."""
    found = find_when(lead[1], now)
    said = sum(end - start for start, end in found.spans) if found else 0
    return f"{lead[1]}, " if said and said >= len(lead[1].strip(" ,")) - 2 else lead[0]


def _choice(text: str) -> Intent | None:
    reference = parse_reference(text)
    if reference.positions or reference.first or reference.it or reference.everything:
        return Choose(reference)
    return None


def _bare(text: str, now: datetime) -> Intent:
    """A sentence without a verb we know is a task only when it carries a date, a tag or a priority."""
    plain = _without_politeness(text)
    question = plain.endswith("?") or re.match(
        r"^(?:who|what|why|when|where|how|which|is|are|am|do|does|did|was|were|will|would|can|could|should)\b",
        plain,
        re.IGNORECASE,
    )
    sentence = _Sentence(plain)
    if not question and len(plain) <= TITLE_LIMIT:
        details = _details(sentence.text, now)
        if details.due or details.tags or details.priority:
            task = _new_task(plain, now)
            if task is not None and len(task.title.split()) >= 2:
                return Add((task,))
    return NotUnderstood(plain)


def with_target(intent: Intent, target: Reference) -> Intent:
    """Return the same wish for other tasks; used when a person answers "which one?"."""
    if isinstance(intent, Complete | Reopen | Delete | Update):
        return replace(intent, target=target)
    return intent


__all__ = [
    "Add",
    "Choose",
    "Complete",
    "Confirm",
    "Delete",
    "Incomplete",
    "Intent",
    "ListTasks",
    "NewTask",
    "NotUnderstood",
    "Priority",
    "Reference",
    "Reopen",
    "Small",
    "TooLong",
    "Update",
    "delayed",
    "parse",
    "parse_reference",
    "with_target",
]
