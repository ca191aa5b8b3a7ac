"""An error is never a bare 500: whatever fails inside, each operation answers in its documented form."""

import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from app.accounts import passwords
from app.push.endpoints import PushSubscriptionIn
from backend.tests.browsers import Person
from backend.tests.chat.stream import parts_of

SignIn = Callable[..., Awaitable[Person]]
INTERNAL = "/srv/internal/todo.db"
UNAVAILABLE, FAILED = (503, "database_unavailable"), (500, "internal_server_error")
FAULTS: dict[str, tuple[dict[str, Exception], tuple[int, str]]] = {
    "unexpected": (
        {"sqlite": RuntimeError(INTERNAL), "postgresql": RuntimeError(INTERNAL)},
        FAILED,
    ),
    "dead": (
        {
            "sqlite": sqlite3.OperationalError(f"unable to open database file {INTERNAL}"),
            "postgresql": psycopg.OperationalError(f"connection to {INTERNAL} failed"),
        },
        UNAVAILABLE,
    ),
    "full": (
        {
            "sqlite": sqlite3.OperationalError(f"database or disk is full: {INTERNAL}"),
            "postgresql": psycopg.errors.DiskFull(f"could not extend file {INTERNAL}"),
        },
        UNAVAILABLE,
    ),
    "locked": (
        {
            "sqlite": sqlite3.OperationalError(f"database is locked: {INTERNAL}"),
            "postgresql": psycopg.errors.LockNotAvailable(f"could not obtain lock on {INTERNAL}"),
        },
        UNAVAILABLE,
    ),
}
EMAIL, PASSWORD = "somebody@example.org", "correct horse"
BODIES: dict[str, dict[str, object]] = {
    "/api/tasks/{task_id}/move": {"before": None},
    "/api/tasks/bulk": {"ids": ["unknown"], "action": "complete"},
    "/api/tasks/import": {"tasks": [{"title": "Buy milk"}]},
    "/api/auth/sign-up/email": {"name": "Somebody", "email": EMAIL, "password": PASSWORD},
    "/api/auth/sign-in/email": {"email": EMAIL, "password": PASSWORD},
    "/api/auth/change-password": {"currentPassword": PASSWORD, "newPassword": "horse correct"},
    "/api/auth/update-user": {"name": "Else"},
    "/api/auth/revoke-session": {"token": "a" * 32},
    "/api/chat": {"message": "add buy milk"},
    "/api/push/subscription": PushSubscriptionIn.model_json_schema()["examples"][0],
    "/api/tasks": {"title": "Buy milk"},
    "/api/tasks/{task_id}": {"title": "Buy bread"},
    "/api/access-tokens": {"name": "Script"},
    "/api/conversations/{conversation_id}": {"title": "Groceries"},
}
STATEMENTS = 3
"""Number of statements that succeed, at most, before one fails."""


class Fault:
    """Makes the database fail after a number of statements, by its driver and in transactions."""

    def __init__(self, app: FastAPI, error: Exception) -> None:
        self.left: int | None = None
        database = app.state.database
        self._driver, self._engine = database._driver, database.engine.sync_engine
        self._run, self._error = self._driver.run, error
        is_database_error = isinstance(error, self._driver.errors)
        self._in_transaction = (
            DBAPIError.instance(None, None, error, self._driver.errors, dialect=self._driver.dialect)
            if is_database_error
            else error
        )

    def begin(self) -> None:
        async def run(*arguments: Any, **options: Any) -> Any:
            self._count(self._error)
            return await self._run(*arguments, **options)

        self._driver.run = run
        event.listen(self._engine, "before_cursor_execute", self._executed)

    def end(self) -> None:
        self._driver.run = self._run
        event.remove(self._engine, "before_cursor_execute", self._executed)

    def _executed(self, *_: Any) -> None:
        self._count(self._in_transaction)

    def _count(self, error: Exception) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                # The same exception again and again would carry, and log, all its earlier tracebacks.
                raise error.with_traceback(None)


@pytest.fixture(params=FAULTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fault(app: FastAPI, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fault]:
    async def quick(password: str, salt: str) -> bytes:
        return f"{salt}{password}".encode()

    monkeypatch.setattr(passwords, "_key", quick)
    fault = Fault(app, FAULTS[kind][0][app.state.database.kind])
    fault.begin()
    yield fault
    fault.end()


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path


def check(path: str, answer: httpx2.Response, expected: tuple[int, str]) -> None:
    """Check that an answer is a success, a refusal, or the documented form of the error."""
    assert INTERNAL not in answer.text
    assert "Traceback" not in answer.text
    assert re.fullmatch(r"[\w.-]{8,64}", answer.headers["x-request-id"])
    status, code = expected
    if answer.headers["content-type"].startswith("text/event-stream"):
        if path == "/api/events":
            return
        kinds = {part["type"] for part in parts_of(answer.text)}
        assert kinds & {"finish", "abort"}, answer.text
        return
    if answer.status_code < 500 or path in {"/health", "/ready"}:
        return
    assert answer.status_code == status
    if path.startswith("/api/auth/"):
        assert answer.json().keys() == {"message", "code"}
        assert answer.json()["code"] == code.upper()
        return
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() >= {"type", "title", "detail"}
    assert (problem["status"], problem["code"]) == expected
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_every_operation_reports_every_failure_in_its_documented_form(
    app: FastAPI, signed_in: SignIn, fault: Fault, kind: str, ending_events: None
) -> None:
    person = await signed_in()
    failed = set()
    for method, path in operations(app):
        for number in range(STATEMENTS):
            # Those that end a session or delete something need a new one.
            if (await person.get("/api/auth/get-session")).json() is None:
                person = await signed_in()
            task = (await person.post("/api/tasks", json={"title": "Buy milk"})).json()
            url = re.sub(r"\{\w+\}", "unknown", path.replace("{task_id}", task["id"]))
            body = None if method == "GET" else BODIES.get(path, {})
            fault.left = number
            answer = await person.request(method, url, json=body)
            fault.left = None
            check(path, answer, FAULTS[kind][1])
            if answer.status_code == FAULTS[kind][1][0]:
                failed.add((method, path))
    # Each of them failed at least once, and the health check never does.
    assert failed >= {*operations(app)} - {("GET", "/health"), ("GET", "/ready")}


async def test_a_failure_after_a_stream_has_begun_ends_it_with_a_part(
    signed_in: SignIn, fault: Fault, kind: str
) -> None:
    endings = set()
    for number in range(40):
        # A reply that was not stored counts as running for a while.
        person = await signed_in()
        fault.left = number
        answer = await person.post("/api/chat", json={"message": "add buy milk"})
        fault.left = None
        check("/api/chat", answer, FAULTS[kind][1])
        if answer.status_code == 200:
            parts = parts_of(answer.text)
            ending = next((part for part in parts if part["type"] in {"error", "abort"}), None)
            if ending is None:
                break
            endings.add(ending["type"])
    else:
        pytest.fail("the fault never came too late")
    assert endings
