"""Parse the sentences that ask for tasks."""

import re
from datetime import datetime
from typing import Literal

from app.agents.offline import verbs
from app.agents.offline.intents import ListTasks
from app.agents.protocol import JsonObject
from app.language.details import PRIORITIES, TAG, Priority, priority_of
from app.language.sentences import Sentence
from app.language.windows import Window, find_window

_OPEN = re.compile(
    r"\b(?:in-?complete|un-?(?:finished|completed|done)|not\s+(?:yet\s+)?(?:done|completed?|finished)|outstanding|undone"
    r"|left|remaining|pending|still|to\s+do|to\s+get\s+done|get\s+done|have\s+to|need\s+to|should)\b",
    re.IGNORECASE,
)
_COMPLETED = re.compile(
    r"\b(?:completed?|finished?|done|closed|did\s+i|have\s+i|i\s+did|accomplish(?:ed)?|achieved?|checked\s+off|got\s+done)\b",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(?:everything|all\s+(?:of\s+)?(?:my\s+|the\s+)?tasks\s+including|both)\b", re.IGNORECASE
)
_OVERDUE = re.compile(r"\b(?:overdue|late|missed|past\s+due|behind)\b", re.IGNORECASE)
_UNDATED = re.compile(
    r"\b(?:with(?:out|\s+no)|have\s+no|has\s+no)\s+(?:an?\s+|any\s+)?(?:due\s+)?(?:dates?|deadlines?)\b|\bundated\b|\bunscheduled\b",
    re.IGNORECASE,
)
_TAGGED = re.compile(r"\b(?:tagged(?:\s+(?:as|with))?|with\s+(?:the\s+)?tag|tag)\s+#?([\w-]+)", re.IGNORECASE)
_URGENT = re.compile(r"\b(urgent|important|critical)\b", re.IGNORECASE)


def parse_list(text: str, now: datetime) -> ListTasks | None:
    """Parse a question for tasks; return None for other sentences.

    Raises:
        ImpossibleDateError: when a date does not exist.
    """
    sentence = Sentence(text.rstrip(" .!?"))
    plain = sentence.text
    if not verbs.first_match(verbs.LIST, plain):
        return None
    status = _status(plain)
    overdue, undated = _OVERDUE.search(plain) is not None, _UNDATED.search(plain) is not None
    tags = [tag[1:].lower() for tag in TAG.findall(plain)] + [tag.lower() for tag in _TAGGED.findall(plain)]
    priority = _priority(plain)
    count_only = re.match(r"^(?:how\s+many|count)\b", plain, re.IGNORECASE) is not None
    quoted, search = sentence.quoted(), verbs.SEARCH.search(plain)
    query: str | None = None
    window: Window | None = None
    if quoted:
        query = quoted[0]
    elif search and not (tags or overdue or undated):
        query = (search["query"] or search["about"]).strip()
    else:
        rest = plain
        if found := find_window(plain, now):
            window, spans = found
            for start, end in reversed(spans):
                rest = f"{rest[:start]} {rest[end:]}"
            rest = re.sub(
                r"\b(?:before|after|until|since)\s*(?=\s|$)|['’]s\b", " ", rest, flags=re.IGNORECASE
            )
        for pattern in (_UNDATED, _TAGGED, TAG, *PRIORITIES[:4], _URGENT):
            rest = pattern.sub(" ", rest)
        query = " ".join(re.sub(r"[^\w\s'’-]", " ", verbs.LIST_NOISE.sub(" ", rest)).split()) or None
        if query and not _asks_for_tasks(plain, query):
            return None
    if window and status != "completed" and window.first and window.label.startswith("this"):
        # What was due before today is asked for as overdue.
        window = Window(window.label, max(window.first, now.date()), window.last)
    tag = tags[0] if tags else None
    return ListTasks(status, priority, tag, query, window, overdue, undated, count_only)


def filters(wish: ListTasks) -> JsonObject:
    """Return the arguments of list_tasks that select these tasks, but for their status."""
    values: JsonObject = {}
    for name, value in (("priority", wish.priority), ("tag", wish.tag), ("query", wish.query)):
        if value:
            values[name] = value[:200]
    kind = "completed" if wish.status == "completed" else "due"
    if wish.window and wish.window.first:
        values[f"{kind}_from"] = wish.window.first.isoformat()
    if wish.window and wish.window.last:
        values[f"{kind}_until"] = wish.window.last.isoformat()
    if wish.overdue:
        values["overdue"] = True
    if wish.undated:
        values["undated"] = True
    return values


def _asks_for_tasks(plain: str, query: str) -> bool:
    """Return whether a sentence with unknown words clearly asks for tasks."""
    names_tasks = re.search(r"\b(?:tasks?|to-?\s?dos?|items?|list)\b", plain, re.IGNORECASE)
    shows = re.match(r"^(?:show|list|display|find|search)\b", plain, re.IGNORECASE)
    return bool(names_tasks or shows) and len(query.split()) <= 4


def _status(plain: str) -> Literal["open", "completed", "all"]:
    if _ALL.search(plain):
        return "all"
    asks_for_done = re.search(
        r"\bhow\s+many.*\b(?:did|have)\s+i\b|\bwhat\s+(?:did|have)\s+i\b", plain, re.IGNORECASE
    )
    if re.search(r"\b(?:have|need|had)\s+i?\s*(?:got\s+)?to\b", plain, re.IGNORECASE):
        return "open"
    if asks_for_done and _COMPLETED.search(plain):
        return "completed"
    return "open" if _OPEN.search(plain) or not _COMPLETED.search(plain) else "completed"


def _priority(plain: str) -> Priority | None:
    for pattern in PRIORITIES[:4]:
        if match := pattern.search(plain):
            return priority_of(next(group for group in match.groups() if group))
    word = _URGENT.search(plain)
    return priority_of(word[1]) if word else None
