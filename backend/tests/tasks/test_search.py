"""A search finds the same with its index as without it, and the index follows every change."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, text

from app.database import Database, new_id, utc_now
from app.tasks import service
from app.tasks.models import Task
from app.tasks.queries import MOST_FOUND, page_statement, shape_of
from app.tasks.schemas import TaskQuery
from backend.tests.browsers import Person

AT_ONCE = 500
"""Rows of a statement: the silence of a server that works on a large one ends the connection."""
SignIn = Callable[..., Awaitable[Person]]
TITLES = (
    *("Buy milk", "MILK the cow", "Straße kehren", "İstanbul çay", "牛乳を買う", "50% off", "a_b", "a/b"),
    *('say "hello" to Bob', "it's late", "NOT this OR that", "milk* near(cow)", "e\u0301te\u0301", "x" * 199),
)


async def found(person: Person, words: str) -> list[str]:
    """Return the titles that a search finds."""
    answer = await person.get("/api/tasks", params={"q": words, "sort": "title"})
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


@pytest.fixture
async def ada(signed_in: SignIn) -> Person:
    person = await signed_in("Ada")
    for title in TITLES:
        assert (await person.post("/api/tasks", json={"title": title, "tags": ["home"]})).status_code == 201
    return person


@pytest.mark.parametrize(
    "words",
    [
        *("milk", "MILK", "ilk", "lk", "milk cow", "mi cow", "cow #home", "STRASSE", "straße", "çay", "牛乳"),
        *("牛乳を", "50%", "%", "a_b", "_", "a/b", '"hello"', '"', '""', "it's", "NOT", "OR that", "milk*"),
        *(
            "near(cow)",
            "text:milk",
            "-milk",
            "^milk",
            "été",
            "xxxx",
            "nothing",
            "İSTANBUL",
            "+",
            "milk AND cow",
        ),
    ],
)
async def test_a_search_finds_every_task_that_contains_all_words(ada: Person, words: str) -> None:
    folded = [word.casefold() for word in words.split()]
    expected = [title for title in TITLES if all(word in f"{title}\n#home".casefold() for word in folded)]
    assert sorted(await found(ada, words)) == sorted(expected)


async def test_the_index_follows_every_change(ada: Person, signed_in: SignIn) -> None:
    task = (await ada.post("/api/tasks", json={"title": "Fetch the parcel"})).json()
    address = f"/api/tasks/{task['id']}"
    assert await found(ada, "parcel") == ["Fetch the parcel"]
    await ada.patch(address, json={"title": "Fetch the letter", "tags": ["post"]})
    assert await found(ada, "parcel") == []
    assert await found(ada, "#post") == ["Fetch the letter"]
    assert await found(await signed_in("Bob"), "letter") == []
    await ada.delete(address)
    assert await found(ada, "letter") == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_deleted_user_leaves_nothing_in_the_index(app: FastAPI, ada: Person) -> None:
    assert await found(ada, "#home")
    database: Database = app.state.database
    async with database.transaction() as session:
        await session.execute(text('DELETE FROM "user"'))
        for name in ("task_search", "task_search_key"):
            count = await session.scalar(text(f"SELECT count(*) FROM {name}"))  # noqa: S608 - the names above
            assert count == 0, name


async def plan(database: Database, user_id: str, query: TaskQuery, shape: Any = None) -> str:
    """Return how the database executes the statement of a list."""
    statement = page_statement(shape or shape_of(query, None)[0])
    dialect = database._driver.dialect
    compiled = statement.compiled(dialect)
    _, parameters = shape_of(query, None)
    arguments = compiled.arguments({**parameters, "user_id": user_id, "terms": '"parcel"'})
    explain = "EXPLAIN QUERY PLAN" if database.kind == "sqlite" else "EXPLAIN"
    async with database.engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"{explain} {compiled.sql}", arguments)
        return "\n".join(str(row) for row in rows)


async def add(database: Database, person: Person, number: int, word: str = "parcel") -> None:
    """Add tasks that contain a word."""
    rows = [
        {
            "id": new_id(),
            "user_id": person.user.id,
            "title": f"{word} {index}",
            "title_key": f"{word} {index}",
            "search_text": f"{word} {index}",
            "created_at": utc_now(),
        }
        for index in range(number)
    ]
    async with database.engine.begin() as connection:
        for start in range(0, number, AT_ONCE):
            await connection.execute(insert(Task), rows[start : start + AT_ONCE])


async def test_the_index_is_used_for_rare_words_only(app: FastAPI, ada: Person) -> None:
    database: Database = app.state.database
    query = TaskQuery(q="parcel")
    if database.kind == "postgresql":
        await add(database, ada, 5_000, "errand")
        async with database.engine.begin() as connection:
            await connection.execute(text("ANALYZE task"))
        assert "ix_task_search_text" in await plan(database, ada.user.id, query)
        return
    await add(database, ada, MOST_FOUND)
    shape, _ = await service._prepared(database, ada.user.id, query, None)
    assert shape.by_index
    assert "VIRTUAL TABLE" in await plan(database, ada.user.id, query, shape)
    assert "ix_task_user_id" not in await plan(database, ada.user.id, query, shape)
    await add(database, ada, 1)
    shape, _ = await service._prepared(database, ada.user.id, query, None)
    assert not shape.by_index
    assert "ix_task_user_id_created_at_id" in await plan(database, ada.user.id, query, shape)
    _, total = await service.find_tasks(database, ada.user.id, query)
    assert total == MOST_FOUND + 1
