"""Data directories that cannot be written, and migrations that end half way or meet each other."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from backend.tests.servers import SOURCE, Server
from tests.e2e.application import own_application
from tests.faults.load import load_on
from tests.provision.postgres import postgres_server

SECRET = "a secret of the tests, which protects nothing"
HALF_WAY = "CREATE TABLE access_token"
PATIENCE_SECONDS = 60


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write in a folder while the block runs. The superuser needs a mount for that."""
    if os.geteuid():
        modes = {path: path.stat().st_mode for path in (*folder.rglob("*"), folder)}
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for path, mode in reversed(modes.items()):
                path.chmod(mode)
        return
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_read_only_data_directory_is_named_and_loses_nothing(
    tmp_path: Path, faults: Callable[[str, object], None]
) -> None:
    with own_application(tmp_path, "offline", {}, engine="native", profile="standalone") as application:
        assert application.invoke
        with load_on(application.address) as load:
            load.wait_for_all(0)
        port = application.address.rpartition(":")[2]
        start = ("up", "--engine", "native", "--prod", "--detach", "--auto-port", f"--frontend-port={port}")
        assert application.invoke("down").returncode == 0
        with read_only(tmp_path / "data"):
            refused = application.invoke(*start)
        assert refused.returncode == 1
        assert f"{tmp_path / 'data'} cannot be written" in refused.stderr
        assert "TODO_DATA_DIR" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert application.invoke(*start).returncode == 0
        count = load.count(0)
        faults("read-only data directory", count)
        assert (count.lost, count.doubled) == (0, 0)


def test_a_server_names_a_read_only_data_directory_and_serves_when_it_can_write(tmp_path: Path) -> None:
    assert ended(migration(tmp_path, ""))[0] == 0
    with read_only(tmp_path):
        code, _, message = ended(migration(tmp_path, ""))
        assert (code, message.startswith("The database cannot be reached: ")) == (3, True)
        assert str(tmp_path) in message
        assert "cannot be written" in message
        server = Server(tmp_path, "uvicorn", "app.main:app", BETTER_AUTH_SECRET=SECRET)
        try:
            server.connect().close()
            address = f"http://127.0.0.1:{server.port}"
            assert httpx2.get(f"{address}/ready").status_code == 503
            person = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
            client = httpx2.Client(base_url=address, headers={"Origin": "http://localhost:3000"})
            refused = client.post("/api/auth/sign-up/email", json=person)
            assert (refused.status_code, refused.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        except BaseException:
            server.process.terminate()
            raise
    try:
        assert httpx2.get(f"{address}/ready").status_code == 200
        assert client.post("/api/auth/sign-up/email", json=person).status_code == 200
    finally:
        client.close()
        server.process.terminate()
        output, _ = server.ended()
    assert "cannot be written" in output


PROGRAM = """
import os, signal, sys
from sqlalchemy import Engine, event
from app.database.migrate import main

@event.listens_for(Engine, "before_cursor_execute")
def pause(connection, cursor, statement, *_):
    if len(sys.argv) > 1 and statement.strip().startswith(sys.argv[1]):
        print("half way", flush=True)
        if sys.stdin.readline().strip() == "fail":
            cursor.execute("SELECT * FROM a_table_that_is_not_there")

sys.exit(main())
"""


def migration(folder: Path, url: str, *half_way: str) -> subprocess.Popen[str]:
    """Start the migrations. With `half_way`, they wait before one statement for a line of standard input."""
    environ = {"DATA_DIR": str(folder), "DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *half_way],
        cwd=SOURCE,
        env=environ,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str], last_words: str | None = None) -> tuple[int, str, str]:
    """Return how a migration ends, and what it prints."""
    output, errors = process.communicate(last_words, timeout=PATIENCE_SECONDS)
    return process.returncode, output, errors


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    with ExitStack() as stack:
        # PostgreSQL's user must reach it, unlike pytest's folders.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="todo-faults-")))
        yield folder, stack.enter_context(postgres_server(folder)) if request.param == "postgresql" else ""


def is_half_way(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], PATIENCE_SECONDS)[0], "it does not get there"
    assert process.stdout.readline() == "half way\n"


@pytest.mark.parametrize("end", ["fail", "kill"])
def test_a_migration_that_ends_half_way_applies_nothing(
    database: tuple[Path, str], end: str, faults: Callable[[str, object], None]
) -> None:
    first = migration(*database, HALF_WAY)
    is_half_way(first)
    if end == "kill":
        first.send_signal(signal.SIGKILL)
    code, _, errors = ended(first, "fail\n" if end == "fail" else None)
    assert code == (1 if end == "fail" else -signal.SIGKILL), errors
    assert end == "kill" or "A migration failed, and nothing was changed" in errors
    code, output, errors = ended(migration(*database))
    applied = output.splitlines()
    assert (code, applied[0]) == (0, "applied 0001_accounts"), errors
    faults(f"migration, {end} half way", f"0 applied, then {len(applied)}")


def test_a_second_migration_waits_for_the_first(database: tuple[Path, str]) -> None:
    first = migration(*database, HALF_WAY)
    is_half_way(first)
    second = migration(*database)
    with suppress(subprocess.TimeoutExpired):
        second.wait(3)
        pytest.fail(f"it did not wait: {ended(second)}")
    code, output, errors = ended(first, "go on\n")
    assert (code, output.count("applied") > 5) == (0, True), errors
    assert ended(second) == (0, "The database is up to date.\n", "")
