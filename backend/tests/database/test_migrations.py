"""Migrations create the models' schema once, even from concurrent processes."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, make_url, text

import app.main  # noqa: F401  (imports every model)
from app.database import Base, Database
from app.database.migrate import configuration, main, migrate
from app.database.migrations import head
from backend.tests.network import Network
from backend.tests.servers import SOURCE
from tests.ports import unused_port


async def test_the_models_equal_the_migrated_schema(database: Database) -> None:
    def is_mapped(_: object, name: str | None, *_others: object) -> bool:
        # The index of a search, which each database has in its own form: see migration 0004.
        return not str(name).startswith(("task_search", "ix_task_search"))

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "include_object": is_mapped}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_concurrent_migrations_run_once(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(3)]
    applied = await asyncio.gather(*(migrate(database) for database in databases))
    revisions = [
        revision.revision for revision in ScriptDirectory.from_config(configuration()).walk_revisions()
    ]
    assert sorted(applied) == [[], [], revisions[::-1]]
    assert await databases[0].revision() == head()
    for database in databases:
        await database.close()


async def test_a_new_file_is_opened_concurrently(tmp_path: Path) -> None:
    for number in range(100):
        databases = [Database(f"sqlite:///{tmp_path}/{number}.db") for _ in range(4)]
        await asyncio.gather(*(database.ping() for database in databases))
        for database in databases:
            await database.close()


def test_the_latest_revision_is_known_without_alembic() -> None:
    assert head() == ScriptDirectory.from_config(configuration()).get_current_head()


async def test_a_migration_that_fails_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(empty_database_url)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE jwks (id INTEGER)"))
    with pytest.raises(Exception, match="jwks"):
        await migrate(database)
    async with database.engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert tables == ["jwks"]
    await database.close()


def set_database(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", "x" * 32)
    if url.startswith("sqlite"):
        monkeypatch.setenv("DATA_DIR", str(Path(url.removeprefix("sqlite:///")).parent))
    else:
        monkeypatch.setenv("DATABASE_URL", url)


def test_the_command_reports_its_migrations(
    empty_database_url: str,
    database_kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_database(monkeypatch, empty_database_url)
    assert main() == 0
    assert capsys.readouterr().out.startswith("applied 0001_accounts\n")
    assert main() == 0
    assert capsys.readouterr().out == "The database is up to date.\n"


@pytest.mark.parametrize(
    ("revision", "code"), [("9999_future", 0), ("0002_of_another_branch", 1)], ids=["newer", "unknown"]
)
async def test_a_database_of_another_version_is_unchanged(
    database: Database,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    revision: str,
    code: int,
) -> None:
    set_database(monkeypatch, database_url)
    current = await database.revision()
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    try:
        assert await asyncio.to_thread(main) == code
        output = capsys.readouterr()
        assert revision in (output.err if code else output.out)
        assert await database.revision() == revision
    finally:
        async with database.transaction() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": current})


@pytest.mark.parametrize(
    "url",
    ["postgresql://somebody:hidden@127.0.0.1:1/todo", "postgres://somebody:hidden@nowhere.invalid/todo"],
)
def test_an_unavailable_database_is_reported_in_one_message(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_database(monkeypatch, url)
    assert main() == 3
    output = capsys.readouterr()
    assert output.err.startswith("The database cannot be reached: ")
    assert output.err.count("\n") == 1
    assert "hidden" not in output.err + output.out


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_the_command_waits_for_a_database_that_is_starting(empty_database_url: str) -> None:
    address = make_url(empty_database_url)
    port = unused_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.database.migrate", "--wait", "60"),
        cwd=SOURCE,
        env={
            "BETTER_AUTH_SECRET": "x" * 32,
            "DATABASE_URL": address.set(port=port).render_as_string(hide_password=False),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    assert (await process.stderr.readline()).startswith(b"Waiting for the database: ")
    network = Network(address.port or 0)
    async with await asyncio.start_server(network.connect, "127.0.0.1", port):
        output, errors = await process.communicate()
        await network.end()
    assert (process.returncode, errors) == (0, b"")
    assert output.startswith(b"applied 0001_accounts\n")


def test_waiting_for_a_database_times_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_database(monkeypatch, "postgresql://somebody:hidden@127.0.0.1:1/todo")
    assert main(["--wait", "1"]) == 3
    told, failed = capsys.readouterr().err.splitlines()
    assert told.startswith("Waiting for the database: ")
    assert failed.startswith("The database cannot be reached: ")
    assert "hidden" not in told + failed


ADDITION = re.compile(
    r"\s*(CREATE |ALTER TABLE \S+ ADD COLUMN |INSERT INTO (alembic_version|task_search|task_search_key) "
    # The triggers of changes are created again, and record more.
    r"|UPDATE task SET position = |DROP TRIGGER changes_(update|delete)\b"
    r"|UPDATE alembic_version |SELECT |PRAGMA |BEGIN|SAVEPOINT |RELEASE |SHOW |SET )"
)


async def test_no_migration_removes_what_the_previous_version_uses(empty_database_url: str) -> None:
    """The previous version's servers keep running during an update."""
    statements: list[str] = []
    database = Database(empty_database_url)
    event.listen(
        database.engine.sync_engine, "before_cursor_execute", lambda *call: statements.append(call[2])
    )
    await migrate(database)
    await database.close()
    assert any("task_tag" in statement for statement in statements)
    assert [statement for statement in statements if not ADDITION.match(statement)] == []


def test_an_unwritable_path_is_reported_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    set_database(monkeypatch, f"sqlite:///{tmp_path}/file/todo.db")
    assert main() == 3
    assert capsys.readouterr().err.startswith("The database cannot be opened: ")


def test_a_refused_statement_is_not_an_unavailable_database(
    migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "todo.db")
    with closing(sqlite3.connect(tmp_path / "todo.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001_accounts'")
    set_database(monkeypatch, f"sqlite:///{tmp_path}/todo.db")
    assert main() == 1
    assert "A migration failed, and nothing was changed: table" in capsys.readouterr().err


def test_an_invalid_environment_is_reported_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", "short")
    assert main() == 2
    assert "BETTER_AUTH_SECRET: must have at least 32 characters" in capsys.readouterr().err
