"""The offline agent, which executes the intents that the grammar recognises.

Each handler is a generator that yields tool calls, receives their outcomes and returns the reply. Handlers
therefore perform no I/O; only `OfflineAgent.answer` does.
"""

import secrets
from collections import deque
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.agents.offline import memory, wording
from app.agents.offline.dates import ImpossibleDateError, When, delayed
from app.agents.offline.grammar import parse, with_target
from app.agents.offline.intents import (
    TITLE_LIMIT,
    Add,
    Choose,
    Complete,
    Confirm,
    Delete,
    Incomplete,
    Intent,
    ListTasks,
    NewTask,
    NotUnderstood,
    Reference,
    Reopen,
    Small,
    TooLong,
    Update,
)
from app.agents.offline.matching import matches, search_words
from app.agents.protocol import (
    AgentError,
    AgentEvent,
    JsonObject,
    TextDelta,
    ToolCall,
    ToolOutcome,
    ToolResult,
    Turn,
)

LINES_SHOWN = 15
AT_ONCE = 100
"""The maximum number of tasks that one message may change. Further tasks need another "yes"."""

Target = Complete | Reopen | Delete | Update


@dataclass(frozen=True, slots=True)
class Call:
    """The next tool call of a handler."""

    name: str
    input: JsonObject


Answer = Generator[Call, ToolOutcome, str]
"""Yields calls, receives their outcomes and returns the reply."""
Found = Generator[Call, ToolOutcome, "Sequence[JsonObject] | str"]
"""Like `Answer`, but returns tasks, or a reply if the reference is ambiguous."""


class OfflineAgent:
    """Answers without a model, a key or a network connection."""

    name = "offline"
    model = None

    async def answer(self, turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        """Answer one message deterministically within a conversation.

        An interrupted reply is replayed with the recorded outcomes of its calls.
        """
        steps = _Turn(turn).answer()
        outcome: ToolOutcome | None = None
        done = deque(turn.begun.calls if turn.begun else ())
        while True:
            try:
                # The first send to a generator must be None.
                wanted = next(steps) if outcome is None else steps.send(outcome)
            except StopIteration as end:
                yield TextDelta(end.value)
                return
            if done:
                earlier = done.popleft()
                if (earlier.name, earlier.input) != (wanted.name, wanted.input):
                    # A model, or another version of this grammar, started this reply with different calls.
                    yield AgentError("I was interrupted, and stopped. The changes made so far are kept.")
                    return
                outcome = ToolOutcome(earlier.output, earlier.error)
                continue
            call = ToolCall(f"call_{secrets.token_hex(8)}", wanted.name, wanted.input)
            yield call
            outcome = await turn.tools.call(call.name, call.input, call.id)
            yield ToolResult(call.id, outcome)


class _Turn:
    """One message and its conversation, with a handler for each intent."""

    def __init__(self, turn: Turn) -> None:
        self._history = turn.history
        self._message = turn.message
        self._now = turn.local_now

    def answer(self) -> Answer:
        try:
            intent = parse(self._message, self._now)
            return (yield from self._carry_out(intent))
        except ImpossibleDateError as error:
            return str(error)

    def _carry_out(self, intent: Intent) -> Answer:
        match intent:
            case Add(tasks, left):
                return (yield from self._add(tasks, left))
            case ListTasks():
                return (yield from self._list(intent))
            case Complete() | Reopen() | Delete() | Update():
                return (yield from self._on_target(intent))
            case Choose(target):
                return (yield from self._choose(target))
            case Confirm(yes):
                return (yield from self._confirm(yes=yes))
            case Small(kind):
                return {"help": wording.HELP, "greeting": wording.GREETING, "thanks": wording.THANKS}[kind]
            case Incomplete(verb):
                return wording.ASK_FOR[verb]
            case TooLong():
                return wording.TOO_LONG
            case NotUnderstood(text):
                return (yield from self._not_understood(text))

    # Adding and listing

    def _add(self, tasks: Sequence[NewTask], left: int) -> Answer:
        if too_long := next((new.title for new in tasks if len(new.title) > TITLE_LIMIT), None):
            return (
                f"{wording.quoted(_shortened(too_long))} is too long: a title has at most {TITLE_LIMIT} "
                "characters. A note may hold the rest: add … with note: …"
            )
        added: list[JsonObject] = []
        for new in tasks:
            values: JsonObject = {"title": new.title}
            if new.description:
                values["description"] = new.description
            if new.priority:
                values["priority"] = new.priority
            if new.tags:
                values["tags"] = list(new.tags)
            if new.due:
                values["due"] = str(new.due)
            outcome = yield Call("add_task", values)
            if outcome.output is None:
                return f"I could not add {wording.quoted(_shortened(new.title))}: {outcome.error}"
            added.append(outcome.output["task"])
        if len(added) == 1:
            return f"Added {wording.phrase(added[0], self._now)}."
        said = f"Added {wording.count(len(added))}:\n{wording.numbered(added, self._now)}"
        return f"{said}\nI cannot add more at once; {left} are left." if left else said

    def _list(self, wish: ListTasks) -> Answer:
        values: JsonObject = {"status": wish.status, "limit": 1 if wish.count_only else LINES_SHOWN}
        values["sort"] = "created" if wish.status == "completed" else "due"
        for name, value in (("priority", wish.priority), ("tag", wish.tag), ("query", wish.query)):
            if value:
                values[name] = value[:200]
        if wish.window and wish.window.first:
            values["due_from"] = wish.window.first.isoformat()
        if wish.window and wish.window.last:
            values["due_until"] = wish.window.last.isoformat()
        if wish.overdue:
            values["overdue"] = True
        outcome = yield Call("list_tasks", values)
        if outcome.output is None:
            return f"I could not read your tasks: {outcome.error}"
        tasks, total = outcome.output["tasks"], outcome.output["total"]
        said = wording.describe_list(wish, total)
        if wish.count_only or not tasks:
            return f"{said}."
        more = f"\nand {total - len(tasks):,} more." if total > len(tasks) else ""
        return f"{said}:\n{wording.numbered(tasks, self._now)}{more}"

    # Finding tasks

    def _find(self, wish: Target) -> Found:
        """Return the tasks that an intent refers to, or a question if the reference is ambiguous."""
        target = wish.target
        if target.it:
            return self._find_mentioned()
        if target.positions or target.first:
            return (yield from self._find_by_position(target))
        return (yield from self._find_by_name(wish, target.name or ""))

    def _find_mentioned(self) -> Sequence[JsonObject] | str:
        tasks, deleted = memory.mentioned(self._history)
        if deleted:
            return "That task is deleted. Name another one, please."
        if not tasks:
            return "I do not know which task you mean. Name it, or say “list” first."
        return tasks if len(tasks) == 1 else self._which(tasks)

    def _find_by_position(self, target: Reference) -> Found:
        tasks = memory.shown(self._history)
        if not tasks:
            outcome = yield Call("list_tasks", {"status": "open", "sort": "due", "limit": LINES_SHOWN})
            listed = outcome.output["tasks"] if outcome.output else []
            if not listed:
                return (
                    "Your list is empty."
                    if outcome.output
                    else f"I could not read your tasks: {outcome.error}"
                )
            return self._which(listed)
        if target.first is not None:
            return tasks[: target.first] if target.first > 0 else tasks[target.first :]
        wrong = next((place for place in target.positions if place > len(tasks) or place in (0, -2)), None)
        if wrong is not None:
            return f"There is no number {wrong} in the last list; it has {wording.count(len(tasks))}."
        return [tasks[place - 1 if place > 0 else -1] for place in target.positions]

    def _find_by_name(self, wish: Target, name: str) -> Found:
        words = search_words(name)
        outcome = yield Call("list_tasks", {"status": "all", "query": words, "sort": "created", "limit": 50})
        if outcome.output is None:
            return f"I could not read your tasks: {outcome.error}"
        found = matches(name, outcome.output["tasks"]) or outcome.output["tasks"]
        if not found:
            # No title contains the words: one may be misspelt.
            outcome = yield Call("list_tasks", {"status": "all", "sort": "created", "limit": AT_ONCE})
            found = matches(name, outcome.output["tasks"]) if outcome.output else []
        if not found:
            return f"I find no task like {wording.quoted(_shortened(name))}. “list” shows your tasks."
        wanted = "completed" if isinstance(wish, Reopen) else "open"
        fitting = [task for task in found if task["status"] == wanted]
        if not fitting and isinstance(wish, Complete | Reopen) and len(found) == 1:
            state = "done already" if isinstance(wish, Complete) else "not done yet"
            return f"{wording.quoted(found[0]['title'])} is {state}."
        candidates = fitting or found
        return candidates if len(candidates) == 1 else self._which(candidates)

    def _which(self, tasks: Sequence[JsonObject]) -> str:
        return f"Which one do you mean?\n{wording.numbered(tasks[:LINES_SHOWN], self._now)}"

    # Changing tasks

    def _on_target(self, wish: Target, *, confirmed: bool = False) -> Answer:
        if wish.target.everything is not None:
            return (yield from self._on_everything(wish, confirmed=confirmed))
        found = yield from self._find(wish)
        if isinstance(found, str):
            return found
        return (yield from self._apply(wish, found))

    def _on_everything(self, wish: Target, *, confirmed: bool) -> Answer:
        if isinstance(wish, Update):
            return "I change one task at a time. Name it, please."
        kind = wish.target.everything
        if isinstance(wish, Complete | Reopen):
            kind = "open" if isinstance(wish, Complete) else "completed"
        values: JsonObject = {"status": kind, "sort": "created", "limit": AT_ONCE}
        if wish.target.tag:
            values["tag"] = wish.target.tag
        outcome = yield Call("list_tasks", values)
        if outcome.output is None:
            return f"I could not read your tasks: {outcome.error}"
        tasks, total = outcome.output["tasks"], outcome.output["total"]
        described = ("" if kind == "all" else f"{kind} ") + ("task" if total == 1 else "tasks")
        described += f" tagged #{wish.target.tag}" if wish.target.tag else ""
        if not tasks:
            return f"You have no {described}."
        number = f"your {total:,}" if total == 1 else f"all {total:,}"
        if isinstance(wish, Delete) and not confirmed:
            return f"This cannot be undone. Delete {number} {described}?"
        said = yield from self._apply(wish, tasks)
        left = total - len(tasks)
        return f"{said}\n{left:,} are left. Shall I go on?" if left else said

    def _apply(self, wish: Target, tasks: Sequence[JsonObject]) -> Answer:
        changed: list[JsonObject] = []
        for task in tasks:
            call = self._change(wish, task)
            if isinstance(call, str):
                return call
            outcome = yield call
            if outcome.output is None:
                return f"{wording.quoted(task['title'])} could not be changed: {outcome.error}"
            changed.append(outcome.output["task"])
        match wish:
            case Complete():
                return f"Done: {_names(changed)}."
            case Reopen():
                return f"Open again: {_names(changed)}."
            case Delete():
                return f"Deleted {_names(changed)}."
            case Update():
                return "\n".join(f"Updated {wording.phrase(task, self._now)}." for task in changed)

    def _change(self, wish: Target, task: JsonObject) -> Call | str:
        match wish:
            case Complete():
                return Call("complete_task", {"id": task["id"]})
            case Reopen():
                return Call("complete_task", {"id": task["id"], "completed": False})
            case Delete():
                return Call("delete_task", {"id": task["id"]})
            case Update():
                return self._update(wish, task)

    def _update(self, wish: Update, task: JsonObject) -> Call | str:
        values: JsonObject = {"id": task["id"]}
        for name, value in (
            ("title", wish.title),
            ("description", wish.description),
            ("priority", wish.priority),
        ):
            if value is not None:
                values[name] = value
        if wish.clear_due:
            values["clear_due"] = True
        if wish.add_tags or wish.remove_tags:
            kept = [tag for tag in task["tags"] if tag not in wish.remove_tags]
            values["tags"] = list(dict.fromkeys([*kept, *wish.add_tags]))
        due = datetime.fromisoformat(task["due_at"]).astimezone(self._now.tzinfo) if task["due_at"] else None
        at = due.time() if due and not task["all_day"] else None
        if wish.delay is not None:
            if due is None:
                return f"{wording.quoted(task['title'])} has no date to move. Say when it is due instead."
            values["due"] = str(When(delayed(due.date(), *wish.delay), at))
        elif wish.due is not None:
            moved = wish.due
            if moved.at is None and at is not None:
                # "Move it to friday" changes the day and keeps the time.
                moved = When(moved.day, at)
            elif (
                not moved.day_said and due is not None and due.date() >= self._now.date() - timedelta(days=1)
            ):
                moved = When(due.date(), moved.at)
            values["due"] = str(moved)
        if len(values) == 1:
            return "I did not understand what to change."
        return Call("update_task", values)

    # Answers to questions

    def _pending(self) -> Intent | None:
        """Return the intent that led to the open question."""
        if memory.open_question(self._history) is None:
            return None
        for sentence in memory.sentences_before(self._history):
            try:
                intent = parse(sentence, self._now)
            except ImpossibleDateError:
                return None
            # "Which one?" – "the second" – "Shall I go on?" – "yes" – …
            if not isinstance(intent, Confirm | Choose | NotUnderstood):
                return intent
        return None

    def _confirm(self, *, yes: bool) -> Answer:
        pending = self._pending()
        if not isinstance(pending, Complete | Reopen | Delete | Update):
            return wording.NOTHING_PENDING if yes else wording.LEFT_ALONE
        if not yes:
            return wording.LEFT_ALONE
        if pending.target.everything is None:
            return self._which(memory.shown(self._history))
        return (yield from self._on_target(pending, confirmed=True))

    def _choose(self, target: Reference) -> Answer:
        pending = self._pending()
        if isinstance(pending, Complete | Reopen | Delete | Update):
            if target.everything is not None:
                if pending.target.everything is not None:
                    return (yield from self._on_target(pending, confirmed=True))
                return (yield from self._apply(pending, memory.shown(self._history)))
            wish = with_target(pending, target)
            if isinstance(wish, Complete | Reopen | Delete | Update):
                return (yield from self._on_target(wish))
        if target.everything is not None:
            return (yield from self._list(ListTasks()))
        found = yield from self._find(Complete(target))
        if isinstance(found, str):
            return found
        return (
            f"{wording.phrase(found[0], self._now)}. What should I do with it? "
            "I can complete, change or delete it."
        )

    def _not_understood(self, text: str) -> Answer:
        pending = self._pending()
        if isinstance(pending, Complete | Reopen | Delete | Update) and pending.target.everything is None:
            named = matches(text, memory.shown(self._history))
            if len(named) == 1:
                return (yield from self._apply(pending, named))
        return wording.not_understood(text)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59].rstrip() + "…"


def _names(tasks: Sequence[dict[str, Any]]) -> str:
    if len(tasks) > 5:
        return wording.count(len(tasks))
    names = [wording.quoted(task["title"]) for task in tasks]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
