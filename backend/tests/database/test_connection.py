"""Transactions behave the same on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, make_url, select, text
from sqlalchemy.exc import StatementError

from app.accounts.models import Session, User
from app.database import Database, database_url, utc_now


async def test_a_transaction_commits_at_the_end_of_its_block(database: Database) -> None:
    async with database.transaction() as session:
        session.add(User(name="Ada", email="ada@example.org"))
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(select(User.name)) == "Ada"


async def test_an_exception_rolls_the_transaction_back(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            session.add(User(name="Ada", email="ada@example.org"))
            await session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(select(func.count(User.id))) == 0


async def test_concurrent_writers_that_read_first_all_succeed(database: Database) -> None:
    async with database.transaction() as session:
        session.add(User(id="one", name="0", email="ada@example.org"))

    async def increment() -> None:
        async with database.transaction() as session:
            user = await session.get_one(User, "one", with_for_update=True)
            await asyncio.sleep(0)
            user.name = str(int(user.name) + 1)

    await asyncio.gather(*(increment() for _ in range(20)))
    async with database.transaction(read_only=True) as session:
        assert (await session.get_one(User, "one")).name == "20"


async def test_an_instant_is_read_in_utc(database: Database) -> None:
    berlin = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=ZoneInfo("Europe/Berlin"))
    async with database.transaction() as session:
        session.add(User(id="one", name="Ada", email="ada@example.org", created_at=berlin))
    async with database.transaction(read_only=True) as session:
        user = await session.get_one(User, "one")
        assert user.created_at == datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
        assert user.created_at.utcoffset() == timedelta(0)
        later = select(User.id).where(User.created_at > datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
        assert await session.scalar(later) == "one"


async def test_an_instant_without_a_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        async with database.transaction() as session:
            await session.execute(select(User).where(User.created_at > datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_deleting_a_user_deletes_all_their_data(database: Database) -> None:
    async with database.transaction() as session:
        session.add(User(id="one", name="Ada", email="ada@example.org"))
        await session.flush()
        session.add(Session(user_id="one", token="token", expires_at=utc_now()))
    async with database.transaction() as session:
        await session.execute(delete(User))
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(select(func.count(Session.id))) == 0


async def test_a_connection_closed_by_the_server_is_replaced(database: Database, database_kind: str) -> None:
    await database.ping()
    if database_kind == "postgresql":
        other = Database(database.engine.url.render_as_string(hide_password=False))
        async with other.transaction() as session:
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND application_name = 'todo-backend'"
                )
            )
        await other.close()
    await database.ping()


async def test_statements_and_locks_have_timeouts(database: Database, database_kind: str) -> None:
    async with database.transaction(read_only=True) as session:
        if database_kind == "postgresql":
            assert await session.scalar(text("SHOW statement_timeout")) == "5s"
        else:
            assert await session.scalar(text("PRAGMA busy_timeout")) == 10_000
            assert await session.scalar(text("PRAGMA journal_mode")) == "wal"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_only_the_scheme_of_a_postgresql_url_changes(scheme: str) -> None:
    rest = "user:p%40ss@host.neon.tech/name?channel_binding=require&sslmode=require"
    url = database_url(f"{scheme}://{rest}")
    assert url.render_as_string(hide_password=False) == f"postgresql+psycopg://{rest}"


def test_ssl_parameters_of_other_drivers_are_converted() -> None:
    assert database_url("postgresql://u@h/name?ssl=true").query == {"sslmode": "require"}


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_the_responding_host_of_several_is_used(database_url: str) -> None:
    given = make_url(database_url)
    socket = dict(given.query).get("host")
    host = quote(str(socket), safe="") if socket else f"{given.host}:{given.port}"
    password = f":{quote(given.password)}" if given.password else ""
    several = Database(f"postgresql://{given.username}{password}@127.0.0.1:1,{host}/{given.database}")
    try:
        await several.ping()
    finally:
        await several.close()


def test_a_database_hides_its_password() -> None:
    database = Database("postgresql://user:hidden@host/name")
    assert repr(database) == "Database('postgresql+psycopg://user:***@host/name')"
