"""The server as started in production: uvicorn, signals and logs."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from backend.tests.browsers import ORIGIN, SECRET
from backend.tests.servers import SOURCE, Server


@pytest.fixture
def server(migrated_sqlite: Path) -> Iterator[Server]:
    migrated_sqlite.with_name("todo.db").write_bytes(migrated_sqlite.read_bytes())
    server = Server(migrated_sqlite.parent, "uvicorn", "main:app", BETTER_AUTH_SECRET=SECRET)
    yield server
    server.process.kill()
    server.ended()


def test_a_request_in_flight_is_answered_before_the_server_stops(server: Server) -> None:
    body = json.dumps({"name": "Ada", "email": "ada@example.org", "password": "correct horse"}).encode()
    head = (
        f"POST /api/auth/sign-up/email?token=hidden HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with server.connect() as connection, connection.makefile("rb") as answer:
        connection.sendall(head.encode())
        # The server reads the body after it has started the request.
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        server.process.send_signal(signal.SIGTERM)
        assert answer.readline() == b"\r\n"
        connection.sendall(body)
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
    output, errors = server.ended()
    lines = [json.loads(line) for line in output.splitlines()]
    [request] = [line for line in lines if line["event"] == "request"]
    assert request.items() >= {"method": "POST", "path": "/api/auth/sign-up/email", "status": 200}.items()
    assert len(request["request_id"]) == len(request["user_id"]) == 32
    assert [line["event"] for line in lines if line["logger"] == "app.main"] == ["started", "stopped"]
    assert errors == ""
    assert "hidden" not in output
    assert "password" not in output


def reloading(folder: Path) -> tuple[Path, Server]:
    """Start the reloading server on a copy of the source; return both."""
    source = folder / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    command = ("app.reloading", "app.main:app", "--reload")
    return source, Server(folder, *command, source=source, BETTER_AUTH_SECRET=SECRET)


def test_reloading_serves_a_change_and_survives_an_error(tmp_path: Path) -> None:
    source, server = reloading(tmp_path)
    try:
        server.connect().close()
        endpoints = source / "app" / "health.py"
        endpoints.write_text(endpoints.read_text().replace("settings.version", '"changed"'))
        while (server.get("/health") or {}).get("version") != "changed":
            assert server.process.poll() is None
            time.sleep(0.1)
        working = endpoints.read_text()
        endpoints.write_text("This is not Python.")
        while server.get("/health") is not None:
            time.sleep(0.1)
        endpoints.write_text(working)
        while (server.get("/health") or {}).get("version") != "changed":
            assert server.process.poll() is None
            time.sleep(0.1)
    finally:
        server.process.terminate()
        _, errors = server.ended()
    assert errors.count("Traceback") == 1, "only the file that was not Python"


def test_reloading_exits_when_a_process_is_killed_after_a_change(tmp_path: Path) -> None:
    source, server = reloading(tmp_path)
    try:
        server.connect().close()
        first = served_by(server)
        health = source / "app" / "health.py"
        while served_by(server) == first:
            health.touch()
            time.sleep(0.5)  # the reloader says nothing when it has looked at the files
        psutil.Process(served_by(server)).kill()
        assert server.process.wait(30) == 128 + signal.SIGKILL
    finally:
        server.process.kill()
        server.ended()


def served_by(server: Server) -> int:
    """Return the id of the newest process that serves the application, once it answers."""
    while server.get("/health") is None:
        assert server.process.poll() is None
        time.sleep(0.1)
    children = psutil.Process(server.process.pid).children(recursive=True)
    return max(children, key=lambda child: child.create_time()).pid


def test_reloading_exits_when_the_first_start_fails(tmp_path: Path) -> None:
    command = ("app.reloading", "app.main:app", "--reload")
    server = Server(tmp_path, *command, BETTER_AUTH_SECRET="short")
    _, errors = server.ended(60)
    assert server.process.returncode == 2
    assert "BETTER_AUTH_SECRET: must have at least 32 characters" in errors


def test_an_invalid_environment_is_reported_in_one_message(tmp_path: Path) -> None:
    server = Server(tmp_path, "uvicorn", "app.main:app", BETTER_AUTH_SECRET="short", VERSION="1")
    output, errors = server.ended()
    assert server.process.returncode == 2
    assert output == ""
    assert errors == (
        "The environment cannot be used:\n"
        "  BETTER_AUTH_SECRET: must have at least 32 characters\n"
        "  VERSION: must be a semantic version such as v1.0.0\n"
    )
