"""Connections and transactions with the same behaviour on SQLite and PostgreSQL."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import URL, Connection, Executable, RowMapping, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.util import await_only

from app.database.address import database_url

POOL_SIZE = 10
"""The maximum number of connections per process. PostgreSQL accepts 97 by default, enough for nine
processes."""
CONNECT_TIMEOUT_S = 5
"""A suspended serverless PostgreSQL takes a few seconds to wake up."""
STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_S = 10
"""The time that one SQLite writer waits for another."""
TRANSACTION_TIMEOUT_S = 6.0
"""No transaction takes seconds. This bounds the wait for an unavailable database."""
CANCEL_TIMEOUT_S = 1.0
"""The time that a server may take to confirm the cancellation of a statement."""


class Database:
    """A pool of connections to one database, and its transactions.

    The first transaction opens the first connection, so an unavailable database does not prevent startup.
    """

    kind: Literal["sqlite", "postgresql"]

    def __init__(self, url: str) -> None:
        parsed = database_url(url)
        self._writer: AbstractAsyncContextManager[None] = nullcontext()
        if parsed.get_backend_name() == "sqlite":
            self.kind = "sqlite"
            Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
            self.engine = _sqlite_engine(parsed)
            self._writer = asyncio.Lock()
        else:
            self.kind = "postgresql"
            self.engine = _postgresql_engine(parsed)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._read_only_sessions = async_sessionmaker(
            self.engine.execution_options(**_READ_ONLY_OPTIONS), expire_on_commit=False
        )

    def __repr__(self) -> str:
        return f"Database({self.engine.url.render_as_string(hide_password=True)!r})"

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[AsyncSession]:
        """Yield a session that commits at the end of the block, or rolls back on an exception.

        The transaction starts with the first statement. Unless it is read-only, it then takes SQLite's write
        lock immediately: a transaction that reads first and writes later would fail if another wrote in
        between. Writers of this process are queued in order, because SQLite polls for its lock, which is
        slow and unfair. Do not nest transactions.

        Raises:
            TimeoutError: when the block, including the wait for a connection, exceeds TRANSACTION_TIMEOUT_S.
        """
        sessions = self._read_only_sessions if read_only else self._sessions
        turn = nullcontext() if read_only else self._writer
        async with _time_limit(), turn, sessions() as session, session.begin():
            yield session

    async def execute_alone(self, statement: Executable, parameters: dict[str, Any]) -> RowMapping:
        """Run one statement as a whole transaction and return its row.

        On PostgreSQL this saves the round trips that begin and commit a transaction.

        Raises:
            TimeoutError: when it exceeds TRANSACTION_TIMEOUT_S.
        """
        if self.kind == "sqlite":
            async with self.transaction() as session:
                return (await session.execute(statement, parameters)).mappings().one()
        async with _time_limit(), self._autocommit.connect() as connection:
            return (await connection.execute(statement, parameters)).mappings().one()

    async def ping(self) -> None:
        """Make one round trip to the database.

        Raises:
            SQLAlchemyError: when the database is unavailable.
        """
        async with self.transaction(read_only=True) as session:
            await session.execute(text("SELECT 1"))

    async def revision(self) -> str | None:
        """Return the latest applied migration; None before the first.

        Raises:
            SQLAlchemyError: when the database is unavailable.
        """
        async with self.engine.connect() as connection:
            if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
                return None
            return cast(
                "str | None", await connection.scalar(text("SELECT version_num FROM alembic_version"))
            )

    async def close(self) -> None:
        await self.engine.dispose()


@asynccontextmanager
async def _time_limit() -> AsyncIterator[None]:
    """Raise TimeoutError when the block exceeds TRANSACTION_TIMEOUT_S.

    The first cancellation makes the driver ask the server to cancel the statement. A frozen server ignores
    that too, so a second cancellation makes the driver close the connection.
    """
    async with (
        asyncio.timeout(TRANSACTION_TIMEOUT_S + CANCEL_TIMEOUT_S),
        asyncio.timeout(TRANSACTION_TIMEOUT_S),
    ):
        yield


_READ_ONLY_OPTIONS: dict[str, Any] = {"postgresql_readonly": True, "sqlite_begin": "BEGIN"}


def _postgresql_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            # Poolers in transaction mode (PgBouncer, Neon's pooled address) may run the next statement on
            # another connection, which lacks the prepared statement.
            "prepare_threshold": None,
            "application_name": "todo-backend",
            # Detects a host that has disappeared without closing the connection.
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
        },
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=300,
        # The transaction timeout already limits the wait.
        pool_timeout=CONNECT_TIMEOUT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def limit_statements(connection: Any, _: object) -> None:
        # Not a startup option, because poolers reject those.
        connection.autocommit = True
        connection.cursor().execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        connection.autocommit = False

    return engine


def _sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url, connect_args={"timeout": LOCK_TIMEOUT_S}, pool_timeout=LOCK_TIMEOUT_S, hide_parameters=True
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _: object) -> None:
        # Prevent the driver from starting transactions by itself: see `begin`.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_write_ahead_log(cursor)
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))

    return engine


def _use_write_ahead_log(cursor: DBAPICursor) -> None:
    """Switch the database file to its write-ahead log.

    Only the first connections to a new file change anything. SQLite lets none of them wait for another and
    fails all but one.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            await_only(asyncio.sleep(0.005))
        else:
            return
