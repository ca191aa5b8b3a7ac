"""Connections to PostgreSQL: an engine for transactions, and a driver for single statements."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database.statements import DriverCall

if TYPE_CHECKING:
    import psycopg

CONNECTIONS = 10
"""The default number of connections of a process. PostgreSQL accepts 97, enough for nine processes."""
CONNECT_TIMEOUT_S = 5
"""A suspended serverless PostgreSQL takes a few seconds to wake up."""
STATEMENT_TIMEOUT_MS = 5_000
LONGEST_USE_S = 300
"""A connection is replaced after this time."""
_LIMIT = (
    f"SELECT set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', false) WHERE pg_backend_pid() = %s"
)
"""Sets the timeout of a connection of its own. A pooler, whose connections belong to others too, answers with
another process than the server, so that nothing is set."""
_OPTIONS = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # Poolers in transaction mode (PgBouncer, Neon's pooled address) may run the next statement on another
    # connection, which lacks the prepared statement.
    "prepare_threshold": None,
    "application_name": "todo-backend",
    # Detects a host that has disappeared without closing the connection.
    "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}


LISTENING_CONNECTIONS = 4
"""The least number of connections of which one listens to notifications."""


class CannotListenError(Exception):
    """Notifications do not arrive: from a pooler in transaction mode, or without a connection to spare."""


def shares(connections: int) -> tuple[int, int]:
    """Return how many of the connections are for transactions, and how many for single statements.

    The one that remains, if there are enough, listens to notifications.
    """
    transactions = max(1, connections * 2 // 5)
    return transactions, connections - transactions - (connections >= LISTENING_CONNECTIONS)


def postgresql_engine(url: URL, connections: int) -> AsyncEngine:
    """Return an engine whose statements have a timeout."""
    # The driver sends it when it connects. A pooler keeps it for each of its clients.
    os.environ["PGTZ"] = "UTC"
    engine = create_async_engine(
        url,
        connect_args=_OPTIONS,
        pool_size=shares(connections)[0],
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=LONGEST_USE_S,
        # The transaction timeout already limits the wait.
        pool_timeout=CONNECT_TIMEOUT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def limit_statements(connection: Any, _: object) -> None:
        # Not a startup option, because poolers reject those.
        connection.autocommit = True
        connection.cursor().execute(_LIMIT, [connection.driver_connection.info.backend_pid])
        connection.autocommit = False

    return engine


class PostgresqlDriver:
    """Executes statements on a few connections that stay open."""

    def __init__(self, engine: AsyncEngine, connections: int) -> None:
        # Importing this takes 0.1 s, which SQLite does not need.
        import psycopg

        self.errors = psycopg.Error
        self.dialect = engine.dialect
        self._connection_type = psycopg.AsyncConnection
        self._arguments = engine.dialect.create_connect_args(engine.url)
        transactions, statements = shares(connections)
        self._turns = asyncio.Semaphore(statements)
        self._can_listen = transactions + statements < connections
        self._idle: list[tuple[psycopg.AsyncConnection, float]] = []

    async def run(self, calls: Sequence[DriverCall], *, read_only: bool) -> list[list[Any]]:
        """Execute calls in one transaction and return the rows of each; see `Database.execute`.

        Calls that only read are repeated when the server had closed the connection before they arrived.
        """
        async with self._turns:
            while True:
                connection, opened_at = await self._connection()
                is_new = opened_at is None
                try:
                    if len(calls) == 1 and not isinstance(calls[0].arguments, list):
                        return await _execute(connection, calls)
                    return await _transact(connection, calls)
                except self.errors:
                    if is_new or not read_only or not connection.closed:
                        raise
                finally:
                    if _is_idle(connection):
                        self._idle.append((connection, opened_at or time.monotonic()))
                    else:
                        await connection.close()

    async def notifications(self, channel: str) -> AsyncGenerator[str | None, None]:
        """Yield None once this connection listens, and then the payload of each notification.

        Raises:
            CannotListenError: when notifications do not arrive here.
        """
        if not self._can_listen:
            raise CannotListenError
        connection = await self._connect()
        try:
            if connection.prepare_threshold is None:
                # The connection belongs to a pooler.
                raise CannotListenError
            await connection.execute(f"LISTEN {channel}".encode())
            yield None
            async for notification in connection.notifies():
                yield notification.payload
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close all connections. The next call opens new ones."""
        while self._idle:
            await self._idle.pop()[0].close()

    async def _connection(self) -> tuple["psycopg.AsyncConnection", float | None]:
        """Return a connection, and when it was opened; None when it is new."""
        while self._idle:
            connection, opened_at = self._idle.pop()
            if time.monotonic() - opened_at < LONGEST_USE_S and _is_open(connection):
                return connection, opened_at
            await connection.close()
        return await self._connect(), None

    async def _connect(self) -> "psycopg.AsyncConnection":
        words, options = self._arguments
        connection = await self._connection_type.connect(*words, **{**options, **_OPTIONS}, autocommit=True)
        try:
            cursor = await connection.execute(_LIMIT, [connection.info.backend_pid])
            # A pooler may run the next statement on a connection that lacks the prepared one.
            if await cursor.fetchall():
                connection.prepare_threshold = 0
        except BaseException:
            await connection.close()
            raise
        return connection


async def _transact(connection: "psycopg.AsyncConnection", calls: Sequence[DriverCall]) -> list[list[Any]]:
    """Execute calls in a transaction, in two round trips."""
    try:
        async with connection.pipeline():
            await connection.execute(b"BEGIN")
            [first] = await _execute(connection, calls[:1])
        # Without rows, the first one found nothing to change, and the others do not follow.
        if not first and calls[0].compiled.columns:
            await connection.execute(b"ROLLBACK")
            return [first]
        async with connection.pipeline():
            rows = await _execute(connection, calls[1:])
            await connection.execute(b"COMMIT")
        return [first, *rows]
    except Exception:
        if not connection.closed:
            await connection.execute(b"ROLLBACK")
        raise


async def _execute(connection: "psycopg.AsyncConnection", calls: Sequence[DriverCall]) -> list[list[Any]]:
    """Execute calls, in a pipeline all at once, and return the rows of each."""
    cursors = []
    for call in calls:
        cursors.append(cursor := connection.cursor())
        if isinstance(call.arguments, list):
            await cursor.executemany(call.compiled.sql.encode(), call.arguments)
        else:
            await cursor.execute(call.compiled.sql.encode(), call.arguments)
    return [
        await cursor.fetchall() if call.compiled.columns and not isinstance(call.arguments, list) else []
        for cursor, call in zip(cursors, calls, strict=True)
    ]


def _is_idle(connection: "psycopg.AsyncConnection") -> bool:
    from psycopg.pq import TransactionStatus

    return connection.info.transaction_status == TransactionStatus.IDLE


def _is_open(connection: "psycopg.AsyncConnection") -> bool:
    """Return whether the server has not closed an idle connection, without asking it.

    The first call reads the server's last words, if there are any, and the second the end of the connection.
    """
    import psycopg

    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return not connection.broken
