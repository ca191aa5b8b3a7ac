"""The container health check, and the server's address from its environment."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app import healthcheck
from backend.tests.browsers import SECRET
from tests.ports import unused_port

SOURCE = Path(__file__).parents[1] / "src"


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on a port, respond to one connection, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the health check as a container does."""
    return subprocess.run(
        [sys.executable, "-m", "app.healthcheck"],
        cwd=SOURCE,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 0, "ok"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1, "answered HTTP/1.1 503 Service Unavailable"),
        (b"HTTP/1.1 404 Not 200\r\n\r\n", 1, "answered HTTP/1.1 404 Not 200"),
        (b"", 1, "answered nothing"),
        (b"x" * 5000, 1, "answered x"),
    ],
)
def test_only_200_is_healthy(answer: bytes, code: int, says: str) -> None:
    def respond(connection: socket.socket) -> None:
        asked = connection.recv(1000)
        assert asked.startswith(b"GET /api/health HTTP/1.1\r\nHost: ")
        connection.sendall(answer)

    with listening(respond) as port:
        checked = check(PORT=str(port), HEALTH_PATH="/api/health")
    assert (checked.returncode, checked.stderr) == (code, "")
    assert checked.stdout.startswith(f"/api/health on port {port}: {says}")


def test_a_missing_server_is_unhealthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    checked = check(PORT=str(port), HOST="0.0.0.0")
    assert checked.returncode == 1
    assert "refused" in checked.stdout


def test_a_slow_server_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "TIMEOUT_S", 0.2)
    asked_enough = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not asked_enough.wait(0.05):
            connection.sendall(b"H")

    def stay_silent(connection: socket.socket) -> None:
        asked_enough.wait(10)

    for slow in (drip, stay_silent):
        asked_enough.clear()
        with listening(slow) as port:
            try:
                assert healthcheck.problem("127.0.0.1", port, "/health") == "no answer within 0.2 s"
            finally:
                asked_enough.set()


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1", "²"])
def test_an_invalid_port_is_reported(port: str) -> None:
    checked = check(PORT=port)
    assert (checked.returncode, checked.stderr) == (1, "")
    assert "PORT is not a port number" in checked.stdout


def test_the_check_imports_neither_the_application_nor_an_http_client() -> None:
    program = "import sys, app.healthcheck; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=SOURCE, check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("app")} == {"app", "app.healthcheck"}
    assert not loaded & {"fastapi", "sqlalchemy", "asyncio", "http.client", "urllib.request", "ssl"}


def test_the_server_listens_on_the_address_in_its_environment(migrated_sqlite: Path) -> None:
    port = str(unused_port())
    environment = {"HOST": "127.0.0.1", "PORT": port, "HEALTH_PATH": "/ready"}
    server = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=SOURCE,
        env={
            "PATH": os.environ["PATH"],
            "BETTER_AUTH_SECRET": SECRET,
            "DATA_DIR": str(migrated_sqlite.parent),
            "DATABASE_URL": "",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 30
        while check(**environment).stdout.count("refused"):
            assert server.poll() is None, server.communicate()
            assert time.monotonic() < deadline
        assert httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200
        server.terminate()
        output, _ = server.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
    assert b"Application shutdown complete" in output


def test_an_invalid_port_is_reported_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=SOURCE,
        env={"PATH": os.environ["PATH"], "BETTER_AUTH_SECRET": SECRET, "PORT": "eighty"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "'eighty' is not a valid integer" in done.stderr
    assert "Traceback" not in done.stderr
