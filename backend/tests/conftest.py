"""Fixtures for the backend: databases, applications and signed-in users.

A test that uses `database_url`, directly or through another fixture, runs on SQLite and on PostgreSQL.
"""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from fastapi import APIRouter, FastAPI

from app import logging
from app.accounts.models import Session, User
from app.accounts.signatures import sign
from app.database import Base, Database, new_id, utc_now
from app.database.migrate import migrate
from app.events.feed import Feed
from app.main import create_app
from app.settings import Settings
from backend.tests.browsers import SECRET, Person, browser
from tests.provision.postgres import PostgresUnavailableError, postgres_server


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """Configure logging as the server does."""
    logging.configure("info", "json")


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return a function that returns what the server and its libraries have logged since its last call."""
    return lambda: capsys.readouterr().out + caplog.text


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate the tests from the developer's own settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of an empty database on a real server that the tests share."""
    with tempfile.TemporaryDirectory(prefix="todo-backend-") as directory:
        try:
            with postgres_server(Path(directory)) as url:
                yield url
        except PostgresUnavailableError as error:
            pytest.fail(str(error))


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: str) -> Iterator[psycopg.Connection]:
    """A connection to a migrated database. Each test empties its tables before it starts."""
    _migrate(postgresql_server)
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    """The URL of a migrated and empty database."""
    if database_kind == "sqlite":
        path = tmp_path / "todo.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    # Deleting a few rows is a hundred times faster than TRUNCATE, which creates new files.
    deletions = "; ".join(str(table.delete()) for table in reversed(Base.metadata.sorted_tables))
    request.getfixturevalue("migrated_postgresql").execute(deletions.encode())
    return str(request.getfixturevalue("postgresql_server"))


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a schema."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: str = request.getfixturevalue("postgresql_server")
    name = f"empty_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield server.removesuffix("postgres") + name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_for(database_url)


@pytest.fixture(scope="session")
def routes() -> APIRouter:
    """The application's routes, created once because this takes longer than most tests."""
    return create_app(settings_for("sqlite:///unused.db")).router


@pytest.fixture
async def app(settings: Settings, routes: APIRouter) -> AsyncIterator[FastAPI]:
    """The running application, between startup and shutdown."""
    app = create_app(settings)
    app.router = routes
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[Person]:
    """A browser without a session."""
    async with browser(app) as client:
        yield client


@pytest.fixture
async def signed_in(app: FastAPI) -> AsyncIterator[Callable[..., Awaitable[Person]]]:
    """A function that returns the browser of a new user: `await signed_in("Ada")`.

    It stores the session in the database, because hashing a password takes 0.1 s.
    """
    people: list[Person] = []

    async def sign_in(name: str = "Ada", *, secret: str = SECRET) -> Person:
        token = new_id()
        user = User(id=new_id(), name=name, email=f"{name.lower()}.{secrets.token_hex(4)}@example.org")
        async with app.state.database.transaction() as session:
            session.add(user)
            await session.flush()
            session.add(Session(user_id=user.id, token=token, expires_at=utc_now() + timedelta(days=7)))
        person = browser(app)
        person.cookies.set("better-auth.session_token", sign(token, secret), domain="localhost.local")
        person.user = user
        people.append(person)
        return person

    yield sign_in
    for person in people:
        await person.aclose()


@pytest.fixture
def ending_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """End streams of events at once, which would last as long as their sessions."""

    async def stream(*_: object) -> AsyncIterator[bytes]:
        yield b": ended\n\n"

    monkeypatch.setattr(Feed, "stream", stream)


def settings_for(url: str) -> Settings:
    """Return settings with a new secret and a database URL."""
    path = Path(url.removeprefix("sqlite:///"))
    place = {"data_dir": path.parent} if url.startswith("sqlite") else {"database_url": url}
    return Settings.model_validate({"better_auth_secret": SECRET, **place})


def _migrate(url: str) -> None:
    async def run() -> None:
        database = Database(url)
        await migrate(database)
        await database.close()

    asyncio.run(run())
