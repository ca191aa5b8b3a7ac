"""Parse a sentence into an intent: the grammar of the offline agent.

Parsing has three steps. `sentences` blanks out quoted parts, so that their content is never interpreted.
`verbs` determines the intent. `details` and `dates` extract tags, priority and date, or `references` finds
the task; the rest becomes the title. The grammar is independent of tools and existing tasks.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Literal

from app.agents.offline import verbs
from app.agents.offline.dates import Window, find_delay, find_when, find_window
from app.agents.offline.details import PRIORITIES, TAG, find_details, make_title, priority_of, read_task
from app.agents.offline.intents import (
    DESCRIPTION_LIMIT,
    TITLE_LIMIT,
    Add,
    Choose,
    Complete,
    Confirm,
    Delete,
    Incomplete,
    Intent,
    ListTasks,
    NotUnderstood,
    Priority,
    Reference,
    Reopen,
    Small,
    TooLong,
    Update,
)
from app.agents.offline.references import parse_reference
from app.agents.offline.sentences import BLANK, Sentence, clean, compiled, without_politeness

SENTENCE_LIMIT = 500
"""Longer sentences are rejected: they are not commands, and the time to match them grows faster than
linearly."""
TASKS_PER_MESSAGE = 20


def _first_match(patterns: tuple[re.Pattern[str], ...], text: str) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.match(text))), None)


def _target(sentence: Sentence, match: re.Match[str], group: str = "target") -> Reference:
    return parse_reference(sentence.original[slice(*match.span(group))])


def parse(message: str, now: datetime) -> Intent:
    """Parse a message into an intent.

    Args:
        message: the message as typed.
        now: the present time on the user's clock (aware).

    Raises:
        ImpossibleDateError: when a date or time does not exist.
    """
    text = clean(message)
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
    return _small_talk(text) or _command(without_politeness(text), now) or _bare(text, now)


_NOTE = compiled(r"\b(?:with\s(?:the\s|a\s)?)?(?:description|details|notes?)\s?[:=]\s?")


def _with_long_note(text: str, now: datetime) -> Intent:
    """Parse a long message if the description of a new task makes it long; otherwise return TooLong."""
    note = _NOTE.search(text, 0, SENTENCE_LIMIT)
    if note:
        added = parse(text[: note.start()], now)
        if isinstance(added, Add) and len(added.tasks) == 1:
            return Add((replace(added.tasks[0], description=text[note.end() :]),))
    return TooLong()


def _several(lines: list[str], now: datetime) -> Intent | None:
    """Parse a heading such as "add:" with one task per line or bullet; return None for other messages."""
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
    wanted = (read_task(bullet.sub("", entry), now) for entry in entries[:TASKS_PER_MESSAGE])
    tasks = tuple(task for task in wanted if task is not None)
    return Add(tasks, left=max(0, len(entries) - TASKS_PER_MESSAGE)) if tasks else None


def _small_talk(text: str) -> Intent | None:
    if verbs.HELP.match(text):
        return Small("help")
    if verbs.YES.match(text):
        return Confirm(yes=True)
    if verbs.NO.match(text):
        return Confirm(yes=False)
    if verbs.GREETING.match(text):
        return Small("greeting")
    if verbs.THANKS.match(text):
        return Small("thanks")
    return None


def _command(text: str, now: datetime) -> Intent | None:
    alone = verbs.VERB_ALONE.get(text.lower().strip(" .:!"))
    if alone is not None:
        return Incomplete(alone)  # type: ignore[arg-type]
    return _update(text, now) or _change_status(text) or _list(text, now) or _add(text, now) or _choice(text)


def _stripped(text: str) -> Sentence:
    return Sentence(text.rstrip(" .!?"))


def _change_status(text: str) -> Intent | None:
    sentence = _stripped(text)
    if verbs.ON_MY_LIST.search(sentence.text) and re.match(r"^put\b", sentence.text, re.IGNORECASE):
        return None
    for patterns, intent in ((verbs.REOPEN, Reopen), (verbs.COMPLETE, Complete), (verbs.DELETE, Delete)):
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
        if quoted and not plain[start:end].replace(BLANK, "").strip():
            return quoted[0]
        return sentence.original[start:end].strip()

    if match := _first_match(verbs.CLEAR_DUE, plain):
        return Update(_target(sentence, match), clear_due=True)
    if match := _first_match(verbs.REMOVE_TAG, plain):
        groups = match.groupdict()
        tag = groups.get("tag") or groups.get("hash") or groups.get("word") or ""
        return Update(_target(sentence, match), remove_tags=(tag.lower(),))
    if match := _first_match(verbs.ADD_TAG, plain):
        return Update(_target(sentence, match), add_tags=_tags(match["tags"]))
    if match := _first_match(verbs.DESCRIBE, plain):
        return Update(_target(sentence, match), description=quoted_or_said(match, "text")[:DESCRIPTION_LIMIT])
    if match := _first_match(verbs.RENAME, plain):
        return Update(
            _target(sentence, match), title=_title_said(quoted_or_said(match, "title"), plain, match, "title")
        )
    if match := _first_match(verbs.SET_PRIORITY, plain):
        groups = match.groupdict()
        level = groups.get("level") or "high"
        target = _target(sentence, match)
        if (
            not re.match(r"^(?:mark|make|set)\b", plain, re.IGNORECASE)
            and target.name
            and find_when(plain, now)
        ):
            return None
        return Update(target, priority=priority_of(level))
    for pattern in verbs.SET_DUE:
        match = pattern.match(plain)
        if match:
            update = _changes(sentence, match, now, quoted_or_said(match, "when"))
            if update is not None:
                return update
    return None


def _title_said(said: str, plain: str, match: re.Match[str], group: str) -> str:
    if plain[match.start(group)] == BLANK:
        return said
    return make_title(said, [])


def _changes(sentence: Sentence, match: re.Match[str], now: datetime, said: str) -> Update | None:
    """Parse the text after "change X to": a date, a priority, a delay or a new title."""
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
    if when.startswith(BLANK):
        return None if moves else Update(target, title=said)
    # Words such as "monday" are dates in the middle of a sentence only after a preposition.
    details = find_details(
        f"on {when}"
        if not re.match(r"(?:back\s+)?(?:to|until|till|for|by|on|from|at|in|due)\b", when, re.IGNORECASE)
        else re.sub(r"^(?:back\s+)?(?:to|for|until|till|from)\b", "on", when, flags=re.IGNORECASE),
        now,
    )
    if details.due is None:
        details = find_details(
            re.sub(r"^(?:back\s+)?(?:to|for|until|till|from|on|due)\s+", "", when, flags=re.IGNORECASE), now
        )
    leftover = re.sub(r"[\s,\x1f]+|\b(?:on|to|and|due|for|at|be|with|by)\b", " ", details.rest).strip()
    if details.due is None and details.priority is None and not details.tags:
        if verb in {"change", "update", "edit"} and said and "due" not in said.lower().split()[:1]:
            return Update(target, title=make_title(said, []))
        return None
    if leftover and verb in {"change", "update", "edit", "set"}:
        return Update(
            target,
            title=make_title(leftover, []),
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
    if not _first_match(verbs.LIST, plain):
        return None
    status: Literal["open", "completed", "all"] = "open"
    if re.search(r"\b(?:completed|finished|done|closed|did\s+i|have\s+i\s+done)\b", plain, re.IGNORECASE):
        status = "completed"
    elif re.search(
        r"\b(?:everything|all\s+(?:of\s+)?(?:my\s+|the\s+)?tasks\s+including|both)\b", plain, re.IGNORECASE
    ):
        status = "all"
    overdue = bool(re.search(r"\b(?:overdue|late|missed|past\s+due)\b", plain, re.IGNORECASE))
    tags = [tag.lower() for tag in TAG.findall(plain)]
    tagged = re.search(
        r"\b(?:tagged(?:\s+(?:as|with))?|with\s+(?:the\s+)?tag|tag)\s+#?([\w-]+)", plain, re.IGNORECASE
    )
    if tagged:
        tags.append(tagged[1].lower())
    priority = next(
        (
            priority_of(next(group for group in match.groups() if group))
            for pattern in PRIORITIES[:3]
            if (match := pattern.search(plain))
        ),
        None,
    )
    if priority is None and (word := re.search(r"\b(urgent|important|critical)\b", plain, re.IGNORECASE)):
        priority = priority_of(word[1])
    count_only = bool(re.match(r"^(?:how\s+many|count)\b", plain, re.IGNORECASE))
    quoted = sentence.quoted()
    search = verbs.SEARCH.search(plain)
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
        for pattern in (TAG, *PRIORITIES[:3]):
            rest = pattern.sub(" ", rest)
        if tagged:
            rest = rest.replace(tagged[0], " ")
        rest = re.sub(
            r"\b(?:urgent|important|critical|before|after|until|next\s+\w+\s+(?:days?|weeks?|months?))\b",
            " ",
            rest,
            flags=re.IGNORECASE,
        )
        leftover = " ".join(re.sub(r"[^\w\s'’-]", " ", verbs.LIST_NOISE.sub(" ", rest)).split())
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
    """Search for unrecognised words, but only if the sentence clearly asks for tasks."""
    asks_for_tasks = re.search(r"\b(?:tasks?|to-?dos?|items?|list)\b", plain, re.IGNORECASE)
    shows = re.match(r"^(?:show|list|display|find|search)\b", plain, re.IGNORECASE)
    if not (asks_for_tasks or shows) or len(leftover.split()) > 4:
        return None
    return ListTasks(status, priority, tags[0] if tags else None, leftover, window, count_only=count_only)


def _add(text: str, now: datetime) -> Intent | None:
    sentence = Sentence(text)
    match = _first_match(verbs.ADD, sentence.text)
    if match is None:
        return None
    body_start, body_end = match.span("body")
    body = text[body_start:body_end]
    masked = sentence.text[body_start:body_end]
    cut = verbs.ON_MY_LIST.search(masked)
    if cut:
        body = body[: cut.start()] + body[cut.end() :]
    qualifier = match.groupdict().get("qualifier")
    if qualifier:
        body = f"{body}, {qualifier.strip()}"
    # "remind me tomorrow to call Bob", "remind me at 5 that ..."
    body = re.sub(
        r"^((?:(?!\bto\b).){1,30}?)\s+to\s+(?=\w)", lambda lead: _date_first(lead, now), body, count=1
    )
    task = read_task(body, now)
    return Add((task,)) if task else Incomplete("add")


def _date_first(lead: re.Match[str], now: datetime) -> str:
    """Remove the "to" between a leading date and the task: "tomorrow to call Bob"."""
    found = find_when(lead[1], now)
    said = sum(end - start for start, end in found.spans) if found else 0
    return f"{lead[1]}, " if said and said >= len(lead[1].strip(" ,")) - 2 else lead[0]


def _choice(text: str) -> Intent | None:
    reference = parse_reference(text)
    if reference.positions or reference.first or reference.it or reference.everything:
        return Choose(reference)
    return None


def _bare(text: str, now: datetime) -> Intent:
    """Parse a sentence without a known verb as a task only if it has a date, a tag or a priority."""
    plain = without_politeness(text)
    question = plain.endswith("?") or re.match(
        r"^(?:who|what|why|when|where|how|which|is|are|am|do|does|did|was|were|will|would|can|could|should)\b",
        plain,
        re.IGNORECASE,
    )
    sentence = Sentence(plain)
    if not question and len(plain) <= TITLE_LIMIT:
        details = find_details(sentence.text, now)
        if details.due or details.tags or details.priority:
            task = read_task(plain, now)
            if task is not None and len(task.title.split()) >= 2:
                return Add((task,))
    return NotUnderstood(plain)


def with_target(intent: Intent, target: Reference) -> Intent:
    """Return the intent with another target, after the user answers "which one?"."""
    if isinstance(intent, Complete | Reopen | Delete | Update):
        return replace(intent, target=target)
    return intent
