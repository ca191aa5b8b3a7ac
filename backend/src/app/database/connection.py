"""Connections and transactions, the same on SQLite and PostgreSQL."""

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
"""Connections of one process at most. PostgreSQL lets 97 in by default, so nine processes have enough."""
CONNECT_TIMEOUT_S = 5
"""A suspended serverless PostgreSQL takes a few seconds to wake up."""
STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_S = 10
"""How long one SQLite writer waits for another."""
TRANSACTION_TIMEOUT_S = 6.0
"""Nothing here takes seconds: so long a person waits to hear that the database does not answer."""
CANCEL_TIMEOUT_S = 1.0
"""How long a server may take to confirm that it has cancelled a statement."""


class Database:
    """A pool of connections to one database, and the transactions made on them.

    Nothing is connected before the first transaction, so an unreachable database does not stop the start.
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
        """Yield a session that commits at the end of the block, or rolls back when an exception leaves it.

        The transaction begins with the first statement. On SQLite it then takes the write lock at once,
        unless it is read-only: a transaction that reads first and writes later would otherwise fail
        whenever another has written in between. Writers of this process queue in order, because SQLite's own
        waiting is polling, which is slow and unfair. Transactions must not be nested.

        Raises:
            TimeoutError: when the block, the wait for a connection included, exceeds TRANSACTION_TIMEOUT_S.
        """
        sessions = self._read_only_sessions if read_only else self._sessions
        turn = nullcontext() if read_only else self._writer
        async with _time_limit(), turn, sessions() as session, session.begin():
            yield session

    async def execute_alone(self, statement: Executable, parameters: dict[str, Any]) -> RowMapping:
        """Run one statement that is a whole transaction, and return its row.

        On PostgreSQL that saves the round trips that begin and commit a transaction.

        Raises:
            TimeoutError: when it takes longer than TRANSACTION_TIMEOUT_S.
        """
        if self.kind == "sqlite":
            async with self.transaction() as session:
                return (await session.execute(statement, parameters)).mappings().one()
        async with _time_limit(), self._autocommit.connect() as connection:
            return (await connection.execute(statement, parameters)).mappings().one()

    async def ping(self) -> None:
        """Make one round trip to the database.

        Raises:
            SQLAlchemyError: when it cannot be reached.
        """
        async with self.transaction(read_only=True) as session:
            await session.execute(text("SELECT 1"))

    async def revision(self) -> str | None:
        """Return the newest migration that has been applied; None before the first.

        Raises:
            SQLAlchemyError: when the database cannot be reached.
        """
        async with self.engine.connect() as connection:
            if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
                return None
            return cast(
                "str | None", await connection.scalar(text("SELECT version_num FROM alembic_version"))
            )

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


@asynccontextmanager
async def _time_limit() -> AsyncIterator[None]:
    """Raise TimeoutError when the block takes longer than TRANSACTION_TIMEOUT_S.

    The first cancellation has the driver ask the server to cancel the statement. A frozen server does not
    answer that either; the second one has the driver close the connection.
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
            # A pooler in transaction mode (PgBouncer, Neon's pooled address) gives the next statement to
            # another connection, which has not prepared it.
            "prepare_threshold": None,
            "application_name": "todo-backend",
            # A machine that is gone answers nothing, not even that it is gone.
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
        },
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=300,
        # Whoever waits is bounded by the transaction's own limit.
        pool_timeout=CONNECT_TIMEOUT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def limit_statements(connection: Any, _: object) -> None:
        # Not a start-up option: poolers refuse those.
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
        # The driver must not begin transactions by itself: see `begin`.
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
    """Switch the file to its write-ahead log; only in the first connections to a new file is that a change.

    SQLite does not let those of them wait that would wait for each other, but refuses all but one at once.
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
