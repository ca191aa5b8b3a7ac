"""Back up and restore the database: `python -m app.archive backup > FILE` and `restore < FILE`.

An archive is gzip-compressed JSON lines: a header with the schema's revision, the rows of each table, and
the number of rows at the end, without which it is incomplete. Its values do not depend on the database, so
that it also moves data from SQLite to PostgreSQL or back. A backup is one snapshot. A restore is one
transaction that keeps all others out: the database has the old or the new content, even if the process is
killed. Both work while servers run.

Exit codes: 0 success, 1 not an archive or a newer one, 2 invalid environment, 3 database unavailable,
4 nothing to back up.
"""

import argparse
import asyncio
import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

import app.main  # noqa: F401 - the metadata has only the tables of imported features
from app.database import Base, Database, UtcDateTime, utc_now
from app.database.migrate import migrate
from app.database.migrations import head
from app.settings import SettingsError, load_settings

FORMAT = "todo-chatbot archive 1"
TRANSIENT = {"event", "push_delivery", "rateLimit"}
"""Tables whose rows are of no use after minutes."""
LIMIT_SECONDS = 3600.0
ROWS_AT_ONCE = 500
LAST = "changes"
"""The table that triggers write to while rows of others are restored."""
_TABLES: dict[str, Table] = {
    table.name: table
    for table in sorted(Base.metadata.sorted_tables, key=lambda table: table.name == LAST)
    if table.name not in TRANSIENT
}


class ArchiveError(Exception):
    """The archive cannot be restored. Nothing was changed."""


class EmptyDatabaseError(ArchiveError):
    """The database has no schema yet, so there is nothing to back up."""


async def write(database: Database, target: IO[bytes]) -> Counter[str]:
    """Write an archive of the database, and return the number of rows by table.

    Raises:
        ArchiveError: when the schema is not that of this version.
        SQLAlchemyError, TimeoutError: when the database is unavailable.
    """
    revision = await database.revision()
    if revision is None:
        raise EmptyDatabaseError("the database is empty")
    if revision != head():
        raise ArchiveError(f"the database is at {revision}, and this version at {head()}")
    header = {"format": FORMAT, "revision": revision, "created": utc_now().isoformat()}
    with gzip.open(target, "wb", compresslevel=6) as archive:
        archive.write(_line(header))
        async with database.transaction(read_only=True, limit_seconds=LIMIT_SECONDS) as session:
            if database.kind == "postgresql":
                # Otherwise each statement would have a snapshot of its own.
                await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                await session.execute(text("SET LOCAL statement_timeout = 0"))
            counts = Counter[str]()
            for name, table in _TABLES.items():
                archive.write(_line({"table": name, "columns": [column.key for column in table.columns]}))
                async for row in _rows(session, table):
                    archive.write(_line(row))
                    counts[name] += 1
        archive.write(_line({"rows": counts}))
    return counts


async def restore(database: Database, source: IO[bytes]) -> Counter[str]:
    """Replace the content of the database with that of an archive, and return the number of rows by table.

    Raises:
        ArchiveError: for something else, an incomplete archive or one of a newer schema.
        SQLAlchemyError, TimeoutError: when the database is unavailable.
    """
    lines = _lines(source)
    header = next(lines, None)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ArchiveError("it is not a backup of this application")
    if str(header.get("revision")) > head():
        raise ArchiveError(
            f"its schema {header.get('revision')} is newer than that of this version, {head()}: update first"
        )
    await migrate(database)
    counts = Counter[str]()
    async with database.transaction(limit_seconds=LIMIT_SECONDS) as session:
        names = ", ".join(f'"{name}"' for name in _TABLES)
        if database.kind == "postgresql":
            await session.execute(text("SET LOCAL statement_timeout = 0"))
            await session.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
        for table in reversed(_TABLES.values()):
            await session.execute(table.delete())
        try:
            for table, rows in _batches(lines, counts):
                # Triggers may have written to a table since it was emptied.
                await (session.execute(insert(table), rows) if rows else session.execute(table.delete()))
        except (IntegrityError, KeyError, TypeError) as error:
            raise ArchiveError("its rows contradict each other") from error
        if database.kind == "postgresql":
            await _continue_numbers(session)
    return counts


async def _rows(session: AsyncSession, table: Table) -> AsyncIterator[list[Any]]:
    # A row that refers to another one of its table, as a reply to its message, comes after it.
    own = [key.parent.is_not(None) for key in table.foreign_keys if key.column.table is table]
    found = await session.stream(select(table).order_by(*own), execution_options={"yield_per": ROWS_AT_ONCE})
    async for row in found:
        yield list(row)


def _batches(lines: Iterator[Any], counts: Counter[str]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Yield each table without rows, then its rows, and count them. Raises ArchiveError."""
    table, columns, rows = None, [], list[dict[str, Any]]()
    for line in lines:
        if isinstance(line, list) and table is not None:
            rows.append(_values(table, columns, line))
            counts[table.name] += 1
        if table is not None and rows and (len(rows) >= ROWS_AT_ONCE or isinstance(line, dict)):
            yield table, rows
            rows = []
        if isinstance(line, dict) and "rows" in line:
            if line["rows"] != counts:
                raise ArchiveError("its row counts do not match its rows")
            return
        if isinstance(line, dict):
            table, columns = _TABLES.get(line["table"]), line["columns"]
            if table is None:
                raise ArchiveError(f"it has an unknown table, {line['table']}")
            yield table, []
    raise ArchiveError("it is incomplete")


def _values(table: Table, columns: Sequence[str], row: Iterable[Any]) -> dict[str, Any]:
    values = dict(zip(columns, row, strict=True))
    for name, value in values.items():
        kind = table.columns[name].type
        if value is not None and isinstance(kind, UtcDateTime):
            values[name] = datetime.fromisoformat(value)
    return values


async def _continue_numbers(session: AsyncSession) -> None:
    """Let PostgreSQL number new rows after the restored ones, and never as rows before."""
    for table in _TABLES.values():
        column = table.autoincrement_column
        if column is not None:
            sequence = select(func.pg_get_serial_sequence(f'"{table.name}"', column.name)).scalar_subquery()
            highest = select(func.coalesce(func.max(column), 0) + func.nextval(sequence)).scalar_subquery()
            await session.execute(select(func.setval(sequence, highest)))


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_encoded, separators=(",", ":")).encode() + b"\n"


def _encoded(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be archived")


def _lines(source: IO[bytes]) -> Iterator[Any]:
    """Yield the lines of an archive. Raises ArchiveError for anything else."""
    try:
        with gzip.open(source, "rb") as archive:
            for line in archive:
                yield json.loads(line)
    except EOFError:
        raise ArchiveError("it is incomplete") from None
    except (OSError, ValueError, zlib.error) as error:
        raise ArchiveError(f"it is not a backup of this application ({type(error).__name__})") from None


async def _run(action: str) -> Counter[str]:
    database = Database(load_settings().database)
    try:
        if action == "backup":
            return await write(database, sys.stdout.buffer)
        return await restore(database, sys.stdin.buffer)
    finally:
        await database.close()


def main(arguments: Sequence[str]) -> int:
    """Back up or restore, write the number of rows to standard error, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.archive", allow_abbrev=False)
    parser.add_argument("action", choices=["backup", "restore"])
    action = parser.parse_args(arguments).action
    try:
        counts = asyncio.run(_run(action))
    except SettingsError as error:
        return _fail(str(error), 2)
    except EmptyDatabaseError as error:
        return _fail(f"No backup was made: {error}.", 4)
    except ArchiveError as error:
        what = (
            "No backup was made" if action == "backup" else "The file cannot be restored, nothing was changed"
        )
        return _fail(f"{what}: {error}.", 1)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return _fail(f"The database cannot be used: {getattr(error, 'orig', None) or error}", 3)
    sys.stderr.write(json.dumps(counts) + "\n")
    return 0


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
