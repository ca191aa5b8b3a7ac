"""Connections to SQLite: an engine for transactions, and a driver for single statements."""

import asyncio
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from app.database.statements import DriverCall

LOCK_TIMEOUT_S = 10
"""The time that one writer waits for another."""
THREADS = 4
PRIVATE = 0o600
_CREATION = threading.Lock()
"""No connection of this process opens the database before the creation of its file has ended."""
_PAUSE_S = 0.005


def sqlite_engine(url: URL) -> AsyncEngine:
    """Return an engine whose transactions take the write lock at their start, unless they only read."""
    engine = create_async_engine(
        url,
        connect_args={"timeout": LOCK_TIMEOUT_S},
        pool_timeout=LOCK_TIMEOUT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def close_to_others(*_: object) -> None:
        _prepare(Path(url.database or ""))

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _: object) -> None:
        # Prevent the driver from starting transactions by itself: see `begin`.
        connection.isolation_level = None
        cursor = connection.cursor()
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not _configured(cursor, deadline):
            await_only(asyncio.sleep(_PAUSE_S))
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))

    return engine


class SqliteDriver:
    """Executes statements in a few threads, each with a connection of its own."""

    errors = sqlite3.Error

    def __init__(self, engine: AsyncEngine) -> None:
        self.dialect = SQLiteDialect_aiosqlite(paramstyle="named")
        self._path = engine.url.database or ""
        self._idle: list[sqlite3.Connection] = []
        self._threads: ThreadPoolExecutor | None = None

    async def run(self, calls: Sequence[DriverCall], *, read_only: bool) -> list[list[Any]]:
        """Execute calls in one transaction and return the rows of each; see `Database.execute`."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sqlite")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, calls, read_only)

    async def close(self) -> None:
        """Close all connections. The next call opens new ones."""
        if self._threads is not None:
            await asyncio.to_thread(self._threads.shutdown)
            self._threads = None
        while self._idle:
            self._idle.pop().close()

    def _run(self, calls: Sequence[DriverCall], read_only: bool) -> list[list[Any]]:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            if len(calls) == 1 and not isinstance(calls[0].arguments, list):
                # SQLite makes one statement a transaction, and takes the lock that it needs at its start.
                return [_execute(connection, calls[0])]
            connection.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
            try:
                rows = [_execute(connection, calls[0])]
                # Without rows, the first one found nothing to change, and the others do not follow.
                if rows[0] or not calls[0].compiled.columns:
                    rows += [_execute(connection, call) for call in calls[1:]]
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return rows
        finally:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        _prepare(Path(self._path))
        connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        try:
            while not _configured(connection, deadline):
                # In a thread of this driver. SQLite reports no event to wait for.
                time.sleep(_PAUSE_S)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _prepare(path: Path) -> None:
    """Create a database's file if it is missing. Raises OperationalError where the data cannot be written.

    SQLite itself names neither the folder nor the cause, and cannot even read when it cannot add its log.
    """
    try:
        keep_private(path)
    except OSError as error:
        refused: Path | None = path.parent
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
    else:
        own = (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))
        needed = dict.fromkeys(file if file.exists() else path.parent for file in own)
        refused = next((place for place in needed if not os.access(place, os.W_OK)), None)
    if refused is not None:
        user = f" by user {os.geteuid()}" if hasattr(os, "geteuid") else ""
        raise sqlite3.OperationalError(
            f"{refused} cannot be written{user}. Make it writable, or use another folder"
        )


def keep_private(path: Path) -> None:
    """Create a database's file, and close it, its log and its index to other users of the machine.

    SQLite gives the files that it adds the mode of the first one. A file of another user keeps its mode: this
    server may use it, but not change it.
    """
    # Closing an existing file would end all locks that SQLite has on it in this process.
    with _CREATION, suppress(FileExistsError, FileNotFoundError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = path.with_name(path.name + suffix)
        with suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & 0o077:
                file.chmod(PRIVATE)


def _execute(connection: sqlite3.Connection, call: DriverCall) -> list[Any]:
    if isinstance(call.arguments, list):
        connection.executemany(call.compiled.sql, call.arguments)
        return []
    return connection.execute(call.compiled.sql, call.arguments).fetchall()


def _configured(connection: Any, deadline: float) -> bool:
    """Configure a connection; return False when that has to be repeated, which ends at a deadline.

    Only the first connections to a new file change its journal. SQLite lets none of them wait for another
    and fails all but one.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    # FULL: with NORMAL, a power loss takes writes that were acknowledged.
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return True
