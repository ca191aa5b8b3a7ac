"""Parse the sentences that change a field of a task."""

import re
from datetime import datetime

from app.agents.offline import change_verbs, verbs
from app.agents.offline.intents import DESCRIPTION_LIMIT, Reference, Reminder, Update
from app.agents.offline.references import parse_reference
from app.language.dates import find_delay, find_when
from app.language.days import number_of
from app.language.details import LEAD, find_details, lead_minutes, make_title, priority_of
from app.language.sentences import BLANK, Sentence

_MOVES = frozenset(
    ("move", "postpone", "reschedule", "push", "delay", "defer", "shift", "snooze", "put", "bring")
)


def _target(sentence: Sentence, match: re.Match[str]) -> Reference:
    return parse_reference(sentence.original[slice(*match.span("target"))])


def _tags(text: str) -> tuple[str, ...]:
    words = re.split(r"\s*,\s*|\s+and\s+|\s+", text.strip())
    return tuple(dict.fromkeys(word.lstrip("#").lower() for word in words if word.strip("#")))


def _said(sentence: Sentence, match: re.Match[str], group: str) -> str:
    """Return the words of a group, without quotation marks around all of them."""
    start, end = match.span(group)
    quoted = sentence.quoted(start, end)
    if quoted and not sentence.text[start:end].replace(BLANK, "").strip():
        return quoted[0]
    return sentence.original[start:end].strip()


def _reminder(match: re.Match[str], now: datetime) -> Reminder | None:
    """Return the reminder of a match: some time before the due date, a time, or both."""
    groups = match.groupdict()
    lead = LEAD.match(groups["lead"]) if groups.get("lead") else None
    at = None
    if said := groups.get("when"):
        found = find_when(said if lead is None else f"at {said.removeprefix('at ')}", now)
        # All of it is a time: "remind me in the kitchen to call" has none.
        if found is None or found.when.at is None or found.when.recurrence:
            return None
        if said[: found.spans[0][0]].strip() or (lead is None and said[found.spans[-1][1] :].strip(" .!")):
            return None
        at = found.when
    return Reminder(lead_minutes(lead) if lead else None, at) if lead or at else None


def _remind(sentence: Sentence, now: datetime) -> Update | None:
    """Parse "remind me 10 minutes before the meeting", also without a name."""
    if match := verbs.first_match(change_verbs.CLEAR_REMINDER, sentence.text):
        return Update(_target(sentence, match), clear_reminder=True)
    for pattern in (*change_verbs.SET_REMINDER, *change_verbs.REMIND_AT):
        match = pattern.match(sentence.text)
        if match and (reminder := _reminder(match, now)):
            named = match.groupdict().get("target") is not None
            return Update(_target(sentence, match) if named else Reference(it=True), reminder=reminder)
    return None


def parse_update(text: str, now: datetime) -> Update | None:
    """Parse a change to a task; return None for other sentences.

    Raises:
        ImpossibleDateError: when a date or time does not exist.
    """
    sentence = Sentence(text.rstrip(" .!?"))
    plain = sentence.text
    if update := _remind(sentence, now):
        return update
    if re.match(r"^(?:show|list|remind|add\s+(?:a\s+)?task|i\s)\b", plain, re.IGNORECASE):
        return None
    if match := verbs.first_match(change_verbs.CLEAR_DUE, plain):
        return Update(_target(sentence, match), clear_due=True)
    if match := verbs.first_match(change_verbs.CLEAR_RECURRENCE, plain):
        return Update(_target(sentence, match), clear_recurrence=True)
    if match := verbs.first_match(change_verbs.RENAME_TAG, plain):
        old, new = (match["tag"] or match["hash"]).lower(), match["new"].lower()
        target = _target(sentence, match) if match["target"] else Reference(everything="all", tag=old)
        return Update(target, remove_tags=(old,), add_tags=(new,))
    if match := verbs.first_match(change_verbs.REMOVE_TAG, plain):
        groups = match.groupdict()
        tag = groups.get("tag") or groups.get("hash") or groups.get("word") or ""
        return Update(_target(sentence, match), remove_tags=(tag.lower(),))
    if match := verbs.first_match(change_verbs.ADD_TAG, plain):
        return Update(_target(sentence, match), add_tags=_tags(match["tags"]))
    if match := verbs.first_match(change_verbs.DESCRIBE, plain):
        return Update(
            _target(sentence, match), description=_said(sentence, match, "text")[:DESCRIPTION_LIMIT]
        )
    if match := verbs.first_match(change_verbs.RENAME, plain):
        return Update(_target(sentence, match), title=_title(sentence, match))
    if match := verbs.first_match(change_verbs.SET_PRIORITY, plain):
        target = _target(sentence, match)
        states = change_verbs.PRIORITY_VERB.match(plain)
        if not states and target.name and find_when(plain, now):
            return None
        groups = match.groupdict()
        level = groups.get("level") or groups.get("first") or ("low" if groups.get("lower") else "high")
        return Update(target, priority=priority_of(level))
    if match := change_verbs.DELAY.match(plain):
        words = {match["verb"].lower(), (match["sense"] or "").lower()}
        count = number_of(match["count"]) * (-1 if words & {"bring", "earlier", "sooner"} else 1)
        return Update(_target(sentence, match), delay=(count, match["unit"].lower()))
    for pattern in change_verbs.SET_DUE:
        match = pattern.match(plain)
        if match and (update := _changes(sentence, match, now)):
            return update
    return None


def _title(sentence: Sentence, match: re.Match[str]) -> str:
    said = _said(sentence, match, "title")
    return said if sentence.text[match.start("title")] == BLANK else make_title(said, [])


def _changes(sentence: Sentence, match: re.Match[str], now: datetime) -> Update | None:
    """Parse the text after "change X to": a date, a priority, a delay or a new title."""
    target, said = _target(sentence, match), _said(sentence, match, "when")
    when = sentence.text[slice(*match.span("when"))]
    verb = sentence.text.split()[0].lower()
    moves = verb in _MOVES
    interval = find_delay(when) if moves else None
    if interval is not None:
        count, unit = interval
        return Update(target, delay=(-count if verb == "bring" else count, unit))
    if when.startswith(BLANK):
        return None if moves else Update(target, title=said)
    bare = re.sub(r"^(?:back\s+)?(?:to|for|until|till|from|on|due|be)\s+", "", when, flags=re.IGNORECASE)
    # Words such as "monday" are dates in the middle of a sentence only after a preposition.
    details = find_details(
        bare if re.match(r"(?:at|by|in|every|each)\b", bare, re.IGNORECASE) else f"on {bare}", now
    )
    if details.due is None:
        details = find_details(bare, now)
    leftover = re.sub(r"[\s,\x1f]+|\b(?:on|to|and|due|for|at|be|with|by|repeat)\b", " ", details.rest).strip()
    renames = verb in {"change", "update", "edit"}
    if details.due is None and details.priority is None and not details.tags:
        if renames and said and "due" not in said.lower().split()[:1]:
            return Update(target, title=make_title(said, []))
        return None
    if leftover and (renames or verb == "set"):
        title = make_title(leftover, [])
        return Update(target, title=title, priority=details.priority, due=details.due, add_tags=details.tags)
    if leftover:
        return None
    return Update(target, priority=details.priority, due=details.due, add_tags=details.tags)
