"""Clients that send slowly, endlessly or nothing at all, over real connections."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import uvicorn
from fastapi import FastAPI

from app import connections
from app.connections import HEADERS_BYTES, LimitedProtocol
from backend.tests.browsers import ORIGIN

Connect = Callable[[], Awaitable["Client"]]
REQUEST = b"GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /api/auth/sign-in/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture
def database_kind() -> str:
    """Use one database, because these tests are about connections."""
    return "sqlite"


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[socket.socket]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, http=LimitedProtocol))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield listener
    server.should_exit = True
    await task


class Client:
    """A connection on which a test sends bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def status(self) -> bytes:
        """Return the status of the next response; nothing when the connection was closed without one."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        await self._reader.readexactly(int(length.split(b":")[1]))
        return head.split()[1]

    async def is_closed(self) -> bool:
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@pytest.fixture
async def connect(server: socket.socket) -> AsyncIterator[Connect]:
    """A function that opens a connection, which the fixture closes."""
    clients = []

    async def open_connection() -> Client:
        client = Client(*await asyncio.open_connection(*server.getsockname()))
        clients.append(client)
        return client

    yield open_connection
    for client in clients:
        await client.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"GET /api/", b"408"),
        (b"GET /api/nothing HTTP/1.1\r\nHost: local", b"408"),
        (POST + b"Content-Length: 100\r\n\r\n", b"408"),
        (POST + b'Content-Length: 100\r\n\r\n{"email": ', b"408"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n", b"408"),
        (REQUEST + b"GET /half", b"404"),
    ],
)
async def test_a_client_that_stops_sending_is_disconnected(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, sent: bytes, status: bytes
) -> None:
    monkeypatch.setattr(connections, "SECONDS", {"request": 0.2, "headers": 0.2, "body": 0.2})
    client = await connect()
    await client.send(sent)
    assert await client.status() == status
    if status == b"404":
        assert await client.status() == b"408"
    assert await client.is_closed()


async def test_two_hundred_slow_clients_are_disconnected_while_others_are_served(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS", {"request": 2, "headers": 2, "body": 2})
    sent = [b"", b"GET /api/nothing HTTP/1.1\r\nHost: local", POST + b"Content-Length: 100\r\n\r\n{"]
    slow = []
    for number in range(200):
        slow.append(await connect())
        await slow[-1].send(sent[number % len(sent)])
    other = await connect()
    await other.send(REQUEST)
    assert await other.status() == b"404"
    for number, client in enumerate(slow):
        assert await client.status() == (b"408" if number % len(sent) else b"")
        assert await client.is_closed()


async def test_a_client_that_sends_byte_by_byte_is_disconnected(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS", {"request": 60, "headers": 0.2, "body": 60})
    monkeypatch.setattr(connections, "HEADERS_BYTES", 10**9)
    client = await connect()
    await client.send(b"GET / HTTP/1.1\r\nx: ")
    status = asyncio.create_task(client.status())
    while not status.done():
        await client.send(b"y")
        await asyncio.sleep(0)
    assert await status == b"408"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * HEADERS_BYTES,
        b"GET / HTTP/1.1\r\nx: " + b"x" * HEADERS_BYTES,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * (HEADERS_BYTES // 2),
    ],
    ids=["path", "one header", "many headers"],
)
async def test_endless_headers_are_refused(connect: Connect, head: bytes) -> None:
    client = await connect()
    for start in range(0, len(head), 1000):
        await client.send(head[start : start + 1000])
        await asyncio.sleep(0)
    await client.send(b"x" * 1000)
    assert await client.status() == b"431"
    assert await client.is_closed()


async def test_large_headers_in_one_piece_are_refused(connect: Connect) -> None:
    client = await connect()
    await client.send(b"GET / HTTP/1.1\r\nx: " + b"x" * HEADERS_BYTES + b"\r\n\r\n")
    assert await client.status() == b"431"


async def test_a_malformed_request_is_a_problem(connect: Connect) -> None:
    client = await connect()
    await client.send(b"\x16\x03\x01 not HTTP\r\n\r\n")
    assert await client.status() == b"400"


async def test_idle_connections_keep_nobody_out(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS", 3)
    idle = [await connect() for _ in range(3)]
    await idle[1].send(b"GET /half")
    for _ in range(4):
        client = await connect()
        await client.send(REQUEST)
        assert await client.status() == b"404"
        idle.append(client)
    assert all([await client.is_closed() for client in idle[:4]])


async def test_valid_requests_reuse_their_connection(connect: Connect) -> None:
    client = await connect()
    body = b'{"email": "ada@example.org", "password": "correct horse"}'
    origin = b"Origin: " + ORIGIN.encode() + b"\r\n"
    for _ in range(2):
        await client.send(POST + origin + b"Content-Length: %d\r\n\r\n" % len(body))
        await client.send(body)
        assert await client.status() == b"401"
        await client.send(REQUEST + REQUEST)
        assert [await client.status(), await client.status()] == [b"404", b"404"]
