"""The floor of the API's measurements: a bare ASGI application with hand-written statements.

It answers the measured requests under the same server, with the same driver and database as the backend, but
without a framework, authentication rules, validation, logging or metrics: one statement per request, one
serialisation. Run it with `uvicorn tests.bench.floor:app`; DATABASE names a SQLite file or a PostgreSQL URL.
"""

import asyncio
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import psycopg

DATABASE = os.environ["DATABASE"]
CONNECTIONS = 6
COLUMNS = ["id", "title", "description", "priority", "due_at", "all_day", "created_at", "updated_at"]
COLUMNS += ["completed_at", "tags"]
_SESSION = 'FROM session s JOIN "user" u ON u.id = s."userId" WHERE s.token = :token AND s."expiresAt" > :now'
_TAGS = "(SELECT TAGS(name) FROM task_tag g WHERE g.task_id = t.id)"
STATEMENTS = {
    "health": "SELECT version_num FROM alembic_version",
    "session": f"SELECT u.id, u.name, u.email, s.id, s.token {_SESSION}",
    "list": (
        f"SELECT {', '.join(COLUMNS[:-1])}, {_TAGS} FROM task t"  # noqa: S608 - constants
        f" WHERE t.user_id = (SELECT u.id {_SESSION}) ORDER BY created_at DESC, id DESC LIMIT 21"
    ),
    "create": (
        "INSERT INTO task (id, user_id, title, description, priority, all_day, created_at, updated_at,"
        " title_key, search_text) SELECT CAST(:id AS text), u.id, CAST(:title AS text), '', 2, FALSE,"
        f" :now, :now, CAST(:title AS text), CAST(:title AS text) {_SESSION} RETURNING id, title"
    ),
}


class Sqlite:
    """Executes statements with one connection for each of a few threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4)
        self._writer = ThreadPoolExecutor(1)
        self._local = threading.local()
        self._statements = {
            name: text.replace("TAGS", "json_group_array") for name, text in STATEMENTS.items()
        }

    async def __call__(self, name: str, parameters: Mapping[str, Any]) -> list[Any]:
        pool = self._writer if name == "create" else self._pool
        return await asyncio.get_running_loop().run_in_executor(pool, self._execute, name, parameters)

    def _execute(self, name: str, parameters: Mapping[str, Any]) -> list[Any]:
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(DATABASE, isolation_level=None, timeout=10)
            self._local.connection.execute("PRAGMA synchronous = NORMAL")
        return list(self._local.connection.execute(self._statements[name], parameters))


class Postgresql:
    """Executes prepared statements on a few connections that stay open."""

    def __init__(self) -> None:
        self._idle: list[psycopg.AsyncConnection] = []
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._statements = {name: _for_psycopg(text) for name, text in STATEMENTS.items()}

    async def __call__(self, name: str, parameters: Mapping[str, Any]) -> list[Any]:
        async with self._turns:
            connection = (
                self._idle.pop()
                if self._idle
                else await psycopg.AsyncConnection.connect(DATABASE, autocommit=True, prepare_threshold=0)
            )
            cursor = await connection.execute(self._statements[name], parameters)
            rows = await cursor.fetchall()
            self._idle.append(connection)
            return rows


def _for_psycopg(text: str) -> bytes:
    for name in ("token", "now", "id", "title"):
        text = text.replace(f":{name}", f"%({name})s")
    return text.replace("TAGS", "json_agg").encode()


async def app(scope: Mapping[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Answer one request."""
    if scope["type"] == "http":
        await _answer(scope, receive, send)


async def _answer(
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    path, method = scope["path"], scope["method"]
    name = {"/health": "health", "/api/tasks": "list"}.get(path, "session")
    now = datetime.now(UTC)
    parameters = {"token": _token(scope["headers"]), "now": _instant(now)}
    if method == "POST":
        name = "create"
        title = json.loads((await receive())["body"])["title"]
        parameters |= {"id": secrets.token_hex(16), "title": title}
    rows = await _execute(name, parameters)
    if name == "list":
        content: Any = {"items": [dict(zip(COLUMNS, row, strict=True)) for row in rows]}
    else:
        content = list(rows[0])
    body = json.dumps(content, default=str).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    status = 201 if method == "POST" else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _token(headers: list[tuple[bytes, bytes]]) -> str:
    cookie = next((value for name, value in headers if name == b"cookie"), b"")
    return unquote(cookie.decode().partition("=")[2]).partition(".")[0]


def _instant(now: datetime) -> datetime | str:
    if DATABASE.startswith("postgresql://"):
        return now
    return now.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


_execute: Sqlite | Postgresql = Postgresql() if DATABASE.startswith("postgresql://") else Sqlite()
