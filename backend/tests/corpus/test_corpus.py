"""Sentences that people type, and what each must do to the database.

The files beside this one hold a table for each kind of sentence. A case is a list of texts: the sentence, and
then in any order

- `given: x Title · 2026-12-01 17:00 · high · #tag · done 2026-11-27 09:00`: a task that exists (`x`: done);
- `first: sentence`: what was said before; `now: 2027-03-27 12:00 Europe/Berlin`: the clock;
- `reply: text` and `never: text`: what the reply contains, or must not contain;
- what changes: `+ Title · …` is added, `- Title` deleted, `x Title` completed, `o Title` reopened,
  `= Title` restored with its id, `~ Title · due=…` updated;
- `or`: starts another right outcome.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update

from app.accounts.models import User
from app.agents.confirmation import ConfirmedChanges, confirmed_calls, held_calls, question
from app.agents.offline.agent import OfflineAgent
from app.agents.protocol import HistoryMessage, TextDelta, TextPart, Turn
from app.chat.parts import Reply, begun_message
from app.database import Database, new_id
from app.mcp.client import task_tools
from app.tasks import service
from app.tasks.journal import Change
from app.tasks.models import Task
from app.tasks.schemas import TaskCreate, TaskOut, TaskQuery

CLOCK = "2026-11-27 11:00 Europe/Berlin"
SMALLEST = 700


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence with one of its right outcomes for each entry of `outcomes`."""

    kind: str
    say: str
    given: Sequence[str]
    first: Sequence[str]
    now: str
    outcomes: Sequence[Sequence[str]]


@dataclass(slots=True)
class Outcome:
    """Effect of a sentence."""

    changes: list[str] = field(default_factory=list)
    reply: str = ""


def cases() -> list[Case]:
    found = []
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        for kind, table in tomllib.loads(path.read_text("utf-8")).items():
            for say, *rest in table["cases"]:
                found.append(_case(kind, say, table.get("given", []), rest))
    return found


def _case(kind: str, say: str, given: Sequence[str], rest: Sequence[str]) -> Case:
    values: dict[str, list[str]] = {"given": [], "first": [], "now": []}
    outcomes: list[list[str]] = [[]]
    for item in rest:
        name, _, value = item.partition(": ")
        if item == "or":
            outcomes.append([])
        elif name in values:
            # The other outcomes of a case repeat its start.
            if len(outcomes) == 1:
                values[name].append(value)
        else:
            outcomes[-1].append(item)
    now = values["now"][0] if values["now"] else CLOCK
    return Case(kind, say, [*given, *filter(None, values["given"])], values["first"], now, outcomes)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


class Person:
    """A user with a clock, who talks to the offline agent about their tasks."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.now = now
        self.user_id = new_id()
        self.history: list[HistoryMessage] = []
        self.seen: set[tuple[str, datetime]] = set()

    async def sign_up(self) -> None:
        async with self.database.transaction() as session:
            session.add(User(id=self.user_id, name="Ada", email=f"{self.user_id}@example.org"))

    async def own(self, text: str) -> None:
        done = text.startswith("x ")
        title, *details = text.removeprefix("x ").split(" · ")
        values: dict[str, Any] = {"title": title, "tags": []}
        completed_at = self.now
        for detail in details:
            if detail.startswith("#"):
                values["tags"] = detail.replace("#", "").split()
            elif detail.startswith("done "):
                completed_at = self._instant(detail.removeprefix("done "))
            elif detail in ("high", "low"):
                values["priority"] = detail
            else:
                values |= {"due_at": self._instant(detail), "all_day": len(detail) == len("2026-12-01")}
        task = await service.create_task(self.database, self.user_id, TaskCreate.model_validate(values))
        if done:
            async with self.database.transaction() as session:
                statement = update(Task).where(Task.id == task.id)
                await session.execute(statement.values(completed_at=completed_at.astimezone(UTC)))

    def _instant(self, text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=self.now.tzinfo)

    async def tasks(self) -> dict[str, TaskOut]:
        query = TaskQuery(limit=200, sort="created", order="asc")
        found, _ = await service.find_tasks(self.database, self.user_id, query)
        self.seen |= {(task.id, task.created_at) for task in found}
        return {task.id: task for task in found}

    async def say(self, sentence: str) -> Outcome:
        """Say a sentence as the chat would pass it on."""
        before = await self.tasks()
        known = set(self.seen)
        reply = Reply()
        agent: OfflineAgent | ConfirmedChanges = OfflineAgent()
        if calls := confirmed_calls(sentence, self.history):
            agent = ConfirmedChanges(agent, calls)
        zone = self.now.tzinfo or UTC
        self.now += timedelta(seconds=1)
        async with task_tools(self.database, self.user_id, zone, lambda: self.now, new_id()) as tools:
            async for event in agent.answer(Turn(sentence, self.history, tools, self.now, zone)):
                list(reply.take(event))
        if held := held_calls(reply.calls):
            list(reply.take(TextDelta(("\n\n" if reply.ends_in_text else "") + question(held))))
        said = begun_message(reply.stored, "offline")
        assert said is not None, f"no reply to “{sentence}”"
        self.history += [HistoryMessage("user", [TextPart(sentence)]), said]
        return Outcome(self._changes(before, await self.tasks(), known), said.text)

    def _changes(
        self, before: dict[str, TaskOut], after: dict[str, TaskOut], known: set[tuple[str, datetime]]
    ) -> list[str]:
        changes = [f"- {task.title}" for key, task in before.items() if key not in after]
        for key, task in after.items():
            old = before.get(key)
            if old is None:
                mark = "=" if (task.id, task.created_at) in known else "+"
                changes.append(f"{mark} {task.title}" if mark == "=" else self._added(task))
                continue
            if (old.completed_at is None) != (task.completed_at is None):
                changes.append(f"{'o' if task.completed_at is None else 'x'} {task.title}")
            fields = self._fields(old)
            if task.completed_at != old.completed_at:
                # A repetition passes on to the next task.
                fields["recurrence"] = self._fields(task)["recurrence"]
            changed = [f"{name}={new}" for name, new in self._fields(task).items() if new != fields[name]]
            if changed:
                changes.append(" · ".join([f"~ {old.title}", *changed]))
        return sorted(changes)

    def _fields(self, task: TaskOut) -> dict[str, str]:
        due = task.due_at.astimezone(self.now.tzinfo) if task.due_at else None
        return {
            "title": task.title,
            "due": "" if due is None else f"{due:%Y-%m-%d}" if task.all_day else f"{due:%Y-%m-%d %H:%M}",
            "priority": task.priority.value,
            "tags": " ".join(task.tags),
            "description": task.description,
            "recurrence": task.recurrence or "",
            "remind": self._reminder(task),
        }

    def _reminder(self, task: TaskOut) -> str:
        if task.remind_before is not None:
            return f"{task.remind_before} min before"
        return f"{task.remind_at.astimezone(self.now.tzinfo):%Y-%m-%d %H:%M}" if task.remind_at else ""

    def _added(self, task: TaskOut) -> str:
        fields = self._fields(task)
        priority = "" if fields["priority"] == "medium" else fields["priority"]
        tags = " ".join(f"#{tag}" for tag in task.tags)
        note = f"note: {task.description}" if task.description else ""
        reminder = f"remind {fields['remind']}" if fields["remind"] else ""
        details = [fields["due"], priority, tags, note, fields["recurrence"], reminder]
        return " · ".join([f"+ {task.title}", *filter(None, details)])


def problems(outcome: Outcome, right: Sequence[str]) -> list[str]:
    """Return how an outcome differs from a right one."""
    expected = sorted(item for item in right if re.match(r"[-+xo=~] ", item))
    found = [] if outcome.changes == expected else [f"did {outcome.changes}, not {expected}"]
    for item in right:
        kind, _, text = item.partition(": ")
        if kind == "reply" and text.casefold() not in outcome.reply.casefold():
            found.append(f"reply without “{text}”: {outcome.reply!r}")
        if kind == "never" and text.casefold() in outcome.reply.casefold():
            found.append(f"reply with “{text}”: {outcome.reply!r}")
    return found


def is_destructive(outcome: Outcome, outcomes: Sequence[Sequence[str]]) -> bool:
    """Return whether a sentence changed an existing task that no right outcome changes."""
    allowed = {item for right in outcomes for item in right}
    return any(change not in allowed for change in outcome.changes if change[0] in "-xo~")


@pytest.mark.timeout(600)
async def test_the_agent_does_what_people_mean(database: Database) -> None:
    corpus = cases()
    scores: dict[str, list[bool]] = {}
    wrong: list[str] = []
    destructive: list[str] = []
    for case in corpus:
        text, zone = case.now.rsplit(" ", 1)
        person = Person(database, datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))
        await person.sign_up()
        for task in case.given:
            await person.own(task)
        async with database.transaction() as session:
            # What is there has been there for long.
            await session.execute(delete(Change).where(Change.user_id == person.user_id))
        await person.tasks()
        for sentence in case.first:
            await person.say(sentence)
        outcome = await person.say(case.say)
        found = [problems(outcome, right) for right in case.outcomes]
        scores.setdefault(case.kind, []).append(not all(found))
        if all(found):
            wrong.append(f"[{case.kind}] “{case.say}” after {list(case.first)}: {'; '.join(found[0])}")
            if is_destructive(outcome, case.outcomes):
                destructive.append(wrong[-1])
    for kind, right in scores.items():
        sys.stdout.write(f"{kind:22} {sum(right):4} of {len(right):4}  {sum(right) / len(right):.1%}\n")
    sys.stdout.write("\n".join(wrong))
    assert not destructive, "\n".join(destructive)
    assert len(corpus) >= SMALLEST
    assert not wrong, "\n".join(wrong)
