"""Writes on the disk are whole after a power loss, and closed to other users of the machine."""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import String, literal, select, text
from sqlalchemy.exc import OperationalError

from app.database import Call, Database, Statement
from backend.tests.database.power_loss import watched_disk

_INSERT = Statement(text('INSERT INTO "rateLimit" VALUES (:key, :key, 1, 1)'))
_KEYS = Statement(text('SELECT key FROM "rateLimit" ORDER BY key').columns(key=String))


async def test_a_power_loss_takes_no_acknowledged_write(migrated_sqlite: Path, tmp_path: Path) -> None:
    path, after = tmp_path / "todo.db", tmp_path / "after"
    shutil.copy(migrated_sqlite, path)
    after.mkdir()
    shutil.copy(path, after)
    with watched_disk() as disk:
        database = Database(f"sqlite:///{path}")
        await database.execute(Call(_INSERT, {"key": "a statement"}))
        await database.execute(*(Call(_INSERT, {"key": f"two {number}"}) for number in range(2)))
        async with database.transaction() as session:
            await session.execute(_INSERT.core, {"key": "a transaction"})
        disk.restore_to(after)
        await database.close()
    found = Database(f"sqlite:///{after / 'todo.db'}")
    keys = [row["key"] for row in await found.fetch(_KEYS)]
    await found.close()
    assert keys == ["a statement", "a transaction", "two 0", "two 1"]


@pytest.mark.parametrize("kind", ["statement", "transaction"])
async def test_files_are_private_from_their_creation(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    database = Database(f"sqlite:///{folder / 'todo.db'}")
    if kind == "statement":
        await database.ping()
    else:
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE one (id)"))
    assert _open_to_others(folder) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await database.close()


async def test_open_files_are_repaired_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    first = Database(f"sqlite:///{path}")
    async with first.transaction() as session:
        await session.execute(text("CREATE TABLE one (id)"))
    _open(tmp_path)
    assert len(_open_to_others(tmp_path)) == 3
    second = Database(f"sqlite:///{path}")
    await second.ping()
    assert _open_to_others(tmp_path) == []
    await first.close()
    await second.close()


@pytest.mark.parametrize("kind", ["statement", "transaction"])
async def test_data_that_cannot_be_written_is_named(
    migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "todo.db")
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    database = Database(f"sqlite:///{tmp_path}/todo.db")
    use = database.ping if kind == "statement" else partial(_in_transaction, database)
    message = rf"{tmp_path} cannot be written by user \d+\. Make it writable"
    with pytest.raises(OperationalError, match=message):
        await use()
    await database.close()


async def _in_transaction(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))


def _open(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o644)


def _open_to_others(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.stat().st_mode & 0o077]


OTHER_PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS other (number INTEGER)")
connection.commit()
connection.close()
"""


async def test_another_program_that_closes_the_database_leaves_the_log_to_the_server(tmp_path: Path) -> None:
    """A process that opens and closes the file itself loses SQLite's locks, and others delete its log."""
    path = tmp_path / "todo.db"
    database = Database(f"sqlite:///{path}")
    one = Statement(select(literal(1).label("one")))
    await asyncio.gather(*(database.fetch(one) for _ in range(20)))
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE mine (number INTEGER)"))
    command = [sys.executable, "-c", OTHER_PROGRAM, str(path)]
    await asyncio.to_thread(subprocess.run, command, check=True)
    assert path.with_name("todo.db-wal").exists()
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO mine VALUES (1)"))
    await database.close()
