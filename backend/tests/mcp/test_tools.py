"""The tools: results, errors and isolation between users."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.accounts.models import User
from app.agents.protocol import ToolOutcome, Tools, ToolsUnavailableError
from app.database import Database, new_id
from app.mcp.client import task_tools

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.fixture
async def people(database: Database) -> tuple[str, str]:
    """The ids of two users."""
    ids = (new_id(), new_id())
    async with database.transaction() as session:
        session.add_all(User(id=user_id, name="x", email=f"{user_id}@example.org") for user_id in ids)
    return ids


@asynccontextmanager
async def tools_of(database: Database, user_id: str, zone: str = "Europe/Berlin") -> AsyncIterator[Tools]:
    async with task_tools(database, user_id, ZoneInfo(zone), lambda: NOW) as tools:
        yield tools


async def add(tools: Tools, title: str, **more: Any) -> dict[str, Any]:
    outcome = await tools.call("add_task", {"title": title, **more})
    assert outcome.output is not None, outcome.error
    task: dict[str, Any] = outcome.output["task"]
    return task


async def titles(tools: Tools, **arguments: Any) -> list[str]:
    outcome = await tools.call("list_tasks", arguments)
    assert outcome.output is not None, outcome.error
    return [task["title"] for task in outcome.output["tasks"]]


async def test_the_tools_have_closed_schemas_without_a_user(
    database: Database, people: tuple[str, str]
) -> None:
    async with tools_of(database, people[0]) as tools:
        described = {tool.name: tool for tool in await tools.describe()}
    assert set(described) == {"add_task", "list_tasks", "complete_task", "delete_task", "update_task", "undo"}
    for tool in described.values():
        assert tool.description
        assert tool.parameters["type"] == "object"
        assert tool.parameters["additionalProperties"] is False
        assert not {"user", "user_id", "person", "owner"} & set(tool.parameters["properties"])
        assert people[0] not in json.dumps(tool.parameters)
    assert described["add_task"].parameters["required"] == ["title"]
    assert described["add_task"].parameters["properties"]["priority"]["enum"] == ["high", "medium", "low"]


async def test_an_argument_that_identifies_another_user_is_refused(
    database: Database, people: tuple[str, str]
) -> None:
    ada, bob = people
    async with tools_of(database, ada) as tools:
        for name in ("user_id", "user", "person", "self"):
            outcome = await tools.call("add_task", {"title": "Gift", name: bob})
            assert outcome.output is None
            assert outcome.error == f"{name}: Extra inputs are not permitted"
    async with tools_of(database, bob) as tools:
        assert await titles(tools, status="all") == []


async def test_another_users_task_is_not_found_by_its_id(database: Database, people: tuple[str, str]) -> None:
    ada, bob = people
    async with tools_of(database, ada) as tools:
        secret = await add(tools, "Secret", tags=["x"])
    async with tools_of(database, bob) as tools:
        assert await titles(tools, status="all", query="secret") == []
        for name, arguments in (
            ("complete_task", {}),
            ("delete_task", {}),
            ("update_task", {"title": "Mine now"}),
        ):
            outcome = await tools.call(name, {"id": secret["id"], **arguments})
            assert outcome.output is None
            assert outcome.error == "There is no task with this id; list_tasks returns the ids."
    async with tools_of(database, ada) as tools:
        outcome = await tools.call("list_tasks", {"status": "all"})
        assert outcome.output == {"tasks": [secret], "total": 1}


async def test_a_date_is_in_the_users_time_zone(database: Database, people: tuple[str, str]) -> None:
    async with tools_of(database, people[0]) as tools:
        timed = await add(tools, "Call", due="2026-07-01T17:00")
        assert (timed["due_at"], timed["all_day"]) == ("2026-07-01T15:00:00Z", False)
        whole = await add(tools, "Pay", due="2026-12-24")
        assert (whole["due_at"], whole["all_day"]) == ("2026-12-23T23:00:00Z", True)
        exact = await add(tools, "Ring", due="2026-12-24T10:00:00-05:00")
        assert exact["due_at"] == "2026-12-24T15:00:00Z"


@pytest.mark.parametrize(
    ("zone", "due", "instant", "why"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30:00Z", "skipped: 03:30 summer time"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z", "twice: the first, summer time"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30:00Z", "skipped: 03:30 daylight time"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30:00Z", "twice: the first"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "midnight itself is skipped: 01:00"),
        ("Asia/Kathmandu", "2026-01-01T00:00", "2025-12-31T18:15:00Z", "a quarter of an hour"),
        ("Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z", "fourteen hours ahead"),
    ],
)
async def test_hours_that_a_clock_skips_or_repeats_are_resolved(
    database: Database, people: tuple[str, str], zone: str, due: str, instant: str, why: str
) -> None:
    async with tools_of(database, people[0], zone) as tools:
        assert (await add(tools, "x", due=due))["due_at"] == instant, why


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("add_task", {}, "title: Field required"),
        ("add_task", {"title": ""}, "title: String should have at least 1 character"),
        ("add_task", {"title": "  \n "}, "title: String should have at least 1 character"),
        ("add_task", {"title": "x" * 201}, "title: String should have at most 200 characters"),
        ("add_task", {"title": "a\0b"}, "title: must not contain the control character U+0000"),
        (
            "add_task",
            {"title": "x", "priority": "urgent"},
            "priority: Input should be 'high', 'medium' or 'low'",
        ),
        (
            "add_task",
            {"title": "x", "due": "tomorrow"},
            "due: must have the form YYYY-MM-DD or YYYY-MM-DDTHH:MM",
        ),
        (
            "add_task",
            {"title": "x", "due": "0001-01-01"},
            "due: must have the form YYYY-MM-DD or YYYY-MM-DDTHH:MM",
        ),
        ("add_task", {"title": "x", "due": "9999-12-31"}, "due_at: must lie between the years 1900 and 9998"),
        ("list_tasks", {"due_until": "9999-12-31"}, "due: must lie between the years 1900 and 9998"),
        ("list_tasks", {"due_until": "9999-12-31T23:59Z"}, "due: must lie between the years 1900 and 9998"),
        ("update_task", {"id": "x"}, "No field to change was given."),
        ("complete_task", {"id": "a\0b"}, "There is no task with this id; list_tasks returns the ids."),
        ("drop_tables", {}, "Unknown tool: drop_tables"),
    ],
)
async def test_a_tools_refusal_is_a_sentence(
    database: Database, people: tuple[str, str], name: str, arguments: dict[str, Any], complaint: str
) -> None:
    async with tools_of(database, people[0]) as tools:
        assert (await tools.call(name, arguments)).error == complaint
        assert await titles(tools, status="all") == []


async def test_fields_omitted_from_an_update_are_unchanged(
    database: Database, people: tuple[str, str]
) -> None:
    async with tools_of(database, people[0]) as tools:
        task = await add(
            tools, "Buy milk", due="2026-12-24", tags=["home"], priority="high", description="two"
        )
        outcome = await tools.call("update_task", {"id": task["id"], "title": "Buy oat milk", "due": None})
        assert outcome.output is not None
        changed = outcome.output["task"]
        assert changed == {**task, "title": "Buy oat milk", "updated_at": changed["updated_at"]}
        outcome = await tools.call("update_task", {"id": task["id"], "clear_due": True, "tags": []})
        assert outcome.output is not None
        assert (outcome.output["task"]["due_at"], outcome.output["task"]["tags"]) == (None, [])


async def test_a_list_is_filtered_by_words_tag_priority_date_and_status(
    database: Database, people: tuple[str, str]
) -> None:
    async with tools_of(database, people[0]) as tools:
        late = await add(tools, "Late", due="2026-11-20")
        await add(tools, "Today", due="2026-11-21")
        await add(tools, "Earlier today", due="2026-11-21T08:00")
        await add(tools, "ÜBER den Wolken", due="2026-11-30T23:59", tags=["Music"], priority="high")
        done = await add(tools, "Done")
        await tools.call("complete_task", {"id": done["id"]})
        assert await titles(tools, overdue=True) == ["Late", "Earlier today"]
        assert await titles(tools, due_from="2026-11-21", due_until="2026-11-30") == [
            "Today",
            "Earlier today",
            "ÜBER den Wolken",
        ]
        assert await titles(tools, query="wolken über") == ["ÜBER den Wolken"]
        assert await titles(tools, query="100%") == []
        assert await titles(tools, tag="music", priority="high") == ["ÜBER den Wolken"]
        assert await titles(tools, status="completed") == ["Done"]
        outcome = await tools.call("list_tasks", {"limit": 1})
        assert outcome.output == {"tasks": [late], "total": 4}
        await tools.call("complete_task", {"id": done["id"], "completed": False})
        assert await titles(tools, status="completed") == []


async def test_an_unavailable_database_has_no_outcome(database: Database, people: tuple[str, str]) -> None:
    gone = Database("postgresql://nobody:secret@127.0.0.1:1/none")
    async with tools_of(gone, people[0]) as tools:
        with pytest.raises(ToolsUnavailableError, match=r"^The tasks cannot be reached at the moment\.$"):
            await tools.call("list_tasks", {})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_task", {"title": "Buy milk"}),
        ("update_task", {"title": "Buy oat milk"}),
        ("complete_task", {}),
        ("delete_task", {}),
    ],
)
async def test_a_repeated_call_changes_nothing_and_returns_the_same(
    database: Database, people: tuple[str, str], name: str, arguments: dict[str, Any]
) -> None:
    async with task_tools(database, people[0], UTC, lambda: NOW, "reply") as tools:
        if name != "add_task":
            arguments = arguments | {"id": (await add(tools, "Buy milk"))["id"]}
        first = await tools.call(name, arguments, "call_1")
        left = await tools.call("list_tasks", {"status": "all"})
        assert await tools.call(name, arguments, "call_1") == first
        assert first.error is None
        assert await tools.call("list_tasks", {"status": "all"}) == left
        # A different call, and the same call of another reply, each run once.
        if name == "add_task":
            await tools.call(name, arguments, "call_2")
    if name == "add_task":
        async with task_tools(database, people[0], UTC, lambda: NOW, "another") as tools:
            await tools.call(name, arguments, "call_1")
            assert await titles(tools) == ["Buy milk"] * 3


async def test_concurrent_calls_with_one_id_add_one_task(database: Database, people: tuple[str, str]) -> None:
    async def call() -> ToolOutcome:
        async with task_tools(database, people[0], UTC, lambda: NOW, "reply") as tools:
            return await tools.call("add_task", {"title": "Buy milk"}, "call_1")

    outcomes = await asyncio.gather(*(call() for _ in range(4)))
    assert [outcome.output for outcome in outcomes] == [outcomes[0].output] * 4
    async with tools_of(database, people[0]) as tools:
        assert await titles(tools) == ["Buy milk"]
