"""Each operation executes as few statements as its rules allow, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Integer, String, event, insert, literal, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.accounts.models import User
from app.database import Call, Database, Statement, utc_now
from app.database.postgresql import CONNECTIONS, shares
from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]
_, STATEMENTS = shares(CONNECTIONS)
ADD = Statement(insert(User).returning(User.id))


def user(name: str) -> Call:
    """Return a call that adds a user."""
    values = {"id": name, "name": name, "email": f"{name}@example.org", "emailVerified": False, "image": None}
    return Call(ADD, {**values, "createdAt": utc_now(), "updatedAt": utc_now()})


class Statements(list[str]):
    """The statements that an application executes, by its driver and in transactions."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        run = database._driver.run

        async def counted(calls: Any, **options: Any) -> Any:
            self.extend(call.compiled.sql for call in calls)
            return await run(calls, **options)

        def executed(*arguments: Any) -> None:
            self.append(arguments[2])

        monkeypatch.setattr(database._driver, "run", counted)
        event.listen(database.engine.sync_engine, "before_cursor_execute", executed)


@pytest.fixture
async def ada(signed_in: SignIn) -> Person:
    person = await signed_in("Ada")
    body = {"title": "Buy milk", "tags": ["home", "shop"]}
    for _ in range(3):
        assert (await person.post("/api/tasks", json=body)).status_code == 201
    assert (await person.get("/api/auth/get-session")).status_code == 200
    return person


@pytest.mark.parametrize(
    ("method", "path", "body", "number"),
    [
        ("GET", "/health", None, 1),
        ("GET", "/api/tasks", None, 1),
        ("GET", "/api/tasks?q=milk&tag=home&sort=due", None, {"postgresql": 1, "sqlite": 2}),
        ("GET", "/api/tasks?q=mi&sort=title", None, 1),
        ("GET", "/api/tasks/{id}", None, 1),
        ("GET", "/api/tasks/unknown", None, 2),
        ("POST", "/api/tasks", {"title": "Buy milk"}, 1),
        ("POST", "/api/tasks", {"title": "Buy milk", "tags": ["home", "shop"]}, 2),
        ("PATCH", "/api/tasks/{id}", {"title": "Buy bread"}, 2),
        ("PATCH", "/api/tasks/{id}", {"tags": ["shop"]}, 4),
        ("POST", "/api/tasks/{id}/complete", None, 1),
        ("POST", "/api/tasks/{id}/reopen", None, 3),
        ("DELETE", "/api/tasks/{id}", None, 1),
        ("DELETE", "/api/tasks/unknown", None, 2),
        # One statement counts ten of these in advance.
        ("GET", "/api/auth/ok", None, 1),
        ("GET", "/api/auth/get-session", None, 1),
    ],
)
async def test_an_operation_executes_this_number_of_statements(
    app: FastAPI,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: Any,
    number: int | dict[str, int],
) -> None:
    if isinstance(number, dict):
        number = number[app.state.database.kind]
    task = (await ada.get("/api/tasks")).json()["items"][0]
    statements = Statements(app.state.database, monkeypatch)
    answer = await ada.request(method, path.format(id=task["id"]), json=body)
    assert answer.status_code < 500
    assert len(statements) == number, statements


async def test_statements_that_belong_together_are_executed_as_a_whole(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.execute(user("one"), user("two"), user("one"))
    assert await database.fetch(Statement(select(User.id))) == []
    assert await database.execute(user("one"), user("two")) == [[{"id": "one"}], [{"id": "two"}]]


async def test_a_failed_statement_leaves_its_connection_usable(database: Database) -> None:
    await database.execute(user("one"))
    for _ in range(2 * STATEMENTS):
        with pytest.raises(IntegrityError):
            await database.execute(user("one"))
    assert await database.fetch(Statement(select(User.id))) == [{"id": "one"}]


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_more_statements_than_connections_wait_for_each_other(database: Database) -> None:
    one = Statement(select(literal(1).label("one")))
    found = await asyncio.gather(*(database.fetch(one) for _ in range(5 * STATEMENTS)))
    assert found == [[{"one": 1}]] * 5 * STATEMENTS


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_process_opens_no_more_connections_than_configured(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    small = Database(url, connections=3)
    count = Statement(
        text(
            "SELECT pg_sleep(0.1)::text AS slept, current_setting('TimeZone') AS zone,"
            " current_setting('statement_timeout') AS timeout, pg_backend_pid() AS process"
        ).columns(slept=String, zone=String, timeout=String, process=Integer)
    )
    rows = [row for found in await asyncio.gather(*(small.fetch(count) for _ in range(6))) for row in found]
    await small.close()
    assert len({row["process"] for row in rows}) == 2, "the third one is for transactions"
    assert {(row["zone"], row["timeout"]) for row in rows} == {("UTC", "5s")}


async def test_a_database_that_cannot_be_reached_is_an_operational_error() -> None:
    database = Database("postgresql://somebody:hidden@127.0.0.1:1/todo")
    with pytest.raises(OperationalError) as caught:
        await database.ping()
    assert "hidden" not in str(caught.value)
