"""Containers for tests: hardened as in production, reachable over HTTP, and removed afterwards."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
ORIGIN = "http://localhost:3000"
SECRET = "only-for-tests-" + uuid.uuid4().hex
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
PATIENCE_S = 60.0
SHELLS_AND_INSTALLERS = {
    "apk", "apt", "apt-get", "ash", "bash", "busybox", "cc", "curl", "dash", "dpkg", "gcc", "ld", "npm",
    "perl", "pip", "pip3", "sh", "strip", "uv", "wget",
}  # fmt: skip


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail after a timeout."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def docker(*arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a Docker command; fail with its output unless failures are allowed."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=600, check=False, **options
    )
    if check:
        assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


def build(*arguments: str) -> dict[str, Any]:
    """Build images with `invoke build` and return its output about the last one."""
    command = [sys.executable, "-m", "invoke", "build", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    image: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["images"][-1]
    return image


@dataclass(frozen=True)
class Container:
    """A running container."""

    id: str
    port: int
    """The port inside the container."""

    @property
    def address(self) -> str:
        """The container's address on this machine."""
        published = docker("port", self.id, f"{self.port}/tcp").stdout.split()[0]
        return f"http://{published}"

    def wait(self, path: str = "/health") -> httpx2.Response:
        """Wait for the first response to a path and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.get(path)
            except httpx2.TransportError:
                assert self.state["Running"], self.logs()
                assert time.monotonic() < deadline, self.logs()
                time.sleep(0.02)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """Return the response to a path."""
        return httpx2.get(f"{self.address}{path}", timeout=30, **options)

    def python(self, program: str) -> str:
        """Run a Python program in the container as its user and return its output."""
        return docker("exec", "--interactive", self.id, "python", "-", input=program).stdout.strip()

    @contextmanager
    def person(self) -> Iterator[httpx2.Client]:
        """Yield the browser of a new, signed-in user."""
        with httpx2.Client(base_url=self.address, headers={"Origin": ORIGIN}, timeout=30) as browser:
            account = {"name": "Ada", "email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse"}
            answer = browser.post("/api/auth/sign-up/email", json=account)
            assert answer.status_code == 200, answer.text
            yield browser

    @property
    def state(self) -> dict[str, Any]:
        """Docker's state of the container."""
        state: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", self.id).stdout)
        return state

    def logs(self) -> str:
        done = docker("logs", self.id)
        return done.stdout + done.stderr


@contextmanager
def volume() -> Iterator[str]:
    """Yield the name of a volume that only this test uses."""
    name = docker("volume", "create").stdout.strip()
    try:
        yield name
    finally:
        docker("volume", "rm", "--force", name)


@contextmanager
def running(
    image: str,
    *options: str,
    port: int = 8000,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
) -> Iterator[Container]:
    """Run a container in the background, with its port published on this machine, until the block ends."""
    published = ("--publish", f"127.0.0.1::{port}")
    settings = (*HARDENED, *published, *options, *_variables(environment))
    started = docker("run", "--detach", *settings, image, *command)
    container = Container(started.stdout.strip(), port)
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container.id)


def migrate(image: str, *options: str, environment: Mapping[str, str] | None = None) -> str:
    """Migrate a database in a separate container, as a deployment does; return its output."""
    command = ("python", "-m", "app.database.migrate")
    return docker("run", "--rm", *HARDENED, *options, *_variables(environment), image, *command).stdout


def _variables(environment: Mapping[str, str] | None) -> list[str]:
    values = {"BETTER_AUTH_SECRET": SECRET, **(environment or {})}
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
