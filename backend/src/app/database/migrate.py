"""Bring the schema up to date: `python -m app.database.migrate`.

All pending migrations run in one transaction that holds a lock, so they are applied wholly or not at all,
and any number of processes may start this at once: one works, the others wait and then find nothing to do.

Exit codes: 0 done, 1 the migrations do not fit, 2 the environment is wrong, 3 the database is unreachable.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.connection import Database
from app.settings import SettingsError, load_settings

ADVISORY_LOCK = 0x746F646F
"""Any number will do that nobody else locks in the same database ("todo" in ASCII)."""


async def migrate(database: Database) -> list[str]:
    """Apply the pending migrations and return their names.

    Raises:
        OperationalError: when the database is unreachable.
        CommandError: when the database is at a revision this version does not know.
    """
    async with database.engine.connect() as connection:
        if database.kind == "sqlite":
            # A migration that rebuilds a table drops the old one, which would cascade to the rows that refer
            # to it. The switch has no effect inside a transaction, so it comes before.
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
    """Return Alembic's configuration, for its other commands too."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> list[str]:
    applied: list[str] = []

    def note(*, step: Any, **_: object) -> None:
        applied.append(step.up_revision_id)

    config = configuration()
    config.attributes.update(connection=connection, on_version_apply=note)
    command.upgrade(config, "head")
    return applied


async def _pragma(connection: AsyncConnection, pragma: str) -> None:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute(f"PRAGMA {pragma}")


async def _run() -> list[str]:
    database = Database(load_settings().database)
    try:
        return await migrate(database)
    finally:
        await database.close()


def main() -> int:
    """Migrate the database that the environment names; return the exit code."""
    try:
        applied = asyncio.run(_run())
    except SettingsError as error:
        return _fail(str(error), 2)
    except (OperationalError, InterfaceError) as error:
        return _fail(f"The database cannot be reached: {' '.join(str(error.orig).split())}", 3)
    except OSError as error:
        return _fail(f"The database cannot be opened: {error}", 3)
    except CommandError as error:
        return _fail(f"The migrations do not fit this database: {error}", 1)
    except DBAPIError as error:
        return _fail(f"A migration failed, and nothing was changed: {' '.join(str(error.orig).split())}", 1)
    for revision in applied:
        sys.stdout.write(f"applied {revision}\n")
    if not applied:
        sys.stdout.write("The database is up to date.\n")
    return 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
