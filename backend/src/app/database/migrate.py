"""Migrate the database to the latest schema: `python -m app.database.migrate [--wait SECONDS]`.

All pending migrations run in one transaction that holds a lock, so they are applied completely or not at
all. Any number of processes may start at the same time: one applies the migrations, and the others wait and
then find nothing to do.

A database that is newer than this version stays unchanged, and this is not an error: migrations only add, so
that servers of the previous version keep working during an update and after a rollback.

Exit codes: 0 success, 1 incompatible migrations, 2 invalid environment, 3 database unavailable.
"""

import argparse
import asyncio
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.connection import Database
from app.database.migrations import head
from app.settings import SettingsError, load_settings

ADVISORY_LOCK = 0x746F646F
"""An arbitrary lock id that nothing else uses in the same database ("todo" in ASCII)."""
PAUSE_S = 0.5
"""The delay between two attempts to connect."""


async def migrate(database: Database) -> list[str]:
    """Apply the pending migrations and return their names.

    Raises:
        OperationalError: when the database is unavailable.
        CommandError: when the database is at an older revision that this version does not know.
    """
    async with database.engine.connect() as connection:
        if database.kind == "sqlite":
            # A migration that rebuilds a table drops the old one, which would cascade to the rows that refer
            # to it. The setting has no effect inside a transaction, so it comes first.
            await _pragma(connection, "foreign_keys = OFF")
        try:
            async with connection.begin():
                if database.kind == "postgresql":
                    await connection.execute(text("SET LOCAL statement_timeout = 0"))
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
                return await connection.run_sync(_upgrade)
        finally:
            if database.kind == "sqlite":
                await _pragma(connection, "foreign_keys = ON")


def configuration() -> Config:
    """Return Alembic's configuration, which its other commands also use."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> list[str]:
    applied: list[str] = []

    def note(*, step: Any, **_: object) -> None:
        applied.append(step.up_revision_id)

    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current > head():
        return []
    config = configuration()
    config.attributes.update(connection=connection, on_version_apply=note)
    command.upgrade(config, "head")
    return applied


async def _pragma(connection: AsyncConnection, pragma: str) -> None:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute(f"PRAGMA {pragma}")


async def _run(wait_s: float) -> tuple[list[str], str | None]:
    database = Database(load_settings().database)
    try:
        await _reach(database, wait_s)
        return await migrate(database), await database.revision()
    finally:
        await database.close()


async def _reach(database: Database, wait_s: float) -> None:
    """Wait until the database is available; log the reason for the wait once."""
    deadline, reported = time.monotonic() + wait_s, False
    while True:
        try:
            return await database.ping()
        except (OperationalError, InterfaceError, TimeoutError) as error:
            if time.monotonic() + PAUSE_S > deadline:
                raise
            if not reported:
                sys.stderr.write(f"Waiting for the database: {_reason(error)}\n")
                reported = True
        await asyncio.sleep(PAUSE_S)


def _is_statement_error(error: Exception) -> bool:
    """Return whether SQLite refused a statement itself, which it reports like an unavailable database."""
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _reason(error: DBAPIError | TimeoutError) -> str:
    return " ".join(str(error.orig).split()) if isinstance(error, DBAPIError) else "it does not answer"


def main(arguments: Sequence[str] = ()) -> int:
    """Migrate the database of the environment and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.database.migrate", allow_abbrev=False)
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="time to wait for the database (default: 0)"
    )
    try:
        applied, revision = asyncio.run(_run(parser.parse_args(arguments).wait))
    except SettingsError as error:
        return _fail(str(error), 2)
    except (OperationalError, InterfaceError, TimeoutError) as error:
        if _is_statement_error(error):
            return _fail(f"A migration failed, and nothing was changed: {_reason(error)}", 1)
        return _fail(f"The database cannot be reached: {_reason(error)}", 3)
    except OSError as error:
        return _fail(f"The database cannot be opened: {error}", 3)
    except CommandError as error:
        return _fail(f"The migrations are incompatible with this database: {error}", 1)
    except DBAPIError as error:
        return _fail(f"A migration failed, and nothing was changed: {_reason(error)}", 1)
    for revision in applied:
        sys.stdout.write(f"applied {revision}\n")
    if revision is not None and revision > head():
        sys.stdout.write(
            f"The database is at {revision}, newer than this version ({head()}). Left as it is.\n"
        )
    elif not applied:
        sys.stdout.write("The database is up to date.\n")
    return 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
