"""Statements and transactions with the same behaviour on SQLite and PostgreSQL."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, cast

from sqlalchemy import Dialect, String, literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.database.address import database_url
from app.database.postgresql import (
    CONNECTIONS,
    CannotListenError,
    PostgresqlDriver,
    postgresql_engine,
)
from app.database.sqlite import SqliteDriver, sqlite_engine
from app.database.statements import Call, Condition, DriverCall, Parameters, Row, Statement

TRANSACTION_TIMEOUT_S = 6.0
"""No transaction takes seconds. This bounds the wait for an unavailable database."""
CANCEL_TIMEOUT_S = 1.0
"""The time that a server may take to confirm the cancellation of a statement."""
_PING = Statement(select(literal(1).label("one")))
_REVISION = Statement(text("SELECT version_num FROM alembic_version").columns(version_num=String))


class Driver(Protocol):
    """Executes compiled statements without SQLAlchemy."""

    @property
    def dialect(self) -> Dialect:
        """The dialect that compiles its statements."""

    @property
    def errors(self) -> type[Exception]:
        """The base class of its exceptions."""

    async def run(self, calls: Sequence[DriverCall], *, read_only: bool) -> list[list[Any]]:
        """Execute calls in one transaction and return the rows of each; see `Database.execute`."""

    async def close(self) -> None:
        """Close all connections. The next call opens new ones."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Condition, at the moment of each statement, for a request to see or change anything.

    `check` is called when a statement found nothing: it raises an exception if that is because the condition
    does not hold.
    """

    condition: Condition
    parameters: Parameters
    check: Callable[[], Awaitable[None]]


class Database:
    """Two ways to one database: single statements by its driver, and transactions by SQLAlchemy.

    Requests that only read, or that change something with statements known in advance, use `fetch` and
    `execute`. Everything else uses `transaction`. The first use opens the first connection, so an unavailable
    database does not prevent startup.
    """

    kind: Literal["sqlite", "postgresql"]
    engine: AsyncEngine

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        """Connect to a database; `connections` is their largest number, for PostgreSQL."""
        parsed = database_url(url)
        self.answered_at = -math.inf
        """When the database last answered a statement, on the clock of `time.monotonic`."""
        self._guard: Guard | None = None
        self._shared = self
        self._writer: AbstractAsyncContextManager[None] = nullcontext()
        self._driver: Driver
        if parsed.get_backend_name() == "sqlite":
            self.kind = "sqlite"
            Path(parsed.database or "").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.engine = sqlite_engine(parsed)
            self._driver = SqliteDriver(self.engine)
            self._writer = asyncio.Lock()
        else:
            self.kind = "postgresql"
            self.engine = postgresql_engine(parsed, connections)
            self._driver = PostgresqlDriver(self.engine, connections)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._read_only_sessions = async_sessionmaker(
            self.engine.execution_options(**_READ_ONLY_OPTIONS), expire_on_commit=False
        )

    def __repr__(self) -> str:
        return f"Database({self.engine.url.render_as_string(hide_password=True)!r})"

    def replace_driver(self, replacement: Callable[[Driver], Driver]) -> None:
        """Put something between this database and its driver."""
        self._driver = replacement(self._driver)

    def guarded(self, guard: Guard) -> "Database":
        """Return this database for one request, whose statements do nothing unless a condition holds.

        The condition becomes a part of the statement, which saves one to check it before. Of `execute`, it
        restricts the first statement, without whose rows the others do not follow.
        """
        database = object.__new__(Database)
        database.__dict__.update(self.__dict__, _guard=guard, _shared=self)
        return database

    async def fetch(self, statement: Statement, parameters: Parameters | None = None) -> list[Row]:
        """Execute a statement that only reads, and return its rows.

        Raises:
            DBAPIError: when the statement fails or the database is unavailable.
            TimeoutError: when it exceeds TRANSACTION_TIMEOUT_S.
        """
        [rows] = await self._run((Call(statement, parameters or {}),), read_only=True)
        return rows

    async def execute(self, *calls: Call) -> list[list[Row]]:
        """Execute statements in one transaction, and return the rows of each.

        When the first statement can return rows and returns none, the others are not executed.

        Raises:
            DBAPIError: when a statement fails, which undoes all, or the database is unavailable.
            TimeoutError: when they exceed TRANSACTION_TIMEOUT_S.
        """
        return await self._run(calls, read_only=False)

    @asynccontextmanager
    async def transaction(
        self, *, read_only: bool = False, limit_seconds: float | None = None
    ) -> AsyncIterator[AsyncSession]:
        """Yield a session that commits at the end of the block, or rolls back on an exception.

        The transaction starts with the first statement. Unless it is read-only, it then takes SQLite's write
        lock immediately: a transaction that reads first and writes later would fail if another wrote in
        between. Writers of this process are queued in order, because SQLite polls for its lock, which is
        slow and unfair. Do not nest transactions.

        Raises:
            TimeoutError: when the block, including the wait for a connection, exceeds the limit, which is
                TRANSACTION_TIMEOUT_S unless it is given.
        """
        sessions = self._read_only_sessions if read_only else self._sessions
        turn = nullcontext() if read_only else self._writer
        if self._guard is not None:
            await self._guard.check()
        async with _TimeLimit(limit_seconds), turn, sessions() as session, session.begin():
            yield session

    async def notifications(self, channel: str) -> AsyncGenerator[str | None, None]:
        """Yield None once the database notifies this server, and then the payload of each notification.

        Raises:
            CannotListenError: when it cannot notify this server, as SQLite cannot.
            DBAPIError: when the database is unavailable.
        """
        driver = self._driver
        if not isinstance(driver, PostgresqlDriver):
            raise CannotListenError
        try:
            async with aclosing(driver.notifications(channel)) as payloads:
                async for payload in payloads:
                    yield payload
        except driver.errors as error:
            raise _translated(error, driver) from error

    async def ping(self) -> None:
        """Make one round trip to the database.

        Raises:
            SQLAlchemyError: when the database is unavailable.
        """
        await self.fetch(_PING)

    async def revision(self) -> str | None:
        """Return the latest applied migration; None before the first.

        Raises:
            SQLAlchemyError: when the database is unavailable.
        """
        try:
            rows = await self.fetch(_REVISION)
        except DBAPIError as error:
            if is_missing_table(error):
                return None
            raise
        return rows[0]["version_num"] if rows else None

    async def close(self) -> None:
        await self._driver.close()
        await self.engine.dispose()

    async def _run(self, calls: Sequence[Call], *, read_only: bool) -> list[list[Row]]:
        driver, guard = self._driver, self._guard
        if guard is not None:
            first = calls[0]
            calls = (first.where(guard.condition, guard.parameters), *calls[1:])
        prepared = [DriverCall.of(call, driver.dialect) for call in calls]
        turn = nullcontext() if read_only else self._writer
        try:
            async with _TimeLimit(), turn:
                found = await driver.run(prepared, read_only=read_only)
        except driver.errors as error:
            raise _translated(error, driver) from error
        self._shared.answered_at = time.monotonic()
        if guard is not None and not found[0]:
            await guard.check()
        # Those that were not executed have no rows.
        found += [[]] * (len(prepared) - len(found))
        return [call.compiled.rows(rows) for call, rows in zip(prepared, found, strict=True)]


def is_missing_table(error: DBAPIError) -> bool:
    """Return whether a statement failed because its table does not exist."""
    # PostgreSQL's error code and SQLite's message.
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _translated(error: Exception, driver: Driver) -> Exception:
    """Return SQLAlchemy's exception for an exception of the driver."""
    return DBAPIError.instance(
        None, None, error, driver.errors, hide_parameters=True, dialect=driver.dialect
    )  # fmt: skip


class _TimeLimit:
    """Raise TimeoutError when the block exceeds its limit, by default TRANSACTION_TIMEOUT_S.

    The first cancellation makes the driver ask the server to cancel the statement. A frozen server ignores
    that too, so a second cancellation makes the driver close the connection.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        self._loop, self._cancellations = asyncio.get_running_loop(), 0
        # There is always one while this runs.
        self._task = cast("asyncio.Task[object]", asyncio.current_task())
        self._timer = self._loop.call_later(self._seconds or TRANSACTION_TIMEOUT_S, self._cancel)

    def _cancel(self) -> None:
        self._cancellations += 1
        self._task.cancel()
        if self._cancellations == 1:
            self._timer = self._loop.call_later(CANCEL_TIMEOUT_S, self._cancel)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._timer.cancel()
        for _number in range(self._cancellations):
            self._task.uncancel()
        if self._cancellations and kind is asyncio.CancelledError and not self._task.cancelling():
            raise TimeoutError from error


_READ_ONLY_OPTIONS: dict[str, Any] = {"postgresql_readonly": True, "sqlite_begin": "BEGIN"}
