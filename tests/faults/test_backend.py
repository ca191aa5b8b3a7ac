"""The backend keeps every acknowledged task when its database fails, or other clients misbehave."""

import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import psycopg
import pytest

from backend.tests.servers import SOURCE, Server
from tests.faults.load import load_on, suspend
from tests.provision.postgres import postgres_server

FAULT_SECONDS = 8.0
"""Longer than a transaction may take, so that requests fail."""
SLOW_CLIENTS = 300
SECRET = "a secret of the tests, which protects nothing"


@dataclass
class World:
    """A backend and the database that it uses."""

    server: Server
    database_url: str
    after: ExitStack

    def connect(self) -> socket.socket:
        """Return a connection to the backend."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=30)

    def is_ready(self) -> bool:
        """Return whether the backend says soon that it is ready."""
        address = f"http://127.0.0.1:{self.server.port}/ready"
        return httpx2.get(address, timeout=5).status_code == 200

    def postgres(self) -> psutil.Process:
        """Return the process of the PostgreSQL server."""
        port = self.database_url.rpartition(":")[2].partition("/")[0]
        [found] = [
            process
            for process in psutil.process_iter(["cmdline"])
            if "-p" in (words := process.info["cmdline"] or []) and port in words and "-D" in words
        ]
        return found


def pause(world: World) -> None:
    """Suspend all processes of PostgreSQL: connections stay open and nothing answers."""
    server = world.postgres()
    suspend([server, *server.children(recursive=True)], FAULT_SECONDS)


def restart(world: World) -> None:
    """Stop PostgreSQL, and start it again after a while."""
    server = world.postgres()
    words, folder, user, group = server.cmdline(), server.cwd(), server.uids().real, server.gids().real
    server.send_signal(signal.SIGINT)
    psutil.wait_procs([server], timeout=30)
    time.sleep(FAULT_SECONDS)
    again = subprocess.Popen(
        words, cwd=folder, user=user, group=group, extra_groups=[], stderr=subprocess.DEVNULL
    )
    world.after.callback(again.wait)
    world.after.callback(again.send_signal, signal.SIGINT)


def end_connections(world: World) -> None:
    """End every connection, as a failover does."""
    with psycopg.connect(world.database_url, autocommit=True) as connection:
        for _ in range(10):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
            time.sleep(0.3)


def use_up_connections(world: World) -> None:
    """Take every connection that PostgreSQL has, those of the backend too."""
    ends, taken = time.monotonic() + FAULT_SECONDS, 0
    with ExitStack() as held:
        url = f"{world.database_url}?application_name=holder"
        administrator = held.enter_context(psycopg.connect(url, autocommit=True))
        while time.monotonic() < ends:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND application_name <> 'holder'"
            )
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(psycopg.connect(url))
                    taken += 1
            time.sleep(0.2)
    assert taken > 50


def fill_disk(world: World) -> None:
    """Let no file of the backend grow, as on a full disk."""
    process = psutil.Process(world.server.process.pid)
    previous = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (4096, previous[1]))
    time.sleep(FAULT_SECONDS)
    process.rlimit(resource.RLIMIT_FSIZE, previous)


def be_slow(world: World) -> None:
    """Hold many connections that send a request byte by byte, half a body, or read no response."""
    head = b"POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    openings = (
        b"GET /api/tasks HTTP/1.1\r\nHost: loc",
        head + b'Content-Length: 30\r\n\r\n{"title": "',
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20,
    )
    with ExitStack() as held:
        for number in range(SLOW_CLIENTS):
            connection = held.enter_context(world.connect())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(openings[number % len(openings)])
        ends = time.monotonic() + FAULT_SECONDS
        while time.monotonic() < ends:
            assert world.is_ready(), "a health check waits for nobody"
            time.sleep(0.5)


def vanish(world: World) -> None:
    """Send requests and reset the connections before their responses, many times."""
    title = b'{"title": "vanished"}'
    head = f"POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(title)}\r\n"
    request = f"{head}Content-Type: application/json\r\n\r\n".encode() + title
    before = psutil.Process(world.server.process.pid).num_fds()
    ends = time.monotonic() + FAULT_SECONDS
    while time.monotonic() < ends:
        for cut in (10, len(request) - 5, len(request)):
            with world.connect() as connection:
                # Closing then resets the connection.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(request[:cut])
    deadline = time.monotonic() + 30
    while psutil.Process(world.server.process.pid).num_fds() > before + 10:
        assert time.monotonic() < deadline, "their connections stay open"
        time.sleep(0.1)


FAULTS: dict[str, tuple[str, Callable[[World], None]]] = {
    "PostgreSQL paused": ("postgresql", pause),
    "PostgreSQL stopped": ("postgresql", restart),
    "connections ended": ("postgresql", end_connections),
    "out of connections": ("postgresql", use_up_connections),
    "disk full": ("sqlite", fill_disk),
    "slow clients": ("sqlite", be_slow),
    "vanishing clients": ("sqlite", vanish),
}


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    kind: str = request.param
    with ExitStack() as after:
        # PostgreSQL's user must reach it, unlike pytest's folders.
        folder = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="todo-faults-")))
        url = after.enter_context(postgres_server(folder)) if kind == "postgresql" else ""
        environment = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url}
        migrated = subprocess.run(
            [sys.executable, "-m", "app.database.migrate"],
            env={"DATA_DIR": str(folder), **environment},
            cwd=SOURCE,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        assert migrated.returncode == 0
        server = Server(
            folder,
            "uvicorn",
            "app.main:app",
            BETTER_AUTH_SECRET=SECRET,
            DATABASE_URL=url,
            TRUSTED_ORIGINS="http://127.0.0.1:*",
        )
        after.callback(server.ended)
        after.callback(server.process.terminate)
        server.connect().close()
        yield World(server, url, after)


@pytest.mark.parametrize(("world", "fault"), FAULTS.values(), ids=FAULTS, indirect=["world"])
def test_no_acknowledged_task_is_lost_or_doubled(
    world: World,
    fault: Callable[[World], None],
    request: pytest.FixtureRequest,
    faults: Callable[[str, object], None],
) -> None:
    with load_on(f"http://127.0.0.1:{world.server.port}") as load:
        fault(world)
        recovery = load.wait_for_all(time.monotonic())
    count = load.count(recovery)
    faults(request.node.callspec.id, count)
    assert (count.lost, count.doubled, load.unexpected) == (0, 0, [])
    assert world.server.process.poll() is None, "the backend did not end"
