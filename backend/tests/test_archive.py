"""Backup and restore: equal data, on both databases, also while requests write."""

import asyncio
import gzip
import io
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select

from app import archive
from app.accounts.models import User
from app.archive import ArchiveError
from app.database import Base, Database
from app.tasks.models import Task
from backend.tests.browsers import SECRET, Person
from backend.tests.push.browser import Browser

WHEN = {"due_at": "2027-01-01T10:00:00Z"}
SignIn = Callable[..., Awaitable[Person]]
Content = dict[str, list[tuple[Any, ...]]]


async def content(database: Database) -> Content:
    """Return all rows of all tables."""
    async with database.transaction(read_only=True) as session:
        return {
            table.name: [
                tuple(row) for row in await session.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
            if table.name not in archive.TRANSIENT
        }


async def backup(database: Database) -> bytes:
    file = io.BytesIO()
    await archive.write(database, file)
    return file.getvalue()


def edited(backup: bytes, change: Callable[[list[Any]], object]) -> bytes:
    """Return a backup after a change of its lines."""
    lines = [json.loads(line) for line in gzip.decompress(backup).splitlines()]
    change(lines)
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


@pytest.fixture
async def filled(app: FastAPI, signed_in: SignIn) -> Database:
    """A database with something in every table."""
    ada = await signed_in("Ada")
    for number in range(3):
        task = {
            "title": f"Größe {number} 🎉",
            "tags": ["a", "b"],
            "due_at": "2027-01-01T10:00:00Z",
            "recurrence": "FREQ=DAILY",
        }
        made = await ada.post("/api/tasks", json=task, headers={"Idempotency-Key": f"key-{number}"})
        assert made.status_code == 201, made.text
    assert (await ada.post("/api/chat", json={"message": "complete Größe 1"})).status_code == 200
    assert (await ada.post("/api/access-tokens", json={"name": "Script"})).status_code == 201
    assert (await ada.post("/api/calendar")).status_code == 201
    assert (await ada.get("/api/push/key")).status_code == 200
    assert (await ada.put("/api/push/subscription", json=Browser().subscription)).status_code == 204
    assert (await ada.patch("/api/preferences", json={"time_zone": "Asia/Tokyo"})).status_code == 200
    assert (await ada.get("/api/auth/token")).status_code == 200
    assert await app.state.resets.create(ada.user.email)
    email = {"name": "Bob", "email": "bob@example.org", "password": "correct horse"}
    assert (await ada.post("/api/auth/sign-up/email", json=email)).status_code == 200
    database: Database = app.state.database
    return database


async def test_restored_data_equals_the_backup_row_by_row(filled: Database) -> None:
    before = await content(filled)
    assert all(before.values()), "every table has a row"
    saved = await backup(filled)
    async with filled.transaction() as session:
        await session.execute(delete(Task))
        await session.execute(insert(User).values(name="Eve", email="eve@example.org", email_verified=False))
    counts = await archive.restore(filled, io.BytesIO(saved))
    assert await content(filled) == before
    assert counts == {name: len(rows) for name, rows in before.items()}


async def test_a_restored_application_serves_searches_and_numbers_new_changes(
    app: FastAPI, filled: Database, signed_in: SignIn
) -> None:
    eve = await signed_in("Eve")
    await eve.post("/api/tasks", json={"title": "Find the needle"})
    await archive.restore(filled, io.BytesIO(await backup(filled)))
    found = (await eve.get("/api/tasks", params={"q": "needle"})).json()["items"]
    assert [task["title"] for task in found] == ["Find the needle"]
    made = await eve.post("/api/tasks", json={"title": "Another"})
    assert made.status_code == 201
    assert (await eve.delete(f"/api/tasks/{made.json()['id']}")).status_code == 204


async def test_a_backup_while_requests_write_is_one_moment(
    app: FastAPI, filled: Database, signed_in: SignIn
) -> None:
    eve = await signed_in("Eve")
    made = 0
    ended = asyncio.Event()

    async def write() -> None:
        nonlocal made
        while not ended.is_set():
            answer = await eve.post("/api/tasks", json={"title": f"Task {made}", "tags": ["tag"]})
            assert answer.status_code == 201
            made += 1

    writing = asyncio.create_task(write())
    acknowledged, saved = [], []
    for number in range(3):
        # A writer that failed makes no more; its error is raised below.
        while made < 5 * number and not writing.done():  # noqa: ASYNC110 - the writer only counts
            await asyncio.sleep(0.01)
        acknowledged.append(made)
        saved.append(await backup(filled))
    ended.set()
    await writing
    for least, archived in zip(acknowledged, saved, strict=True):
        await archive.restore(filled, io.BytesIO(archived))
        rows = await content(filled)
        tasks = {task[0] for task in rows["task"]}
        # Nothing acknowledged is missing, and no tag or change is without its task.
        assert sum(row[2].startswith("Task ") for row in rows["task"]) >= least
        assert {row[0] for row in rows["task_tag"]} <= tasks


async def test_a_backup_moves_to_the_other_database(
    filled: Database, database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other_url = f"sqlite:///{tmp_path / 'other.db'}"
    if database_kind == "sqlite":
        request.getfixturevalue("migrated_postgresql")
        other_url = request.getfixturevalue("postgresql_server")
    other = Database(other_url)
    await archive.restore(other, io.BytesIO(await backup(filled)))
    assert await content(other) == await content(filled)
    await other.close()


def _start(lines: list[Any], table: str) -> int:
    tables = [line.get("table") if isinstance(line, dict) else None for line in lines]
    return tables.index(table)


def _newer(lines: list[Any]) -> None:
    lines[0]["revision"] = "9999_later"


def _foreign_key(lines: list[Any]) -> None:
    start = _start(lines, "user")
    del lines[start + 1]
    lines[-1]["rows"]["user"] -= 1


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "another file": (lambda _: b"PK\x03\x04 a photo", "not a backup"),
    "an empty file": (lambda _: b"", "not a backup"),
    "other JSON": (lambda _: gzip.compress(b"{}\n"), "not a backup"),
    "the first half": (lambda saved: saved[: len(saved) // 2], "incomplete"),
    "a damaged middle": (lambda saved: saved[:200] + b"damage" + saved[206:], "not a backup"),
    "no end": (lambda saved: edited(saved, lambda lines: lines.pop()), "incomplete"),
    "a missing row": (lambda saved: edited(saved, _foreign_key), "contradict"),
    "another number of rows": (
        lambda saved: edited(saved, lambda lines: lines[-1]["rows"].update(user=99)),
        "its row counts",
    ),
    "a newer schema": (lambda saved: edited(saved, _newer), "newer than that of this version"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_what_cannot_be_restored_changes_nothing(filled: Database, kind: str) -> None:
    damage, message = BROKEN[kind]
    before = await content(filled)
    with pytest.raises(ArchiveError, match=message):
        await archive.restore(filled, io.BytesIO(damage(await backup(filled))))
    assert await content(filled) == before


async def test_an_older_backup_without_newer_columns_is_restored(filled: Database) -> None:
    def age(lines: list[Any]) -> None:
        lines[0]["revision"] = "0001_accounts"
        start = next(
            i for i, line in enumerate(lines) if isinstance(line, dict) and line.get("table") == "task"
        )
        columns = lines[start]["columns"]
        at = columns.index("position")
        columns.pop(at)
        for line in lines[start + 1 :]:
            if isinstance(line, dict):
                break
            line.pop(at)

    before = await content(filled)
    await archive.restore(filled, io.BytesIO(edited(await backup(filled), age)))
    assert len((await content(filled))["task"]) == len(before["task"])


async def test_an_empty_database_is_migrated_first(filled: Database, empty_database_url: str) -> None:
    empty = Database(empty_database_url)
    with pytest.raises(ArchiveError, match="is empty"):
        await backup(empty)
    await archive.restore(empty, io.BytesIO(await backup(filled)))
    assert await content(empty) == await content(filled)
    await empty.close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_killed_restore_leaves_the_old_content(
    filled: Database, database_url: str, database_kind: str, tmp_path: Path
) -> None:
    """The process is killed when it has deleted and inserted, before the commit."""
    before = await content(filled)
    saved = await backup(filled)
    program = (
        "import time; from app import archive\n"
        "inner = archive._batches\n"
        "def batches(lines, counts):\n"
        "    yield from inner(lines, counts)\n"
        "    print('now', flush=True)\n"
        "    time.sleep(60)  # the test kills it here\n"
        "archive._batches = batches\n"
        "archive.main(['restore'])\n"
    )
    source = tmp_path / "backup.gz"
    source.write_bytes(saved)
    environ = {"BETTER_AUTH_SECRET": SECRET, "DATA_DIR": str(tmp_path), "PYTHONPATH": "src"}
    with source.open("rb") as stdin:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [sys.executable, "-c", program], stdin=stdin, stdout=subprocess.PIPE, env=environ,
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert await content(filled) == before
    with sqlite3.connect(tmp_path / "todo.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
