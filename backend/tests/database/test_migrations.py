"""Migrations: they make what the models describe, once, however often and wherever they are started."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import app.main  # noqa: F401  (imports every model)
from app.database import Base, Database
from app.database.migrate import configuration, main, migrate
from app.database.migrations import head


async def test_the_models_are_what_the_migrations_make(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_at_once_migrates_once(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(3)]
    applied = await asyncio.gather(*(migrate(database) for database in databases))
    revisions = [
        revision.revision for revision in ScriptDirectory.from_config(configuration()).walk_revisions()
    ]
    assert sorted(applied) == [[], [], revisions[::-1]]
    assert await databases[0].revision() == head()
    for database in databases:
        await database.close()


async def test_a_new_file_is_opened_by_many_at_once(tmp_path: Path) -> None:
    for number in range(100):
        databases = [Database(f"sqlite:///{tmp_path}/{number}.db") for _ in range(4)]
        await asyncio.gather(*(database.ping() for database in databases))
        for database in databases:
            await database.close()


def test_the_newest_revision_is_known_without_alembic() -> None:
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


def test_the_command_names_what_it_did(
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


async def test_a_database_of_a_newer_version_is_left_alone(
    database: Database,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_database(monkeypatch, database_url)
    current = await database.revision()
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    try:
        assert await asyncio.to_thread(main) == 1
        assert "9999_future" in capsys.readouterr().err
    finally:
        async with database.transaction() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": current})


@pytest.mark.parametrize(
    "url",
    ["postgresql://somebody:hidden@127.0.0.1:1/todo", "postgres://somebody:hidden@nowhere.invalid/todo"],
)
def test_an_unreachable_database_is_one_message(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_database(monkeypatch, url)
    assert main() == 3
    output = capsys.readouterr()
    assert output.err.startswith("The database cannot be reached: ")
    assert output.err.count("\n") == 1
    assert "hidden" not in output.err + output.out


def test_a_place_that_cannot_be_written_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    set_database(monkeypatch, f"sqlite:///{tmp_path}/file/todo.db")
    assert main() == 3
    assert capsys.readouterr().err.startswith("The database cannot be opened: ")


def test_a_wrong_environment_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", "short")
    assert main() == 2
    assert "BETTER_AUTH_SECRET: must have at least 32 characters" in capsys.readouterr().err
