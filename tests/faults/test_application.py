"""The application keeps every acknowledged task when its processes are killed, and serves again."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.application import Application, own_application
from tests.faults.load import load_on, suspend

FAULT_SECONDS = 8.0


class World:
    """A native run of the application, in production mode."""

    def __init__(self, application: Application, folder: Path) -> None:
        assert application.invoke is not None
        self.address, self._invoke, self.folder = application.address, application.invoke, folder
        self._ports: dict[str, int] = self.status()["ports"]

    def status(self) -> dict[str, Any]:
        """Return what `status` reports."""
        status: dict[str, Any] = json.loads(self._invoke("status", "--json").stdout.splitlines()[-1])
        return status

    def kill(self, service: str) -> None:
        """Kill all processes of a service, but not its guard."""
        guard = psutil.Process(self.status()["pids"][service])
        for process in guard.children(recursive=True):
            process.kill()

    def up(self) -> subprocess.CompletedProcess[str]:
        """Start the application again at the same address."""
        ports = [f"--{name}-port={port}" for name, port in self._ports.items()]
        return self._invoke("up", "--engine", "native", "--prod", "--detach", *ports)


def kill_backend(world: World) -> None:
    world.kill("backend")


def kill_frontend(world: World) -> None:
    world.kill("frontend")


def kill_supervisor(world: World) -> None:
    """Kill the supervisor, which ends its services, and start again."""
    psutil.Process(world.status()["supervisor"]).kill()
    started = world.up()
    assert started.returncode == 0, started.stdout + started.stderr


def suspend_backend(world: World) -> None:
    """Suspend the backend, as a machine does that is out of memory."""
    guard = psutil.Process(world.status()["pids"]["backend"])
    suspend(guard.children(recursive=True), FAULT_SECONDS)


def remove_settings(world: World) -> None:
    """Remove the settings file; it is needed again only at the next start."""
    file = world.folder / ".env"
    shutil.move(file, file.with_suffix(".away"))
    time.sleep(FAULT_SECONDS)
    shutil.move(file.with_suffix(".away"), file)


def start_twice(world: World) -> None:
    """Start what runs already, twice at the same time."""
    with ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(world.up) for _ in range(2)]
    assert [start.result().returncode for start in starts] == [0, 0]


FAULTS: tuple[Callable[[World], None], ...] = (
    kill_backend,
    kill_frontend,
    suspend_backend,
    remove_settings,
    start_twice,
    kill_supervisor,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("application")
    with own_application(folder, "offline", {}, engine="native", profile="standalone") as application:
        yield World(application, folder)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.replace("_", " "))
def test_no_acknowledged_task_is_lost_or_doubled(
    world: World, fault: Callable[[World], None], faults: Callable[[str, object], None]
) -> None:
    with load_on(world.address) as load:
        fault(world)
        recovery = load.wait_for_all(time.monotonic())
    count = load.count(recovery)
    faults(fault.__name__.replace("_", " "), count)
    assert (count.lost, count.doubled, load.unexpected) == (0, 0, [])
    assert world.status()["state"] == "running"
