"""A user with 5,000 tasks: every feature works and the queries use the indexes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, text

from app.database import Database, new_id, utc_now
from app.tasks.models import Priority, Task, TaskTag
from backend.tests.browsers import Person
from backend.tests.chat.stream import Talk

MANY = 5_000


@pytest.fixture
async def ada(app: FastAPI, signed_in: Callable[..., Awaitable[Person]]) -> httpx2.AsyncClient:
    """A user with 5,000 tasks, of which every tenth has a tag."""
    person = await signed_in("Ada")
    began = datetime(2026, 1, 1, tzinfo=UTC)
    database: Database = app.state.database
    rows = [
        {
            "id": new_id(),
            "user_id": person.user.id,
            "title": f"Errand {number}",
            "title_key": f"errand {number}",
            "search_text": f"errand {number}",
            "priority": list(Priority)[number % 3],
            "due_at": began + timedelta(hours=number) if number % 2 else None,
            "created_at": utc_now() - timedelta(minutes=number),
        }
        for number in range(MANY)
    ]
    # Outside the application's transactions, whose timeout this would exceed on a busy machine.
    async with database.engine.begin() as connection:
        await connection.execute(insert(Task), rows)
        tags = [{"task_id": row["id"], "name": "tenth", "position": 0} for row in rows[::10]]
        await connection.execute(insert(TaskTag), tags)
    return person


async def test_all_pages_together_contain_all_tasks(ada: httpx2.AsyncClient) -> None:
    query: dict[str, str] = {"sort": "due", "limit": "200"}
    seen: set[str] = set()
    pages = 0
    while True:
        page = (await ada.get("/api/tasks", params=query)).json()
        seen |= {task["id"] for task in page["items"]}
        pages += 1
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert (len(seen), pages) == (MANY, MANY // 200)


async def test_the_agent_finds_one_task_and_counts_all(ada: httpx2.AsyncClient) -> None:
    talk = Talk(ada)
    assert await talk.say("how many tasks do I have?") == "You have 5,000 open tasks."
    assert await talk.say("complete errand 4321") == "Done: ‘Errand 4321’."
    assert (await talk.say("show #tenth")).splitlines()[-1] == "and 485 more."
    said = await talk.say("delete all")
    assert said.startswith("I change at most 100 at once: 4,900 are left.")
    assert said.count("\n- Delete ‘") == 100
    assert await talk.say("no") == "All right, nothing was changed."


@pytest.mark.parametrize("column", ["created_at", "due_at", "priority", "title_key"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_lists_in_every_order_use_an_index(
    app: FastAPI, ada: httpx2.AsyncClient, column: str, direction: str
) -> None:
    database: Database = app.state.database
    nulls = " NULLS LAST" if (column, direction) == ("due_at", "ASC") else ""
    order = f"{column} {direction}{nulls}, id {direction}"
    query = f"SELECT id FROM task WHERE user_id = 'x' ORDER BY {order} LIMIT 101"  # noqa: S608 - constants
    explain = "EXPLAIN QUERY PLAN " if database.kind == "sqlite" else "EXPLAIN "
    async with database.transaction() as session:
        if database.kind == "postgresql":
            await session.execute(text("ANALYZE task"))
            await session.execute(text("SET LOCAL enable_sort = off"))
        plan = "\n".join(str(row) for row in await session.execute(text(explain + query)))
    assert f"ix_task_user_id_{column}_id" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
