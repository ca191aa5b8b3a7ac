"""Health checks distinguish dead, frozen, empty and healthy databases."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from app.main import create_app
from backend.tests.browsers import Person, browser
from backend.tests.conftest import settings_for
from backend.tests.network import Network

SignIn = Callable[..., Awaitable[Person]]


async def test_a_healthy_server_reports_its_health(client: Person, database_kind: str) -> None:
    for path in ("/health", "/api/health"):
        response = await client.get(path)
        health = response.json()
        assert response.status_code == 200
        assert health.pop("database").items() >= {"kind": database_kind, "status": "ok"}.items()
        assert health == {"status": "ok", "version": "v0.0.0", "agent": {"name": "offline", "model": None}}
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


@pytest.fixture(params=["refused", "silent", "unknown host"])
async def dead(request: pytest.FixtureRequest) -> AsyncIterator[FastAPI]:
    """An application whose database is unavailable, once for each kind of failure."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        host = "nowhere.invalid" if request.param == "unknown host" else "127.0.0.1"
        if request.param == "refused":
            listener.close()
        app = create_app(settings_for(f"postgresql://somebody:hidden@{host}:{port}/todo"))
        async with app.router.lifespan_context(app):
            yield app


async def test_a_dead_database_leaves_the_server_alive_but_not_ready(
    dead: FastAPI, logged: Callable[[], str]
) -> None:
    async with browser(dead) as client:
        async with asyncio.timeout(5):
            health = await client.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
        assert health.json()["database"]["status"] == "unreachable"
        assert (await client.get("/ready")).status_code == 503
    output = logged()
    assert "database unreachable" in output
    assert "hidden" not in health.text + output


@pytest.mark.parametrize("dead", ["refused"], indirect=True)
async def test_a_dead_database_is_a_temporary_problem(dead: FastAPI) -> None:
    async with browser(dead) as client:
        body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
        auth = await client.post("/api/auth/sign-up/email", json=body)
        assert (auth.status_code, auth.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert auth.headers["retry-after"] == "5"


async def test_a_database_that_dies_later_is_a_temporary_problem(
    app: FastAPI, signed_in: SignIn, database_kind: str, database_url: str, tmp_path: Path
) -> None:
    ada = await signed_in("Ada")
    assert (await ada.get("/api/tasks")).status_code == 200
    if database_kind == "sqlite":
        await app.state.database.close()
        (tmp_path / "todo.db").write_bytes(b"")
    else:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'todo-backend'"
            )
    response = await ada.get("/api/tasks")
    if database_kind == "sqlite":
        assert (response.status_code, response.json()["code"]) == (503, "database_not_migrated")
    else:
        assert response.status_code == 200


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_frozen_database_does_not_freeze_health(database_url: str) -> None:
    address = make_url(database_url)
    network = Network(address.port or 0)
    async with await asyncio.start_server(network.connect, "127.0.0.1", 0) as proxy:
        url = address.set(port=proxy.sockets[0].getsockname()[1]).render_as_string(hide_password=False)
        app = create_app(settings_for(url))
        async with app.router.lifespan_context(app), browser(app) as client:

            async def status() -> str:
                async with asyncio.timeout(5):
                    return str((await client.get("/health")).json()["database"]["status"])

            assert await status() == "ok"
            network.flowing.clear()
            assert [await status() for _ in range(2)] == ["unreachable", "unreachable"]
            network.flowing.set()
            while await status() != "ok":
                pass
        await network.end()


async def test_an_embedded_database_is_migrated_at_startup(tmp_path: Path) -> None:
    for _ in range(2):
        app = create_app(settings_for(f"sqlite:///{tmp_path / 'todo.db'}"))
        async with app.router.lifespan_context(app), browser(app) as client:
            assert (await client.get("/ready")).json() == {"status": "ready"}


async def test_an_embedded_database_that_cannot_be_migrated_leaves_the_server_alive(
    tmp_path: Path, logged: Callable[[], str]
) -> None:
    (tmp_path / "todo.db").write_bytes(b"no database" * 100)
    app = create_app(settings_for(f"sqlite:///{tmp_path / 'todo.db'}"))
    async with app.router.lifespan_context(app), browser(app) as client:
        assert (await client.get("/health")).json()["status"] == "degraded"
    assert "database not migrated" in logged()


async def test_a_database_without_tables_is_reported(
    empty_database_url: str, logged: Callable[[], str]
) -> None:
    app = create_app(settings_for(empty_database_url))
    # Without its lifespan, which would migrate the embedded database.
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.state.database.close)
        client = await stack.enter_async_context(browser(app))
        health = (await client.get("/health")).json()
        assert (health["status"], health["database"]["status"]) == ("degraded", "not migrated")
        assert health["database"]["remedy"] == "python -m app.database.migrate"
        assert "python -m app.database.migrate" in logged()
        assert (await client.get("/ready")).json() == {"status": "database not migrated"}
        response = await client.post(
            "/api/auth/sign-in/email", json={"email": "ada@example.org", "password": "correct horse"}
        )
        assert (response.status_code, response.json()["code"]) == (503, "DATABASE_NOT_MIGRATED")
        assert response.headers["retry-after"] == "5"


async def test_readiness_ends_when_a_shutdown_starts(database_url: str) -> None:
    stopped = []
    before = signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    try:
        app = create_app(settings_for(database_url))
        async with app.router.lifespan_context(app), browser(app) as client:
            os.kill(os.getpid(), signal.SIGTERM)
            ready = await client.get("/ready")
            assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
            assert (await client.get("/health")).status_code == 200
            assert stopped == [True]
    finally:
        signal.signal(signal.SIGTERM, before)
