"""Overload: a bounded number of requests in work and in the queue, and a prompt refusal of the rest."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app import admission, health
from app.admission import WAITING, WORKING
from app.main import create_app
from app.settings import Settings
from backend.tests.browsers import Person, browser

SignIn = Callable[..., Awaitable[Person]]


@pytest.fixture
def database_kind() -> str:
    """Use one database, because these tests are about requests."""
    return "sqlite"


class Held:
    """An application with an endpoint whose requests stay in work until a test releases them."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self.released = asyncio.Event()
        self.changed = asyncio.Condition()
        self.in_work = 0
        self.most = 0
        self.app.get("/held")(self._hold)
        self.app.post("/held")(self._hold)

    async def _hold(self) -> dict[str, Any]:
        async with self.changed:
            self.in_work += 1
            self.most = max(self.most, self.in_work)
            self.changed.notify_all()
        await self.released.wait()
        self.in_work -= 1
        return {}

    async def until(self, number: int) -> None:
        """Wait until a number of requests are in work."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.in_work == number)


@pytest.fixture
def held(settings: Settings) -> Held:
    return Held(settings)


async def test_requests_above_the_bounds_are_refused_at_once(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LONGEST_WAIT_SECONDS", 60)
    async with browser(held.app) as client:
        accepted = [asyncio.create_task(client.get("/held")) for _ in range(WORKING + WAITING)]
        await held.until(WORKING)
        refused = [await client.get("/held") for _ in range(3)]
        assert {response.status_code for response in refused} == {503}
        assert refused[0].json()["code"] == "overloaded"
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].headers["content-type"] == "application/problem+json"
        assert (await client.post("/api/auth/sign-out")).json()["code"] == "OVERLOADED"
        assert not any(task.done() for task in accepted)
        held.released.set()
        assert {(await task).status_code for task in accepted} == {200}
        assert held.most == WORKING
        assert (await client.get("/held")).status_code == 200


async def test_a_request_waits_only_briefly(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LONGEST_WAIT_SECONDS", 0.05)
    async with browser(held.app) as client:
        accepted = [asyncio.create_task(client.get("/held")) for _ in range(WORKING)]
        await held.until(WORKING)
        assert (await client.get("/held")).json()["code"] == "overloaded"
        waiting = asyncio.create_task(client.get("/held"))
        await asyncio.sleep(0)
        waiting.cancel()
        held.released.set()
        assert {(await task).status_code for task in accepted} == {200}
        assert (await client.get("/held")).status_code == 200


async def test_health_is_answered_in_an_overload(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LONGEST_WAIT_SECONDS", 0.05)
    async with browser(held.app) as client:
        accepted = [asyncio.create_task(client.get("/held")) for _ in range(WORKING)]
        await held.until(WORKING)
        for path in ("/health", "/api/health", "/ready", "/metrics"):
            assert (await client.get(path)).status_code == 200
        held.released.set()
        await asyncio.gather(*accepted)
    await held.app.state.database.close()


async def test_half_a_body_takes_no_place(held: Held) -> None:
    finish = asyncio.Event()

    async def halves() -> Any:
        yield b"{"
        await finish.wait()
        yield b"}"

    transport = httpx2.ASGITransport(held.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        slow = [
            asyncio.create_task(
                client.post("/held", content=halves(), headers={"transfer-encoding": "chunked"})
            )
            for _ in range(WORKING + WAITING + 1)
        ]
        quick = asyncio.create_task(client.get("/held"))
        await held.until(1)
        held.released.set()
        assert (await quick).status_code == 200
        finish.set()
        await asyncio.gather(*slow)


async def test_clients_that_leave_in_their_body_take_no_place(held: Held) -> None:
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/held",
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    scope["headers"] = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    async with browser(held.app) as client:
        working = [asyncio.create_task(client.get("/held")) for _ in range(WORKING)]
        await held.until(WORKING)
        await asyncio.gather(*(held.app(dict(scope), receive, send) for _ in range(WAITING + 1)))
        assert sent == []
        held.released.set()
        assert {answer.status_code for answer in await asyncio.gather(*working)} == {200}


async def test_a_slow_database_that_answers_others_is_ready(
    app: FastAPI, client: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load, the probe's own query may come too late. Taking the server out would not help."""
    monkeypatch.setattr(health, "DATABASE_TIMEOUT_S", 0.05)
    database, never = app.state.database, asyncio.Event()

    async def too_late() -> str:
        await database.ping()
        await never.wait()
        return ""

    monkeypatch.setattr(database, "revision", too_late)
    assert (await client.get("/ready")).status_code == 200

    async def unanswered() -> str:
        await never.wait()
        return ""

    monkeypatch.setattr(database, "revision", unanswered)
    assert (await client.get("/ready")).json() == {"status": "database unreachable"}
