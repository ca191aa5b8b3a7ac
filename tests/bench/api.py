"""The processor time that one backend process takes for a request, beside a bare application."""

import asyncio
import ipaddress
import itertools
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import psycopg

from automation.paths import ROOT
from backend.tests.servers import Server
from tests.bench.results import Measured
from tests.provision.postgres import postgres_server

SECRET = "0123456789abcdef0123456789abcdef"
FLOOR = "bare ASGI, one statement"
COOKIE = "better-auth.session_token"
REFUSED = 503
"""The status of a request that an overloaded server refuses at once."""


@dataclass(frozen=True)
class Operation:
    """A request to measure."""

    name: str
    method: str
    path: str
    body: bytes = b""
    status: int = 200


OPERATIONS = (
    Operation("list of 20", "GET", "/api/tasks?limit=20"),
    Operation("by priority", "GET", "/api/tasks?limit=20&sort=priority"),
    Operation("by title", "GET", "/api/tasks?limit=20&sort=title"),
    Operation("search of one", "GET", "/api/tasks?limit=20&q=needle"),
    Operation("search of all", "GET", "/api/tasks?limit=20&q=errand"),
    Operation("create", "POST", "/api/tasks", b'{"title": "Buy milk"}', 201),
    Operation("health", "GET", "/health"),
    Operation("session", "GET", "/api/auth/get-session"),
)
DATABASES = ("postgresql", "sqlite")
_requests = itertools.count()
Start = Callable[[], AbstractContextManager[Server]]


@dataclass(frozen=True)
class Load:
    """Load under which the API is measured."""

    runs: int
    requests: int
    connections: Sequence[int]
    tasks: Sequence[int]


def measure(root: Path, load: Load) -> Iterator[Measured]:
    """Measure every operation of the backend in a folder, on both databases.

    Raises:
        RuntimeError: when a request fails, or this machine does not report processor time.
    """
    if not Path("/proc/self/stat").exists():
        raise RuntimeError("the API is measured where /proc reports processor time: on Linux")
    for kind, tasks in itertools.product(DATABASES, load.tasks):
        with starts(root, kind) as (start, start_floor, database), start() as backend, start_floor() as floor:
            cookie = _signed_up(backend)
            _add_tasks(kind, database, tasks)
            for operation, connections in itertools.product(OPERATIONS, load.connections):
                values: list[float] = []
                least: list[float] = []
                for run in range(load.runs + 1):
                    for server, times in ((backend, values), (floor, least)):
                        took = asyncio.run(_time(server, operation, cookie, connections, load.requests))
                        # The first run is the warm-up.
                        times += [took] if run else []
                name = f"{operation.name}, {kind}, {connections} c, {tasks} t"
                yield Measured(name, "ms", values, FLOOR, least)


@contextmanager
def starts(root: Path, kind: str) -> Iterator[tuple[Start, Start, str]]:
    """Create a database. Yield what starts a folder's backend and the floor on it, and where it is."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-api-")))
        database = str(folder / "todo.db")
        environment = {"BETTER_AUTH_SECRET": SECRET, "TASK_CHANGES_PER_MINUTE": "1000000"}
        if kind == "postgresql":
            database = environment["DATABASE_URL"] = stack.enter_context(postgres_server(folder))
        subprocess.run(
            [sys.executable, "-m", "app.database.migrate"],
            cwd=root / "backend/src",
            env={**os.environ, **environment, "DATA_DIR": str(folder)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        bare = ("tests.bench.floor:app", "--no-access-log", "--log-level", "warning")
        yield (
            lambda: _started(folder, "app.main:app", source=root / "backend/src", **environment),
            lambda: _started(folder, *bare, source=ROOT, DATABASE=database),
            database,
        )


@contextmanager
def _started(folder: Path, *words: str, source: Path, **environment: str) -> Iterator[Server]:
    server = Server(folder, "uvicorn", *words, source=source, **environment)
    try:
        server.connect().close()
        yield server
    finally:
        server.process.terminate()
        server.ended()


def _signed_up(backend: Server) -> str:
    """Return the session cookie of a new user."""
    url = f"http://127.0.0.1:{backend.port}/api/auth/sign-up/email"
    body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
    answer = httpx2.post(url, json=body, headers={"Origin": "http://localhost:3000"})
    answer.raise_for_status()
    return f"{COOKIE}={answer.cookies[COOKIE]}"


def _add_tasks(kind: str, database: str, number: int) -> None:
    """Give the only user this many tasks, each with two tags."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    form = datetime.isoformat if kind == "postgresql" else _sqlite_instant
    tasks = []
    for index in range(number):
        created, title = form(began + timedelta(minutes=index)), f"{'Errand' if index else 'Needle'} {index}"
        due = form(began + timedelta(hours=index)) if index % 2 else None
        text = f"{title.lower()}\n#home #errand"
        priority = index % 3 + 1
        tasks.append((f"task{index}", title, "", priority, due, created, created, title.lower(), text))
    tags = [
        (f"task{index}", tag, place)
        for index in range(number)
        for place, tag in enumerate(("home", "errand"))
    ]
    insert_task = (
        "INSERT INTO task (id, user_id, title, description, priority, due_at, all_day, created_at, "
        'updated_at, title_key, search_text) SELECT ?, id, ?, ?, ?, ?, false, ?, ?, ?, ? FROM "user"'
    )
    insert_tag = "INSERT INTO task_tag (task_id, name, position) VALUES (?, ?, ?)"
    if kind == "sqlite":
        with sqlite3.connect(database) as connection:
            connection.executemany(insert_task, tasks)
            connection.executemany(insert_tag, tags)
        connection.close()
        return
    with psycopg.connect(database) as session, session.cursor() as cursor:
        casts = ("text", "text", "text", "int", "timestamptz", "timestamptz", "timestamptz", "text", "text")
        for cast in casts:
            insert_task = insert_task.replace("?", f"%s::{cast}", 1)
        cursor.executemany(insert_task.encode(), tasks)
        cursor.executemany(insert_tag.replace("?", "%s").encode(), tags)
        session.commit()
        session.autocommit = True
        cursor.execute("VACUUM ANALYZE")


def _sqlite_instant(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


async def _time(server: Server, operation: Operation, cookie: str, connections: int, requests: int) -> float:
    """Return the milliseconds of processor time that the server takes for each request."""
    left = iter(range(max(requests, connections)))
    streams = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(connections)]
    before = _processor_seconds(server.process.pid)
    await asyncio.gather(*(_ask(*stream, operation, cookie, left) for stream in streams))
    seconds = _processor_seconds(server.process.pid) - before
    for _, writer in streams:
        writer.close()
    return seconds * 1000 / max(requests, connections)


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    operation: Operation,
    cookie: str,
    left: Iterator[int],
) -> None:
    for _ in left:
        # Another address after 50 requests, because the account endpoints limit the rate of each.
        address = str(ipaddress.IPv4Address("10.0.0.0") + next(_requests) // 50)
        request = (
            f"{operation.method} {operation.path} HTTP/1.1\r\nHost: localhost:3000\r\nCookie: {cookie}\r\n"
            f"Origin: http://localhost:3000\r\nX-Forwarded-For: {address}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(operation.body)}\r\n\r\n"
        ).encode()
        status = REFUSED
        # With more connections than the server has places, the time includes what it refuses.
        while status == REFUSED:
            writer.write(request + operation.body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length))
            status = int(head.split(b" ", 2)[1])
        if status != operation.status:
            raise RuntimeError(f"{operation.method} {operation.path} failed: {head!r} {body!r}")


def _processor_seconds(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
