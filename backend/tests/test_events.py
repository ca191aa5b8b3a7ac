"""Every open page learns what has changed, on whichever server."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from sqlalchemy import update

from app.accounts.models import Session
from app.database import CannotListenError, Database, utc_now
from app.events import feed, source
from app.instants import iso_instant
from app.main import create_app
from app.settings import Settings
from backend.tests.browsers import ORIGIN, SECRET, Person
from backend.tests.chat.stream import Talk
from backend.tests.servers import SOURCE, Server

SignIn = Callable[..., Awaitable[Person]]
Event = dict[str, Any]
MILLISECONDS = len("2026-11-28T10:00:00.000")


class Page:
    """An open stream of events."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, kind: str, seconds: float = 60) -> Event:
        """Return the next event of a kind."""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith("data: ") and (event := json.loads(line[6:]))["kind"] == kind:
                    return dict(event)
        raise AssertionError(f"the stream ended before {kind}")

    async def since(self, kind: str, at: str) -> Event:
        """Return the next event of a kind that is not older than a time, to the millisecond.

        Changes that a server learns of together are one event.
        """
        while (event := await self.next(kind))["at"][:MILLISECONDS] < at[:MILLISECONDS]:
            pass
        return event

    async def rest(self) -> list[str]:
        """Return the lines until the end of the stream."""
        async with asyncio.timeout(30):
            return [line async for line in self._lines if line]


class Replica:
    """One of the servers with the same database."""

    def __init__(self, address: str, resources: AsyncExitStack) -> None:
        self.address = address
        self._resources = resources

    async def open(self, person: httpx2.AsyncClient) -> Page:
        """Open a person's page and wait until it is current."""
        page = Page(await self.answer(person))
        await page.next("ready")
        return page

    async def answer(self, person: httpx2.AsyncClient) -> httpx2.Response:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.cookies.jar)
        client = httpx2.AsyncClient(base_url=self.address, headers={"Cookie": cookies}, timeout=30)
        await self._resources.enter_async_context(client)
        return await self._resources.enter_async_context(client.stream("GET", "/api/events"))


@pytest.fixture
async def replicas(app: FastAPI, settings: Settings, routes: APIRouter) -> AsyncIterator[list[Replica]]:
    """Two servers with one database; the first is `app`."""
    other = create_app(settings)
    other.router = routes
    async with AsyncExitStack() as stack:
        pages = AsyncExitStack()
        await stack.enter_async_context(other.router.lifespan_context(other))
        replicas = []
        for server_app in (app, other):
            listener = socket.create_server(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(server_app, lifespan="off", log_config=None))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            stack.push_async_callback(_stop, server, task)
            replicas.append(Replica(f"http://127.0.0.1:{listener.getsockname()[1]}", pages))
        stack.push_async_callback(pages.aclose)
        yield replicas


async def _is_active() -> bool:
    return True


async def _stop(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


async def test_a_change_reaches_the_pages_on_every_server(replicas: list[Replica], signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    pages = [await replica.open(ada) for replica in replicas]
    of_bob = await replicas[0].open(bob)
    task = (await ada.post("/api/tasks", json={"title": "Secret"})).json()
    events = [await page.next("tasks") for page in pages]
    assert events == [{"kind": "tasks", "id": task["id"], "at": task["updated_at"]}] * 2
    for act in ("complete", "reopen"):
        changed = (await ada.post(f"/api/tasks/{task['id']}/{act}")).json()
        assert (await pages[1].next("tasks"))["at"] == changed["updated_at"]
    await ada.delete(f"/api/tasks/{task['id']}")
    assert (await pages[1].next("tasks"))["id"] == task["id"]
    await ada.post("/api/undo", json={})
    assert (await pages[1].next("tasks"))["id"] == task["id"]
    # Nothing of it reached another user.
    await bob.post("/api/tasks", json={"title": "Own"})
    assert (await of_bob.next("tasks"))["id"] != task["id"]


async def test_a_message_and_the_end_of_its_reply_are_events(
    replicas: list[Replica], signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    page = await replicas[1].open(ada)
    talk = Talk(ada)
    await talk.say("add buy milk")
    # The end of the reply comes after the task.
    [task] = (await ada.get("/api/tasks")).json()["items"]
    assert (await page.since("conversation", task["created_at"]))["id"] == talk.id
    began = iso_instant(utc_now())
    await ada.patch(f"/api/conversations/{talk.id}", json={"title": "Shopping"})
    assert (await page.since("conversation", began))["id"] == talk.id
    began = iso_instant(utc_now())
    await ada.delete(f"/api/conversations/{talk.id}")
    assert (await page.since("conversation", began))["id"] == talk.id


async def test_a_stream_ends_with_its_session_on_any_server(
    replicas: list[Replica], signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    page = await replicas[1].open(ada)
    assert (await ada.post("/api/auth/sign-out", json={})).status_code == 200
    assert await page.rest() == ['data: {"kind":"account"}']
    assert (await replicas[1].answer(ada)).status_code == 401


async def test_a_stream_ends_when_its_session_expires(
    replicas: list[Replica], app: FastAPI, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(feed, "CHECK_SECONDS", 0.05)
    ada = await signed_in("Ada")
    page = await replicas[0].open(ada)
    async with app.state.database.transaction() as session:
        mine = update(Session).where(Session.user_id == ada.user.id)
        await session.execute(mine.values(expires_at=utc_now()))
    assert (await page.rest())[-1] == 'data: {"kind":"account"}'


async def test_the_streams_of_a_user_and_of_a_server_are_limited(
    replicas: list[Replica], signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "STREAMS_PER_USER", 2)
    monkeypatch.setattr(feed, "STREAMS", 3)
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    pages = [await replicas[0].open(person) for person in (ada, ada, bob)]
    refused = await replicas[0].answer(ada)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
    assert json.loads(await refused.aread())["code"] == "too_many_streams"
    assert (await replicas[0].answer(bob)).status_code == 503
    # Other requests do not wait for the streams.
    await ada.post("/api/tasks", json={"title": "Buy milk"})
    assert (await pages[0].next("tasks")) == (await pages[1].next("tasks"))


async def test_many_changes_at_once_are_one_event(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(_: Database) -> AsyncIterator[list[source.Event]]:
        yield []
        changes = range(feed.MOST_SUBJECTS + 1)
        yield [source.Event("ada", "tasks", str(number), utc_now()) for number in changes]
        await asyncio.Event().wait()

    for name in ("notified", "polled"):
        monkeypatch.setattr(feed, name, busy)
    events = feed.Feed(database).stream("ada", _is_active)
    _, received = await anext(events), await anext(events)
    assert received == b'data: {"kind":"ready"}\n\ndata: {"kind":"tasks"}\n\n'
    await events.aclose()


@pytest.mark.parametrize("failure", [OSError(), RuntimeError("unexpected")], ids=["away", "unexpected"])
async def test_a_page_reads_again_after_a_failure(
    database: Database, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0)
    away = True

    async def interrupted(database: Database) -> AsyncIterator[list[source.Event]]:
        nonlocal away
        yield []
        if away:
            away = False
            raise failure
        await asyncio.Event().wait()

    for name in ("notified", "polled"):
        monkeypatch.setattr(feed, name, interrupted)
    events = feed.Feed(database).stream("ada", _is_active)
    assert [await anext(events) for _ in range(3)][1:] == [b'data: {"kind":"ready"}\n\n'] * 2
    await events.aclose()


@pytest.mark.parametrize("database_kind", ["postgresql"])
@pytest.mark.parametrize("reason", ["few connections", "a pooler"])
async def test_without_notifications_the_table_is_read(
    database_url: str, migrated_postgresql: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 2 if reason == "few connections" else 10
    database = Database(database_url, connections)
    if reason == "a pooler":
        # A pooler answers with another process than the one that the connection has.
        monkeypatch.setattr("app.database.postgresql._LIMIT", "SELECT 1 WHERE 0 = %s")
    with pytest.raises(CannotListenError):
        await anext(source.notified(database))
    own = feed.Feed(database)
    events = own.stream("ada", _is_active)
    received = [await anext(events), await anext(events)]
    assert received[0] == b": heartbeat\n\n"
    migrated_postgresql.execute(
        "INSERT INTO event (user_id, kind, subject, at) VALUES ('ada', 'tasks', 't', now())"
    )
    received.append(await anext(events))
    assert json.loads(received[1][6:]) == {"kind": "ready"}
    assert json.loads(received[2][6:])["id"] == "t"
    await events.aclose()
    await database.close()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_transaction_that_commits_late_is_not_missed(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(source, "POLL_SECONDS", 0.01)
    insert = b"INSERT INTO event (user_id, kind, subject, at) VALUES ('ada', 'tasks', %s, now())"
    batches = source.polled(database)
    assert await anext(batches) == []
    with psycopg.connect(database_url) as early, psycopg.connect(database_url) as late:
        early.execute(insert, ["early"])
        late.execute(insert, ["late"])
        late.commit()
        assert [event.subject for event in await anext(batches)] == ["late"]
        early.commit()
    assert [event.subject for event in await anext(batches)] == ["early"]
    await batches.aclose()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_draining_server_ends_its_streams_at_once(database_url: str) -> None:
    directory = Path(database_url.removeprefix("sqlite:///")).parent
    server = Server(
        directory,
        "uvicorn",
        "main:app",
        source=SOURCE,
        BETTER_AUTH_SECRET=SECRET,
        DRAIN_SECONDS="20",
    )
    try:
        await asyncio.to_thread(lambda: server.connect().close())
        async with AsyncExitStack() as resources:
            replica = Replica(f"http://127.0.0.1:{server.port}", resources)
            ada = httpx2.AsyncClient(base_url=replica.address, headers={"Origin": ORIGIN}, timeout=30)
            await resources.enter_async_context(ada)
            body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
            assert (await ada.post("/api/auth/sign-up/email", json=body)).status_code == 200
            page = await replica.open(ada)
            server.process.send_signal(signal.SIGTERM)
            await page.rest()
            # It still serves, so the stream has not ended with the server.
            assert (await replica.answer(ada)).status_code == 503
            assert (await ada.get("/api/tasks")).status_code == 200
    finally:
        server.process.kill()
        server.ended()
