"""Several servers with one database share their state and resume each other's replies."""

import asyncio
import json
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from backend.tests.browsers import ORIGIN, SECRET
from backend.tests.chat.stream import parts_of, text_of
from backend.tests.servers import SOURCE, Server
from tests.model_server import ModelServer, model_server

MESSAGES_PER_MINUTE = 6
DRAIN_S = 5


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


@pytest.fixture(scope="module")
def provider() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def replicas(database_url: str, provider: ModelServer, tmp_path: Path) -> Iterator[list[Server]]:
    """Two servers: the first with a model that acts and then hangs, the second with a working model."""
    environment = {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": database_url,
        "OPENAI_API_KEY": "sk-local",
        "OPENAI_BASE_URL": provider.url,
        "CHAT_MESSAGES_PER_MINUTE": str(MESSAGES_PER_MINUTE),
        "DRAIN_SECONDS": str(DRAIN_S),
    }
    servers = [
        Server(tmp_path, "uvicorn", "main:app", source=SOURCE, AGENT_MODEL=model, **environment)
        for model in ("script:act-then-hang", "local-model")
    ]
    try:
        for server in servers:
            server.connect().close()
        yield servers
    finally:
        for server in servers:
            server.process.kill()
            server.ended()


@pytest.fixture
async def ada(replicas: list[Server]) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Ada's browser on each server. She signed up on the first."""
    # A client that keeps idle connections as long as a server would use one that the server is closing.
    limits = httpx2.Limits(keepalive_expiry=2)
    clients = [
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", headers={"Origin": ORIGIN}, timeout=30, limits=limits
        )
        for server in replicas
    ]
    body = {"name": "Ada", "email": f"{secrets.token_hex(4)}@example.org", "password": "correct horse"}
    signed_up = await clients[0].post("/api/auth/sign-up/email", json=body)
    assert signed_up.status_code == 200, signed_up.text
    clients[1].cookies.update(clients[0].cookies)
    yield clients
    for client in clients:
        await client.aclose()


async def titles(client: httpx2.AsyncClient) -> list[str]:
    answer = await client.get("/api/tasks")
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


async def parts_until(client: httpx2.AsyncClient, part_type: str, body: dict[str, Any]) -> list[Any]:
    """Send a message and return the parts of the reply up to the first of a type."""
    parts: list[Any] = []
    async with client.stream("POST", "/api/chat", json=body) as response:
        assert response.status_code == 200
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                parts.append(json.loads(line.removeprefix("data: ")))
                if parts[-1]["type"] == part_type:
                    break
    return parts


async def test_a_session_is_valid_on_every_server_until_it_ends_on_one(ada: list[httpx2.AsyncClient]) -> None:
    first, second = ada
    assert (await first.post("/api/tasks", json={"title": "Buy milk"})).status_code == 201
    assert await titles(second) == ["Buy milk"]
    assert (await second.post("/api/auth/sign-out", json={})).status_code == 200
    assert (await first.get("/api/tasks")).status_code == 401


async def test_limits_count_the_requests_to_all_servers(ada: list[httpx2.AsyncClient]) -> None:
    async def statuses(path: str, body: dict[str, Any], calls: int) -> list[int]:
        answers = await asyncio.gather(*(ada[call % 2].post(path, json=body) for call in range(calls)))
        return sorted(answer.status_code for answer in answers)

    wrong = {"email": "nobody@example.org", "password": "wrong password"}
    assert await statuses("/api/auth/sign-in/email", wrong, 8) == [401] * 3 + [429] * 5
    for number in range(MESSAGES_PER_MINUTE):
        body = {"message": "hello", "idempotency_key": f"k{number}"}
        assert (await ada[1].post("/api/chat", json=body)).status_code == 200
    assert await statuses("/api/chat", {"message": "hello"}, 4) == [429] * 4


async def test_the_same_request_to_both_servers_runs_once(ada: list[httpx2.AsyncClient]) -> None:
    created = await asyncio.gather(
        *(
            ada[call % 2].post("/api/tasks", json={"title": "Buy milk"}, headers={"Idempotency-Key": "k1"})
            for call in range(8)
        )
    )
    assert {answer.status_code for answer in created} == {201}
    assert len({answer.json()["id"] for answer in created}) == 1
    assert await titles(ada[1]) == ["Buy milk"]


async def test_a_draining_server_keeps_serving_and_another_resumes_its_replies(
    replicas: list[Server], ada: list[httpx2.AsyncClient]
) -> None:
    stopping, other = ada
    body = {"message": "add half done", "idempotency_key": "k1"}
    ended = asyncio.create_task(parts_until(stopping, "abort", body))
    async with asyncio.timeout(60):
        while await titles(other) != ["Half done"]:
            pass
    assert (await other.post("/api/chat", json=body)).status_code == 409
    asked_at = time.monotonic()
    replicas[0].process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(DRAIN_S):
        while (ready := await stopping.get("/ready")).status_code == 200:
            pass
    assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
    served = await stopping.post("/api/tasks", json={"title": "Meanwhile"})
    assert (served.status_code, served.headers["connection"]) == (201, "close")
    assert not ended.done()
    parts = await ended
    assert time.monotonic() - asked_at >= DRAIN_S
    assert await asyncio.to_thread(replicas[0].process.wait, 60) == -signal.SIGTERM
    answer = await other.post("/api/chat", json=body)
    again = parts_of(answer.text)
    assert again[0]["messageId"] == parts[0]["messageId"]
    assert text_of(again) == "Added “Half done”."
    assert again[-1] == {"type": "finish"}
    assert sorted(await titles(other)) == ["Half done", "Meanwhile"]


async def test_a_second_signal_ends_the_draining(replicas: list[Server]) -> None:
    process = replicas[0].process
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, 0.5)
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.wait, 60)
    assert time.monotonic() - asked_at < DRAIN_S - 0.5


async def test_another_server_resumes_the_replies_of_a_killed_server(
    replicas: list[Server], ada: list[httpx2.AsyncClient], database_url: str
) -> None:
    body = {"message": "add half done", "idempotency_key": "k1"}
    broken_off = asyncio.create_task(parts_until(ada[0], "finish", body))
    async with asyncio.timeout(60):
        while await titles(ada[1]) != ["Half done"]:
            pass
    replicas[0].process.kill()
    with pytest.raises(httpx2.TransportError):
        await broken_off
    waiting = await ada[1].post("/api/chat", json=body)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "reply_in_progress")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE message SET leased_until = now() WHERE leased_until IS NOT NULL")
    again = parts_of((await ada[1].post("/api/chat", json=body)).text)
    assert text_of(again) == "Added “Half done”."
    assert await titles(ada[1]) == ["Half done"]
