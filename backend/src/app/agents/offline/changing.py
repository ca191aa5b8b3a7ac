"""Find the tasks that a sentence refers to, and change them."""

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from app.agents.offline import memory, wording
from app.agents.offline.handlers import AT_ONCE, LINES_SHOWN, Answer, Call, Found
from app.agents.offline.intents import (
    Ask,
    Complete,
    Delete,
    Edit,
    ListTasks,
    Reference,
    Reminder,
    Reopen,
    Update,
)
from app.agents.offline.listing import filters, parse_list
from app.agents.offline.matching import exact_matches, matches, search_words
from app.agents.protocol import HistoryMessage, JsonObject, ToolOutcome
from app.language.dates import When, delayed, is_short
from app.language.days import ImpossibleDateError
from app.language.details import reminder_before
from app.language.rules import first_occurrence

Target = Complete | Reopen | Delete | Update
_LIKE_THAT = "is like that already."
_PARTS = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*", re.IGNORECASE)


class Changing:
    """The handlers for tasks that exist.

    Args:
        history: the earlier messages of the conversation.
        now: the present time on the user's clock (aware).
    """

    def __init__(self, history: Sequence[HistoryMessage], now: datetime) -> None:
        self._history = history
        self._now = now
        self._has_changed = False
        self._is_holding = False
        self._touched: list[JsonObject] = []
        self._is_guess = False

    def _take(self, task: JsonObject) -> None:
        """Remember a task that this message added or changed."""
        self._has_changed = True
        self._touched = [kept for kept in self._touched if kept["id"] != task["id"]] + [task]

    # Finding

    def _find(self, wish: Target | Ask | Edit) -> Found:
        """Return the tasks that an intent refers to, or a question if the reference is ambiguous."""
        target = wish.target
        self._is_guess = False
        if target.it:
            return self._find_mentioned()
        if target.positions or target.first:
            return (yield from self._find_by_position(target))
        return (yield from self._find_by_name(wish, target.name or ""))

    def _find_mentioned(self) -> Sequence[JsonObject] | str:
        if self._touched:
            return self._touched
        tasks, deleted = memory.mentioned(self._history)
        if deleted:
            return "That task is deleted. Name another one, please, or say “undo”."
        if not tasks:
            return "I do not know which task you mean. Name it, or say “list” first."
        return tasks if len(tasks) == 1 else self._which(tasks)

    def _find_by_position(self, target: Reference) -> Found:
        tasks = memory.shown(self._history)
        if not tasks:
            outcome = yield Call("list_tasks", {"status": "open", "sort": "due", "limit": LINES_SHOWN})
            if outcome.output is None:
                return f"I could not read your tasks: {outcome.error}"
            return self._which(outcome.output["tasks"]) if outcome.output["tasks"] else "Your list is empty."
        if target.first is not None:
            return tasks[: target.first] if target.first > 0 else tasks[target.first :]
        wrong = next((place for place in target.positions if place > len(tasks) or -place > len(tasks)), None)
        if wrong is not None or 0 in target.positions:
            return f"There is no number {wrong or 0} in the last list; it has {wording.count(len(tasks))}."
        return [tasks[place - 1 if place > 0 else place] for place in target.positions]

    def _find_by_name(self, wish: Target | Ask | Edit, name: str) -> Found:
        found = yield from self._named(name, exactly=_PARTS.search(name) is not None)
        if isinstance(found, str):
            return found
        parts = [part for part in _PARTS.split(name) if part.strip()]
        if not found and len(parts) > 1 and isinstance(wish, Target):
            return (yield from self._find_each(wish, parts))
        if not found:
            found = yield from self._named(name, exactly=False)
        if isinstance(found, str) or not found:
            return found or self._unknown(name)
        return self._fitting(wish, found)

    def _find_each(self, wish: Target, names: Sequence[str]) -> Found:
        """Return the tasks with these names; all must exist."""
        together: dict[str, JsonObject] = {}
        is_guess = False
        for name in names:
            found = yield from self._named(name, exactly=False)
            if isinstance(found, str) or not found:
                return found or self._unknown(name)
            fitting = self._fitting(wish, found)
            if isinstance(fitting, str):
                return fitting
            is_guess = is_guess or self._is_guess
            together |= {task["id"]: task for task in fitting}
        self._is_guess = is_guess
        return list(together.values())

    def _unknown(self, name: str) -> str:
        return f"I find no task like {wording.quoted(wording.shortened(name))}. “list” shows your tasks."

    def _named(self, name: str, *, exactly: bool) -> Found:
        """Return the tasks with a name or, unless `exactly`, one like it."""
        words = search_words(name)
        outcome = yield Call("list_tasks", {"status": "all", "query": words, "sort": "created", "limit": 50})
        if outcome.output is None:
            return f"I could not read your tasks: {outcome.error}"
        self._is_guess = False
        if found := exact_matches(name, outcome.output["tasks"]):
            return found
        if exactly:
            return []
        self._is_guess = True
        if found := matches(name, outcome.output["tasks"]) or outcome.output["tasks"]:
            return found
        # No title contains the words: one may be misspelt.
        outcome = yield Call("list_tasks", {"status": "all", "sort": "created", "limit": AT_ONCE})
        return matches(name, outcome.output["tasks"]) if outcome.output else []

    def _fitting(self, wish: Target | Ask | Edit, found: Sequence[JsonObject]) -> Sequence[JsonObject] | str:
        """Return the task that fits the wish, or a question."""
        wanted = "completed" if isinstance(wish, Reopen) else "open"
        fitting = [task for task in found if task["status"] == wanted]
        if not fitting and isinstance(wish, Complete | Reopen) and len(found) == 1:
            state = "done already" if isinstance(wish, Complete) else "not done yet"
            return f"{wording.quoted(found[0]['title'])} is {state}."
        candidates = fitting or found
        return candidates if len(candidates) == 1 else self._which(candidates)

    def _which(self, tasks: Sequence[JsonObject]) -> str:
        return f"Which one do you mean?\n{wording.numbered(tasks[:LINES_SHOWN], self._now)}"

    # Changing

    def _on_target(self, wish: Target) -> Answer:
        kind = yield from self._kind(wish.target)
        if wish.target.everything is not None and (kind or not wish.target.kind):
            return (yield from self._on_everything(wish, kind))
        found = yield from self._find(wish)
        if isinstance(found, str):
            if isinstance(wish, Complete) and wish.is_implied and found.startswith("I find no"):
                return wording.not_understood(f"i {wish.target.name}?", None)
            if isinstance(wish, Reopen) and found.startswith("I find no"):
                return (yield from self._restore(wish.target.name or "", found))
            return found
        if isinstance(wish, Complete) and wish.is_implied and self._is_guess:
            return wording.ask_complete(found)
        return (yield from self._apply(wish, found))

    def _restore(self, name: str, unknown: str) -> Answer:
        """Bring back a task that was deleted in this conversation."""
        gone = memory.deleted(self._history)
        found = exact_matches(name, [task for task, _ in gone])
        if not found:
            return unknown
        step = next(step for task, step in gone if task["id"] == found[0]["id"])
        outcome = yield Call("undo", {"step": step})
        if outcome.output is None:
            return outcome.error or unknown
        self._has_changed = True
        return wording.describe_undo(outcome.output, self._now)

    def _kind(self, target: Reference) -> Generator[Call, ToolOutcome, ListTasks | None]:
        """Return the tasks that "all …" means; None if the words are rather a name ("all hands meeting")."""
        if not target.kind:
            return None
        try:
            wanted = parse_list(f"list {target.kind}", self._now)
        except ImpossibleDateError:
            return None
        if wanted is None or wanted.query is None:
            return wanted
        # "All work tasks": those with this tag, if there are any.
        tag = wanted.query.lower()
        if wanted.tag or " " in tag or not target.kind.endswith("tasks"):
            return None
        outcome = yield Call("list_tasks", {"status": "all", "tag": tag, "limit": 1})
        return replace(wanted, query=None, tag=tag) if outcome.output and outcome.output["tasks"] else None

    def _on_everything(self, wish: Target, wanted: ListTasks | None) -> Answer:
        if isinstance(wish, Update) and (wish.title or wish.description):
            return "I change one task at a time. Which one?"
        kind = wish.target.everything
        if wanted:
            kind = "overdue" if wanted.overdue else wanted.status
        if isinstance(wish, Update) and wish.add_tags and wish.remove_tags:
            # Another name for a tag holds for completed tasks as well.
            kind = "all"
        elif not isinstance(wish, Delete) and kind != "overdue":
            kind = "completed" if isinstance(wish, Reopen) else "open"
        values: JsonObject = {
            "status": "open" if kind == "overdue" else kind,
            "sort": "created",
            "limit": AT_ONCE,
        }
        if kind == "overdue":
            values["overdue"] = True
        if wish.target.tag:
            values["tag"] = wish.target.tag
        if wish.target.query:
            values["query"] = wish.target.query
        if wanted:
            values |= filters(wanted)
        outcome = yield Call("list_tasks", values)
        if outcome.output is None:
            return f"I could not read your tasks: {outcome.error}"
        tasks, total = outcome.output["tasks"], outcome.output["total"]
        described = ("" if kind == "all" else f"{kind} ") + ("task" if total == 1 else "tasks")
        described += f" tagged #{wish.target.tag}" if wish.target.tag else ""
        described += f" with {wording.quoted(wish.target.query)}" if wish.target.query else ""
        if not tasks:
            return f"{wording.describe_list(wanted, 0)}." if wanted else f"You have no {described}."
        self._is_guess = True
        said = yield from self._apply(wish, tasks)
        left = total - len(tasks)
        if not left:
            return said
        return f"{said}\nI change at most {AT_ONCE} at once: {left:,} are left.".strip()

    def _apply(self, wish: Target, tasks: Sequence[JsonObject]) -> Answer:
        is_doubtful = len(tasks) > 1 or self._is_guess
        if isinstance(wish, Delete) and (is_doubtful or not wish.is_sure):
            for task in tasks:
                yield Call("delete_task", {"id": task["id"]}, held=f"Delete {wording.quoted(task['title'])}")
            self._is_holding = True
            return ""
        if isinstance(wish, Update) and len(tasks) > 1 and self._is_guess:
            calls = [(task, self._change(wish, task)) for task in tasks]
            unchanged = [call for _, call in calls if isinstance(call, str)]
            for task, call in calls:
                if isinstance(call, Call):
                    said = wording.describe_change(call.input, task, self._now)
                    yield replace(call, held=f"Change {wording.quoted(task['title'])} ({said})")
                    self._is_holding = True
            if len(unchanged) == len(calls) and all(call.endswith(_LIKE_THAT) for call in unchanged):
                return f"Nothing to change: all {wording.count(len(calls))} are like that already."
            return "\n".join(call for call in unchanged if not call.endswith(_LIKE_THAT))
        changed: list[JsonObject] = []
        for task in tasks:
            call = self._change(wish, task)
            if isinstance(call, str):
                return call
            outcome = yield call
            if outcome.output is None:
                return f"{wording.quoted(task['title'])} could not be changed: {outcome.error}"
            changed.append(outcome.output["task"])
            if isinstance(wish, Delete):
                self._has_changed = True
            else:
                self._take(outcome.output["task"])
        names = wording.names(changed)
        match wish:
            case Complete():
                return f"Done: {names}."
            case Reopen():
                return f"Open again: {names}."
            case Delete():
                return f"Deleted {names}."
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
        given: tuple[tuple[str, Any], ...] = (
            ("title", wish.title),
            ("description", wish.description),
            ("priority", wish.priority),
        )
        values |= {name: value for name, value in given if value is not None}
        if wish.clear_due:
            values["clear_due"] = True
        if wish.add_tags or wish.remove_tags:
            kept = [tag for tag in task["tags"] if tag not in wish.remove_tags]
            values["tags"] = list(dict.fromkeys([*kept, *wish.add_tags]))
        if wish.delay is not None and not task["due_at"]:
            return f"{wording.quoted(task['title'])} has no date to move. Say when it is due instead."
        if wish.delay is not None and task["all_day"] and is_short(wish.delay[1]):
            return f"{wording.quoted(task['title'])} has no time to move. Say when it is due instead."
        if moved := self._moved(wish, task):
            values["due"] = str(moved)
            if moved.recurrence:
                values["recurrence"] = moved.recurrence
        if wish.clear_recurrence:
            values["recurrence"] = "NONE"
        if wish.clear_reminder:
            values["clear_reminder"] = True
        if wish.reminder is not None:
            try:
                values |= self._reminder(wish.reminder, task)
            except ImpossibleDateError as error:
                return f"{wording.quoted(task['title'])}: {error}"
        if len(values) == 1:
            return "I did not understand what to change."
        if all(self._has(task, name, value, moved) for name, value in values.items()):
            return f"Nothing to change: {wording.quoted(task['title'])} {_LIKE_THAT}"
        return Call("update_task", values)

    def _has(self, task: JsonObject, name: str, value: Any, moved: When | None) -> bool:
        """Return whether a field of the task has the value that an update would give it."""
        if name in ("clear_due", "clear_reminder"):
            return task["due_at" if name == "clear_due" else "remind_at"] is None
        if name == "remind_at":
            return task["remind_before"] is None and task["remind_at"] == value
        if name == "due" and moved is not None:
            due = datetime.fromisoformat(task["due_at"]) if task["due_at"] else None
            is_day = moved.at is None and moved.instant is None
            return due == moved.instant_in(self._now.tzinfo or UTC) and task["all_day"] == is_day
        if name == "recurrence":
            return task.get("recurrence") == (None if value == "NONE" else value)
        return bool(task.get(name) == value)

    def _reminder(self, reminder: Reminder, task: JsonObject) -> JsonObject:
        """Return the arguments of update_task for a reminder.

        Raises:
            ImpossibleDateError: when the task has no date, or no time, for it.
        """
        due = datetime.fromisoformat(task["due_at"]).astimezone(self._now.tzinfo) if task["due_at"] else None
        is_day = task["all_day"]
        when = When(due.date(), None if is_day else due.time()) if due else None
        if reminder.minutes is not None:
            at = reminder.at.at if reminder.at else None
            before = reminder_before(when, reminder.minutes, at)
            return {"remind_before": before} if isinstance(before, int) else {"remind_at": str(before)}
        at_time = reminder.at or When(self._now.date())
        if not at_time.is_day_said and when is not None and when.day >= self._now.date():
            at_time = replace(at_time, day=when.day, instant=None)
        return {"remind_at": str(at_time)}

    def _repeated(self, moved: When, due: datetime | None, at: time | None) -> When:
        """Return the first occurrence: the present due date where it fits the rule."""
        rule, kept = moved.recurrence or "", moved.at or at
        if (
            due is None
            or moved.is_start_said
            or due <= self._now
            or (rule.startswith("FREQ=HOURLY") and at is None)
        ):
            return moved
        before = due - timedelta(days=1)
        if first_occurrence(rule, due.date(), None, before) != due.date():
            return replace(moved, at=kept)
        return replace(moved, day=due.date(), at=kept)

    def _moved(self, wish: Update, task: JsonObject) -> When | None:
        """Return the new due date. What the sentence does not say of day and hour stays."""
        due = datetime.fromisoformat(task["due_at"]).astimezone(self._now.tzinfo) if task["due_at"] else None
        at = due.time() if due and not task["all_day"] else None
        if wish.delay is not None and due is not None:
            return delayed(When(due.date(), at), *wish.delay, self._now.tzinfo)
        moved = wish.due
        if moved is None:
            return None
        if moved.recurrence:
            return self._repeated(moved, due, at)
        if moved.at is None and at is not None:
            return When(moved.day, at)
        if not moved.is_day_said and due is not None and due.date() >= self._now.date() - timedelta(days=1):
            return When(due.date(), moved.at)
        return moved
