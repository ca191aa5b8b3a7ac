"""Changes that a model may not make unasked: held where tools run, whatever the model wants."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.agents.model import CALLS_PER_TURN, TOO_MANY_STEPS
from app.database import utc_now
from app.mcp.client import task_tools
from backend.tests.browsers import Person
from backend.tests.chat.stream import Talk, calls_of, error_of
from tests.model_server import ModelServer, model_server

SignIn = Callable[..., Awaitable[Person]]
Call = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def provider() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


class Obedient(Talk):
    """A conversation with a model that makes every call of its script."""

    async def order(self, *calls: Call) -> str:
        return await self.say(json.dumps(calls))

    async def tasks(self) -> dict[str, Any]:
        """Return the person's tasks by title, with their ids and states."""
        return {task["title"]: task for task in (await self.person.get("/api/tasks")).json()["items"]}

    async def ids(self, *titles: str) -> list[str]:
        """Add tasks and return their ids."""
        added = [await self.person.post("/api/tasks", json={"title": title}) for title in titles]
        return [response.json()["id"] for response in added]


@pytest.fixture
async def talk(app: FastAPI, provider: ModelServer, signed_in: SignIn) -> Obedient:
    app.state.settings = app.state.settings.model_copy(
        update={
            "openai_api_key": SecretStr("sk-local"),
            "openai_base_url": provider.url,
            "agent_model": "script:obey",
        }
    )
    return Obedient(await signed_in("Ada"))


async def test_nothing_is_deleted_without_a_yes(talk: Obedient) -> None:
    milk, bread = await talk.ids("Milk", "Bread")
    said = await talk.order(("delete_task", {"id": milk}), ("delete_task", {"id": bread}))
    assert said == (
        "I did as I was told.\n\nI want to:\n- Delete ‘Milk’\n- Delete ‘Bread’\n"
        "Shall I? Answer “yes” to confirm."
    )
    assert set(await talk.tasks()) == {"Milk", "Bread"}
    assert await talk.say("Yes!") == "Done."
    assert calls_of(talk.parts) == ["delete_task", "delete_task"]
    assert await talk.tasks() == {}


@pytest.mark.parametrize("answer", ["no", "yes, but only the milk", "what?", "Yesterday"])
async def test_any_other_answer_drops_what_was_held(talk: Obedient, answer: str) -> None:
    [milk] = await talk.ids("Milk")
    await talk.order(("delete_task", {"id": milk}))
    assert await talk.say(answer) == "Nothing."
    assert await talk.say("yes") == "Nothing."
    assert set(await talk.tasks()) == {"Milk"}


async def test_one_task_is_changed_and_others_wait(talk: Obedient) -> None:
    milk, bread = await talk.ids("Milk", "Bread")
    said = await talk.order(
        ("update_task", {"id": milk, "priority": "high"}),
        ("complete_task", {"id": milk}),
        ("complete_task", {"id": bread}),
        ("update_task", {"id": bread, "title": "Rye\nbread", "tags": []}),
    )
    assert said.endswith(
        "I want to:\n- Complete ‘Bread’\n- Change ‘Bread’: set title to ‘Rye bread’, tags to ‘[]’\n"
        "Shall I? Answer “yes” to confirm."
    )
    tasks = await talk.tasks()
    assert (tasks["Milk"]["status"], tasks["Milk"]["priority"]) == ("completed", "high")
    assert tasks["Bread"]["status"] == "open"
    assert await talk.say("yes") == "Done."
    assert (await talk.tasks())["Rye bread"]["status"] == "completed"


async def test_what_cannot_be_done_any_more_is_said(talk: Obedient) -> None:
    milk, bread = await talk.ids("Milk", "Bread")
    await talk.order(("delete_task", {"id": milk}), ("delete_task", {"id": bread}))
    await talk.person.delete(f"/api/tasks/{milk}")
    assert await talk.say("yes") == (
        "Done: 1 of 2.\nThere is no task with this id; list_tasks returns the ids."
    )


async def test_adding_and_reading_need_no_yes(talk: Obedient) -> None:
    said = await talk.order(
        ("add_task", {"title": "Milk"}), ("add_task", {"title": "Bread"}), ("list_tasks", {})
    )
    assert said == "I did as I was told."
    assert set(await talk.tasks()) == {"Milk", "Bread"}


async def test_a_yes_elsewhere_confirms_nothing(talk: Obedient, signed_in: SignIn) -> None:
    [milk] = await talk.ids("Milk")
    await talk.order(("delete_task", {"id": milk}))
    assert await Obedient(talk.person).say("yes") == "Nothing."
    assert await Obedient(await signed_in("Bob")).say("yes") == "Nothing."
    assert set(await talk.tasks()) == {"Milk"}


async def test_calls_in_one_turn_are_limited(talk: Obedient) -> None:
    calls = [("add_task", {"title": f"Task {number}"}) for number in range(CALLS_PER_TURN + 1)]
    await talk.order(*calls)
    assert error_of(talk.parts) == TOO_MANY_STEPS
    assert len(calls_of(talk.parts)) <= CALLS_PER_TURN == 32


async def test_every_tool_states_its_effect(app: FastAPI, signed_in: SignIn) -> None:
    """A tool without a statement counts as one that removes, so a new tool is guarded from the start."""
    ada = await signed_in("Ada")
    async with task_tools(app.state.database, ada.user.id, UTC, utc_now) as tools:
        effects = {tool.name: tool.effect for tool in await tools.describe()}
    assert effects == {
        "add_task": "adds",
        "list_tasks": "reads",
        "complete_task": "changes",
        "update_task": "changes",
        "delete_task": "removes",
        "undo": "removes",
    }
