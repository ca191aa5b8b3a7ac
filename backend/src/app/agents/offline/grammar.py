"""Parse a sentence into an intent: the grammar of the offline agent.

Quoted parts are blanked out, so that their content is never interpreted. `verbs` determines the intent.
`app.language` reads the fields of a task, or `references` finds the task that is meant. The grammar is
independent of tools and existing tasks.
"""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from app.agents.offline import change_verbs, verbs
from app.agents.offline.changes import parse_update
from app.agents.offline.intents import (
    TITLE_LIMIT,
    Add,
    Ask,
    Choose,
    Complete,
    Confirm,
    Delete,
    Edit,
    Incomplete,
    Intent,
    ListTasks,
    NotUnderstood,
    Reference,
    Reopen,
    Several,
    Small,
    Statistics,
    TooLong,
    Undo,
    Update,
)
from app.agents.offline.listing import parse_list
from app.agents.offline.references import parse_reference
from app.language.dates import find_when
from app.language.details import NewTask, find_details, read_task
from app.language.sentences import Sentence, clean, compiled, without_politeness

SENTENCE_LIMIT = 500
"""Longer sentences are rejected: they are not commands, and the time to match them grows faster than
linearly."""
TASKS_PER_MESSAGE = 20
_CHANGES = Complete | Reopen | Delete | Update
_COMMANDS = Add | _CHANGES | Undo


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
        several = _lines(lines, now)
        if several is not None:
            return several
        text = " ".join(lines)
    if len(text) > SENTENCE_LIMIT:
        return _with_long_note(text, now)
    plain = without_politeness(text)
    if verbs.UNDO.match(plain.rstrip(" .!?")):
        return Undo()
    if verbs.CANCEL.match(plain.rstrip(" .!")):
        return Undo(just_made=True)
    # "Hello, what can you do?"
    small = _small_talk(text) or (Small("help") if verbs.HELP.match(plain) else None)
    return (
        small
        or _several_in_list(plain, now)
        or _clauses(plain, now)
        or _separated(plain, now)
        or _command(plain, now)
        or _bare(plain, now)
    )


_NOTE = compiled(r"\b(?:with\s(?:the\s|a\s)?)?(?:description|details|notes?)\s?[:=]\s?")


def _with_long_note(text: str, now: datetime) -> Intent:
    """Parse a long message if the description of a new task makes it long; otherwise return TooLong."""
    note = _NOTE.search(text, 0, SENTENCE_LIMIT)
    if note:
        added = parse(text[: note.start()], now)
        if isinstance(added, Add) and len(added.tasks) == 1:
            return Add((replace(added.tasks[0], description=text[note.end() :]),))
    return TooLong()


_BULLET = compiled(r"^(?:[-*•+]|\d{1,2}[.)]|\[\s?\])\s+")
_HEADING = compiled(
    r"^(?:please\s+)?(?:add|create|new|put)?(?:\s+(?:these|the\s+following|my|some|new))*"
    r"\s*(?:tasks|to-?dos|items)?[\s:]*$"
)


def _lines(lines: list[str], now: datetime) -> Intent | None:
    """Parse a heading such as "add:" with one task per line or bullet, or a command on each line."""
    entries = lines[1:] if _HEADING.match(lines[0][:SENTENCE_LIMIT]) else lines
    if any(len(entry) > SENTENCE_LIMIT for entry in entries[:TASKS_PER_MESSAGE]):
        return TooLong() if len(entries) < len(lines) else None
    if len(entries) == len(lines) and not all(_BULLET.match(line) for line in lines):
        if len(lines) > TASKS_PER_MESSAGE:
            return None
        return _in_order([_command(without_politeness(line), now) for line in lines])
    return _tasks([_BULLET.sub("", entry) for entry in entries], now)


def _tasks(entries: list[str], now: datetime) -> Add | None:
    wanted = (read_task(entry, now) for entry in entries[:TASKS_PER_MESSAGE])
    tasks = tuple(task for task in wanted if task is not None)
    return Add(tasks, left=max(0, len(entries) - TASKS_PER_MESSAGE)) if tasks else None


def _several_in_list(text: str, now: datetime) -> Intent | None:
    """Parse "add these tasks: a, b and c"."""
    match = verbs.ADD_LIST.match(Sentence(text).text)
    if match is None:
        return None
    body = text[match.start("body") :]
    separator = r"\s*;\s*" if ";" in body else r"\s*,\s*(?:and\s+)?|\s+and\s+"
    return _tasks([entry for entry in re.split(separator, body) if entry.strip()], now)


def _separated(text: str, now: datetime) -> Intent | None:
    """Parse "add buy milk; call bob"."""
    plain = Sentence(text).text
    if ";" not in plain or not verbs.ADDS.match(plain) or _NOTE.search(plain):
        return None
    places = [0, *(match.start() for match in re.finditer(";", plain)), len(text)]
    first, *others = [text[start:end].strip("; ") for start, end in itertools.pairwise(places)]
    if not all(re.search(r"\w\w", entry) for entry in others):
        return None
    return _in_order([_command(first, now), _tasks(others, now)])


def _in_order(intents: list[Intent | None]) -> Intent | None:
    """Join commands; return None unless all are commands."""
    commands = [intent for intent in intents if isinstance(intent, _COMMANDS)]
    for place, (before, intent) in enumerate(itertools.pairwise(commands), 1):
        # "Tag all overdue tasks with late and move them to monday".
        if not (isinstance(intent, _CHANGES) and isinstance(before, _CHANGES) and intent.target.it):
            continue
        if before.target.everything or before.target.positions:
            commands[place] = replace(intent, target=before.target)
    if len(commands) < len(intents):
        return None
    if all(isinstance(intent, Add) for intent in commands):
        tasks = tuple(task for intent in commands if isinstance(intent, Add) for task in intent.tasks)
        return Add(tasks[:TASKS_PER_MESSAGE], left=max(0, len(tasks) - TASKS_PER_MESSAGE))
    return Several(tuple(commands))


def _clauses(text: str, now: datetime) -> Intent | None:
    """Parse several commands in one sentence.

    A task's title may contain any verb, so a sentence that starts with "add" only continues with "add".
    """
    plain = Sentence(text).text
    tags = verbs.first_match(change_verbs.ADD_TAG, plain) is not None
    adds = verbs.ADDS.match(plain) is not None and not tags
    if _is_question(text) or not (adds or tags or verbs.STARTS.match(plain)):
        return None
    pattern = verbs.NEXT_ADD if adds else verbs.NEXT_COMMAND
    joins: list[re.Match[str]] = []
    for match in pattern.finditer(plain):
        # "Remind me 10 minutes before" belongs to the task that is added before it.
        added = verbs.ADDS.match(plain[joins[-1].end() :] if joins else plain)
        if not (added and verbs.BARE_REMINDER.match(plain[match.end() :])):
            joins.append(match)
    starts, ends = [0, *(match.end() for match in joins)], [*(match.start() for match in joins), len(plain)]
    parts = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    if not 1 < len(parts) <= TASKS_PER_MESSAGE:
        return None
    return _in_order([_command(without_politeness(part), now) for part in parts])


def _small_talk(text: str) -> Intent | None:
    kinds: tuple[tuple[re.Pattern[str], Callable[[], Intent]], ...] = (
        (verbs.HELP, lambda: Small("help")),
        (verbs.YES, lambda: Confirm(yes=True)),
        (verbs.NO, lambda: Confirm(yes=False)),
        (verbs.GREETING, lambda: Small("greeting")),
        (verbs.THANKS, lambda: Small("thanks")),
        (verbs.NOT_TO_DO, lambda: Small("nothing")),
    )
    return next((make() for pattern, make in kinds if pattern.match(text)), None)


def _is_question(text: str) -> bool:
    return verbs.QUESTION.match(text) is not None or (text.endswith("?") and not verbs.ADDS.match(text))


def _command(text: str, now: datetime) -> Intent | None:
    alone = verbs.VERB_ALONE.get(text.lower().strip(" .:!?"))
    if alone is not None:
        return Incomplete(alone)
    if verbs.STATISTICS.match(text.rstrip(" .!?")):
        return Statistics()
    if _is_question(text):
        # A question never changes anything.
        return _ask(text) or parse_list(text, now)
    if verbs.CONDITION.match(text):
        return None
    return (
        _update(text, now)
        or _edit(text)
        or (ListTasks() if verbs.LOOK_AT_LIST.match(text) else None)
        or _change_status(text)
        or _unclear_date(text)
        or parse_list(text, now)
        or _add(text, now)
        or _choice(text)
    )


def _update(text: str, now: datetime) -> Intent | None:
    update = parse_update(text, now)
    if update is not None and update.reminder and update.reminder.at and update.target.name:
        # "Remind me at 9 to call mum" adds the task unless it exists.
        added = _add(text, now) if update.reminder.minutes is None else None
        return replace(update, otherwise=added.tasks) if isinstance(added, Add) else update
    if update is not None and re.match(r"schedule\b", text, re.IGNORECASE):
        # "Schedule dentist for monday" adds the task unless it exists.
        added = _add(text, now)
        return replace(update, otherwise=added.tasks) if isinstance(added, Add) else update
    if update is not None and update.due and re.match(r"make\b", text, re.IGNORECASE) and update.target.name:
        # "Make dinner every friday" as well.
        task = read_task(text, now)
        return replace(update, otherwise=(task,)) if task and task.due else update
    return update


def _stripped(text: str) -> Sentence:
    return Sentence(text.rstrip(" .!?"))


def _unclear_date(text: str) -> Intent | None:
    """Return what is no date in "remind me later"."""
    said = verbs.NO_TIME.match(text)
    return NotUnderstood(text, date=said["when"].strip(" .!?")) if said else None


def _ask(text: str) -> Intent | None:
    sentence = _stripped(text)
    match = verbs.first_match(verbs.ASK, sentence.text)
    if match is None:
        return None
    said = sentence.original[slice(*match.span("target"))]
    if re.match(r"(?:any|every|some)(?:thing|one)?\b|there\b|i\b|all\b", said, re.IGNORECASE):
        return None
    return Ask(parse_reference(said))


def _edit(text: str) -> Intent | None:
    sentence = _stripped(text)
    match = verbs.first_match(verbs.EDIT, sentence.text)
    if match is None:
        return None
    target = parse_reference(sentence.original[slice(*match.span("target"))])
    return Edit(target, match.groupdict().get("field") or "")


def _change_status(text: str) -> Intent | None:
    sentence = _stripped(text)
    plain = sentence.text
    if verbs.ON_MY_LIST.search(plain) and re.match(r"^put\b", plain, re.IGNORECASE):
        return None
    kinds: tuple[tuple[tuple[re.Pattern[str], ...], Callable[[Reference], Intent]], ...] = (
        (verbs.REOPEN, Reopen),
        (verbs.COMPLETE, Complete),
        (verbs.DELETE, Delete),
        (verbs.NO_LONGER_NEEDED, lambda target: Delete(target, is_sure=False)),
    )
    for patterns, intent in kinds:
        match = verbs.first_match(patterns, plain)
        if match is None or re.match(r"^(?:add|create|remind|show|list)\b", plain, re.IGNORECASE):
            continue
        target = parse_reference(sentence.original[slice(*match.span("target"))])
        return intent(target or Reference(it=True))
    if re.match(r"^(?:all\s+)?done$|^finished$", plain, re.IGNORECASE):
        return Complete(Reference(it=True))
    if said := verbs.PAST.match(plain):
        verb = verbs.present_of(said["verb"])
        rest = sentence.original[said.end("verb") :]
        if verb:
            return Complete(Reference(name=f"{verb}{rest}"), is_implied=True)
    return None


def _add(text: str, now: datetime) -> Intent | None:
    sentence = Sentence(text)
    match = verbs.first_match(verbs.ADD, sentence.text)
    if match is None:
        return None
    body_start, body_end = match.span("body")
    body = text[body_start:body_end]
    cut = verbs.ON_MY_LIST.search(sentence.text[body_start:body_end])
    if cut:
        body = body[: cut.start()] + body[cut.end() :]
    qualifier = match.groupdict().get("qualifier")
    if qualifier:
        body = f"{body}, {qualifier.strip()}"
    dated = _each_dated(body, now)
    if dated is not None:
        return Add(dated)
    task = read_task(_without_lead(body, now), now)
    if task and task.due and task.due.at and task.reminder is None and "remind" in text[:body_start].lower():
        task = replace(task, reminder=0)
    return Add((task,)) if task else Incomplete("add")


_AND = compiled(r"\s*[,;]\s*(?:and\s+)?|\s+and\s+")


def _each_dated(body: str, now: datetime) -> tuple[NewTask, ...] | None:
    """Return the tasks of "eggs tomorrow and bread on friday"; None unless each has a day."""
    cuts = [match.span() for match in _AND.finditer(Sentence(body).text)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(body)]
    parts = [body[start:end] for start, end in zip(starts, ends, strict=True)]
    if not 1 < len(parts) <= TASKS_PER_MESSAGE:
        return None
    tasks = [read_task(part, now) for part in parts]
    if all(task and task.due and task.due.is_day_said for task in tasks):
        return tuple(task for task in tasks if task)
    return None


_LEAD = compiled(r"^((?:(?!\b(?:to|that|about)\b).){1,60}?)\s+(?:to|that|about)\s+(?=\w)")


def _without_lead(body: str, now: datetime) -> str:
    """Remove the "to" between a leading date and the task: "tomorrow to call Bob"."""
    lead = _LEAD.match(Sentence(body).text)
    if lead is None:
        return body
    found = find_when(lead[1], now)
    said = sum(end - start for start, end in found.spans) if found else 0
    if said and said >= len(lead[1].strip(" ,")) - 2:
        return f"{body[: lead.end(1)]}, {body[lead.end() :]}"
    return body


def _choice(text: str) -> Intent | None:
    reference = parse_reference(text)
    is_all = reference.everything is not None and not reference.kind
    if reference.positions or reference.first or reference.it or is_all:
        return Choose(reference)
    return None


def _bare(plain: str, now: datetime) -> Intent:
    """Parse a sentence without a known verb as a task only if it has a date, a tag or a priority."""
    if _is_question(plain) or verbs.CONDITION.match(plain) or len(plain) > TITLE_LIMIT:
        return NotUnderstood(plain)
    details = find_details(Sentence(plain).text, now)
    if details.due or details.tags or details.priority:
        task = read_task(plain, now)
        first = verbs.TITLE_OF_STATE.match(plain)
        repeats = details.due is not None and details.due.recurrence
        if (
            task is not None
            and first is None
            and (len(task.title.split()) >= 2 or details.tags or details.priority or repeats)
        ):
            return Add((task,))
    if moved := verbs.MOVES.match(plain):
        return NotUnderstood(plain, date=moved["when"].strip(" .!?"))
    return NotUnderstood(plain)


def with_target(intent: Intent, target: Reference) -> Intent:
    """Return the intent with another target, after the user answers "which one?"."""
    if isinstance(intent, Complete | Reopen | Delete | Update | Ask | Edit):
        return replace(intent, target=target)
    return intent
