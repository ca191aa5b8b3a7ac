"""During a database outage all requests return 503, and acknowledged changes survive."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from app.accounts.signatures import sign
from app.admission import WORKING
from app.chat import replies, service
from app.database.migrate import migrate
from app.main import create_app
from app.tasks import service as tasks
from backend.tests.browsers import SECRET, Person, browser
from backend.tests.chat.stream import Part, say, text_of
from backend.tests.conftest import settings_for

SignIn = Callable[..., Awaitable[Person]]
WITHOUT_DATABASE = {"/health", "/ready"}


def endpoints(app: FastAPI) -> list[tuple[str, str]]:
    """Return the method and path of every endpoint that uses the database."""
    return [
        (method.upper(), re.sub(r"\{\w+\}", "x", path))
        for path, methods in app.openapi()["paths"].items()
        if path not in WITHOUT_DATABASE
        for method in methods
    ]


async def call(client: Person, method: str, path: str) -> httpx2.Response:
    client.cookies.set("better-auth.session_token", sign("a" * 32, SECRET), domain="localhost.local")
    body = {
        "email": "ada@example.org",
        "password": "correct horse",
        "name": "Ada",
        "message": "x",
        "title": "x",
    }
    return await client.request(method, path, json=None if method == "GET" else body)


def check_unavailable(path: str, answer: httpx2.Response) -> None:
    assert answer.status_code == 503, path
    assert answer.headers["retry-after"] == "5", path
    if path.startswith("/api/auth/"):
        assert answer.json() == {
            "code": "DATABASE_UNAVAILABLE",
            "message": "The database cannot be reached. Try again in a moment.",
        }
    else:
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json().items() >= {"status": 503, "code": "database_unavailable"}.items(), path


async def test_every_endpoint_reports_an_unavailable_database() -> None:
    app = create_app(settings_for("postgresql://somebody:hidden@127.0.0.1:1/todo"))
    async with app.router.lifespan_context(app), browser(app) as client:
        paths = endpoints(app)
        assert len(paths) > 15
        for method, path in paths:
            async with asyncio.timeout(15):
                check_unavailable(path, await call(client, method, path))


async def test_a_frozen_database_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(settings_for(f"postgresql://somebody:hidden@{address}/todo"))
        async with app.router.lifespan_context(app), browser(app) as client:
            # As many as are in work at the same time: more would be refused as an overload.
            calls = ["/api/tasks", "/api/auth/get-session", "/api/conversations"] * (WORKING // 3)
            async with asyncio.timeout(30):
                answers = await asyncio.gather(*(call(client, "GET", path) for path in calls))
        for path, answer in zip(calls, answers, strict=True):
            check_unavailable(path, answer)


class Outages:
    """Interrupts and restores the database connections of all running requests."""

    def __init__(self, administrator: psycopg.Connection, name: str) -> None:
        self._administrator = administrator
        self._name = name
        self.is_over = asyncio.Event()

    def begin(self) -> None:
        self.is_over.clear()
        self._administrator.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false".encode())
        self._administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (self._name,)
        )

    def end(self) -> None:
        self._administrator.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true".encode())
        self.is_over.set()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_acknowledged_changes_exist_once_despite_outages(
    empty_database_url: str, postgresql_server: str
) -> None:
    acknowledged = refused = 0

    async def add(client: Person, title: str) -> None:
        nonlocal acknowledged, refused
        while True:
            answer = await client.post(
                "/api/tasks", json={"title": title}, headers={"Idempotency-Key": title}
            )
            if answer.status_code == 201:
                acknowledged += 1
                return
            check_unavailable("/api/tasks", answer)
            refused += 1
            await outages.is_over.wait()

    async def add_many(client: Person, worker: int) -> None:
        for number in range(15):
            await add(client, f"{worker}-{number}")

    app = create_app(settings_for(empty_database_url))
    await migrate(app.state.database)
    with psycopg.connect(postgresql_server, autocommit=True) as administrator:
        outages = Outages(administrator, make_url(empty_database_url).database or "")
        async with app.router.lifespan_context(app), browser(app) as client:
            body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
            assert (await client.post("/api/auth/sign-up/email", json=body)).status_code == 200
            adding = [asyncio.create_task(add_many(client, worker)) for worker in range(6)]
            for outage in range(1, 5):
                while acknowledged < outage * 15:
                    await asyncio.wait(adding, timeout=0.01)
                outages.begin()
                while refused < outage:
                    await asyncio.wait(adding, timeout=0.01)
                outages.end()
            await asyncio.gather(*adding)
            assert (await client.get("/ready")).status_code == 200
            listed = (await client.get("/api/tasks", params={"limit": 200})).json()["items"]
    assert sorted(task["title"] for task in listed) == sorted(
        f"{worker}-{number}" for worker in range(6) for number in range(15)
    )


def away(*_: Any, **__: Any) -> None:
    raise OperationalError("", {}, OSError("the database is away"))


async def interrupted_then_whole(ada: Person, restore: Callable[[], None]) -> list[Part]:
    parts = await say(ada, "add buy milk", idempotency_key="k1")
    assert parts[-1]["type"] == "abort"
    assert "no action runs twice" in parts[-1]["reason"]
    restore()
    again = await say(ada, "add buy milk", idempotency_key="k1")
    assert again[0] == parts[0]
    assert text_of(again) == "Added ‘Buy milk’."
    assert again[-1] == {"type": "finish"}
    assert [task["title"] for task in (await ada.get("/api/tasks")).json()["items"]] == ["Buy milk"]
    return parts


@pytest.mark.parametrize("fails_at", [1, 2, 3])
async def test_a_reply_that_cannot_be_stored_can_be_resumed(
    app: FastAPI, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    """A reply is stored before a tool call, after it and at its end."""
    calls = 0

    async def save_reply(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= fails_at:
            away()
        await service.save_reply(*arguments)

    monkeypatch.setattr(replies, "save_reply", save_reply)
    monkeypatch.setattr(service, "LEASE_S", 0.0)
    await interrupted_then_whole(await signed_in("Ada"), monkeypatch.undo)


async def test_a_tool_call_with_an_unknown_outcome_is_repeated(
    signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_task = tasks.create_task

    async def create_in_vain(*arguments: Any, **options: Any) -> None:
        await create_task(*arguments, **options)
        away()

    monkeypatch.setattr(tasks, "create_task", create_in_vain)
    parts = await interrupted_then_whole(await signed_in("Ada"), monkeypatch.undo)
    assert "tool-output-available" not in [part["type"] for part in parts]
