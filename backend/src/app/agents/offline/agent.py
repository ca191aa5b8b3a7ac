"""The offline agent, which executes the intents that the grammar recognises.

Each handler is a generator that yields tool calls, receives their outcomes and returns the reply. Handlers
therefore perform no I/O; only `OfflineAgent.answer` does.
"""

import secrets
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

from app.agents.confirmation import held_outcome
from app.agents.offline import memory, wording
from app.agents.offline.changing import Changing
from app.agents.offline.grammar import parse, with_target
from app.agents.offline.handlers import LINES_SHOWN, Answer, Call
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
from app.agents.offline.listing import filters
from app.agents.offline.matching import matches
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
from app.language.days import ImpossibleDateError
from app.language.details import NewTask
from app.language.windows import Window


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
                if end.value:
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
            if wanted.held is None:
                outcome = await turn.tools.call(call.name, call.input, call.id)
            else:
                outcome = held_outcome(wanted.held)
            yield ToolResult(call.id, outcome)


class _Turn(Changing):
    """One message and its conversation, with a handler for each intent."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn.history, turn.local_now)
        self._message = turn.message

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
            case Statistics():
                return (yield from self._count())
            case Ask(target):
                return (yield from self._ask(target))
            case Update(otherwise=tasks) if tasks:
                found = yield from self._named(intent.target.name or "", exactly=True)
                return (yield from self._on_target(intent) if found else self._add(tasks, 0))
            case Complete() | Reopen() | Delete() | Update():
                return (yield from self._on_target(intent))
            case Edit(target, field):
                return (yield from self._edit(target, field))
            case Undo(just_made):
                return (yield from self._undo(just_made=just_made))
            case Several(intents):
                return (yield from self._in_order(intents))
            case Choose(target):
                return (yield from self._choose(target))
            case Confirm(yes):
                return wording.NOTHING_PENDING if yes else wording.LEFT_ALONE
            case Small(kind):
                return wording.SMALL_TALK[kind]
            case Incomplete(verb):
                return wording.ASK_FOR[verb]
            case TooLong():
                return wording.TOO_LONG
            case NotUnderstood(text, date):
                return (yield from self._not_understood(text, date))

    def _in_order(self, intents: Sequence[Intent]) -> Answer:
        """Carry out commands in order, until one of them changes nothing."""
        said: list[str] = []
        for number, intent in enumerate(intents):
            self._has_changed = False
            said.append((yield from self._carry_out(intent)))
            if not self._has_changed and not self._is_holding:
                if number + 1 < len(intents):
                    said.append("I did nothing after that.")
                break
        return "\n".join(filter(None, said))

    def _undo(self, *, just_made: bool) -> Answer:
        step = memory.last_step(self._history) if just_made else None
        if just_made and step is None:
            return wording.LEFT_ALONE
        outcome = yield Call("undo", {"step": step} if step else {})
        if outcome.output is None:
            return outcome.error or "There is nothing to undo."
        self._has_changed = True
        return wording.describe_undo(outcome.output, self._now)

    # Adding and listing

    def _add(self, tasks: Sequence[NewTask], left: int) -> Answer:
        if too_long := next((new.title for new in tasks if len(new.title) > TITLE_LIMIT), None):
            return (
                f"{wording.quoted(wording.shortened(too_long))} is too long: a title has at most "
                f"{TITLE_LIMIT} characters. A note may hold the rest: add … with note: …"
            )
        added: list[JsonObject] = []
        for new in tasks:
            outcome = yield Call("add_task", _arguments(new))
            if outcome.output is None:
                return f"I could not add {wording.quoted(wording.shortened(new.title))}: {outcome.error}"
            added.append(outcome.output["task"])
            self._take(outcome.output["task"])
        notes = "".join(f"\n{note}" for new in tasks for note in new.notes)
        if len(added) == 1:
            return f"Added {wording.phrase(added[0], self._now)}.{notes}"
        said = f"Added {wording.count(len(added))}:\n{wording.numbered(added, self._now)}{notes}"
        return f"{said}\nI cannot add more at once; {left} are left." if left else said

    def _list(self, wish: ListTasks) -> Answer:
        values: JsonObject = {"status": wish.status, "limit": 1 if wish.count_only else LINES_SHOWN}
        values["sort"] = "created" if wish.status == "completed" else "due"
        values |= filters(wish)
        outcome = yield Call("list_tasks", values)
        if outcome.output is None:
            return f"I could not read your tasks: {outcome.error}"
        tasks, total = outcome.output["tasks"], outcome.output["total"]
        # With other conditions, there may be such tasks that they exclude.
        if not tasks and wish.query and filters(wish).keys() == {"query"}:
            return (yield from self._list_similar(wish, wish.query))
        said = wording.describe_list(wish, total)
        if wish.count_only or not tasks:
            return f"{said}."
        more = f"\nand {total - len(tasks):,} more." if total > len(tasks) else ""
        return f"{said}:\n{wording.numbered(tasks, self._now)}{more}"

    def _list_similar(self, wish: ListTasks, query: str) -> Answer:
        """List tasks whose titles are like the query, because none contains it."""
        outcome = yield Call("list_tasks", {"status": wish.status, "sort": "due", "limit": 100})
        listed, total = (outcome.output["tasks"], outcome.output["total"]) if outcome.output else ([], 0)
        found = matches(query, listed)[:LINES_SHOWN]
        kind = "" if wish.status == "all" else f"{wish.status} "
        nothing = f"I find no {kind}task with {wording.quoted(wording.shortened(query))}"
        if found:
            return f"{nothing}, but a similar one:\n{wording.numbered(found, self._now)}"
        return f"{nothing}. You have {wording.count(total, f'{kind}task')}; “list” shows them."

    def _count(self) -> Answer:
        today = self._now.date()
        monday = today - timedelta(days=today.weekday())
        wishes = (
            ("open", ListTasks()),
            ("overdue", ListTasks(overdue=True)),
            ("due", ListTasks(window=Window("today", today, today))),
            ("today", ListTasks("completed", window=Window("today", today, today))),
            ("week", ListTasks("completed", window=Window("this week", monday, today))),
            ("done", ListTasks("completed")),
        )
        totals: dict[str, int] = {}
        for name, wish in wishes:
            values: JsonObject = {"status": wish.status, "limit": 1}
            if wish.overdue:
                values["overdue"] = True
            if wish.window:
                kind = "completed" if wish.status == "completed" else "due"
                values |= {f"{kind}_from": str(wish.window.first), f"{kind}_until": str(wish.window.last)}
            outcome = yield Call("list_tasks", values)
            if outcome.output is None:
                return f"I could not read your tasks: {outcome.error}"
            totals[name] = outcome.output["total"]
        return (
            f"You have {wording.count(totals['open'], 'open task')}: {totals['overdue']:,} overdue, "
            f"{totals['due']:,} due today.\n"
            f"You completed {totals['today']:,} today, {totals['week']:,} this week and "
            f"{totals['done']:,} in all."
        )

    def _ask(self, target: Reference) -> Answer:
        found = yield from self._find(Ask(target))
        if isinstance(found, str):
            return found
        return "\n".join(wording.describe_state(task, self._now) for task in found)

    def _edit(self, target: Reference, field: str) -> Answer:
        if not target or target.everything:
            return wording.ASK_FOR["update"]
        found = yield from self._find(Edit(target))
        if isinstance(found, str):
            return found
        what = f"What should the {field.lower()} of" if field else "What should I change about"
        name = wording.quoted(found[0]["title"])
        return f"{what} {name}{' be' if field else ''}? {wording.EDIT_EXAMPLES}"

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
            if isinstance(intent, Several):
                return None
            # "Which one?" – "the second" – "Which one?" – …
            if not isinstance(intent, Confirm | Choose | NotUnderstood):
                return intent
        return None

    def _choose(self, target: Reference) -> Answer:
        pending = self._pending()
        if isinstance(pending, Complete | Reopen | Delete | Update):
            if target.everything is not None and pending.target.everything is None:
                return (yield from self._apply(pending, memory.shown(self._history)))
            wish = with_target(pending, target)
            if isinstance(wish, Complete | Reopen | Delete | Update):
                return (yield from self._on_target(wish))
        if isinstance(pending, Ask):
            return (yield from self._ask(target))
        if target.everything is not None:
            return (yield from self._list(ListTasks()))
        found = yield from self._find(Ask(target))
        if isinstance(found, str):
            return found
        return (
            f"{wording.phrase(found[0], self._now)}. What should I do with it? "
            "I can complete, change or delete it."
        )

    def _not_understood(self, text: str, date: str | None) -> Answer:
        pending = self._pending()
        if isinstance(pending, Complete | Reopen | Delete | Update) and pending.target.everything is None:
            named = matches(text, memory.shown(self._history))
            if len(named) == 1:
                return (yield from self._apply(pending, named))
        return wording.not_understood(text, date)


def _arguments(new: NewTask) -> JsonObject:
    """Return the arguments of add_task for a task."""
    values: JsonObject = {"title": new.title}
    if new.description:
        values["description"] = new.description
    if new.priority:
        values["priority"] = new.priority
    if new.tags:
        values["tags"] = list(new.tags)
    if new.due:
        values["due"] = str(new.due)
        if new.due.recurrence:
            values["recurrence"] = new.due.recurrence
    if isinstance(new.reminder, int):
        values["remind_before"] = new.reminder
    elif new.reminder is not None:
        values["remind_at"] = str(new.reminder)
    return values
