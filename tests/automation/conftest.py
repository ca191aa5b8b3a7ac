"""A miniature of the project in a folder of its own, and processes in it that never outlive a test."""

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.ports import unused_port

ROOT = Path(__file__).resolve().parents[2]
MINIATURE = Path(__file__).with_name("miniature")
PATIENCE = 60.0


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Wait until the condition holds and return its value; fail when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)
    return value


def on_terminal(
    command: list[str],
    columns: int,
    *,
    cwd: Path = ROOT,
    keys: bytes = b"",
    waiting_for: str = "",
    patience: float = PATIENCE,
    environ: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run the command on a real terminal of this width; return its exit code and everything it drew.

    The keys are typed when the words that are waited for have been drawn.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    program = [sys.executable, "-c", OWN_TERMINAL, *command]
    process = subprocess.Popen(
        program,
        cwd=cwd,
        env={**kept, "TERM": "xterm-256color", "PYTHONUTF8": "1", **(environ or {})},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    drawn = b""
    deadline = time.monotonic() + patience
    try:
        while select.select([leader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            # Linux says that the last process has closed the terminal with an error.
            block = b""
            with suppress(OSError):
                block = os.read(leader, 65536)
            if not block:
                break
            drawn += block
            if keys and waiting_for in drawn.decode("utf-8", "replace"):
                os.write(leader, keys)
                keys = b""
    finally:
        os.close(leader)
        if time.monotonic() > deadline:
            process.kill()
        code = process.wait(patience)
    return code, drawn.decode("utf-8")


OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the controlling one, so that Ctrl-C typed there is a signal."""


@dataclass
class Running:
    """A command that has been started, its output going to files."""

    process: subprocess.Popen[bytes]
    output: Path

    def text(self) -> str:
        """Return everything it has written."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def until(self, words: str) -> str:
        """Wait until it has written the words; fail when it ends first."""

        def written() -> bool:
            ended = self.process.poll() is not None
            found = words in self.text()
            assert found or not ended, f"ended without {words!r}:\n{self.text()}"
            return found

        eventually(written, f"{words!r} is written")
        return self.text()

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(PATIENCE)


@dataclass
class Project:
    """A project in a folder, driven by its tasks as a person does it."""

    root: Path
    backend_port: int
    frontend_port: int
    environ: dict[str, str]
    started: list[Running] = field(default_factory=list)

    @property
    def ports(self) -> list[str]:
        """The flags that keep two projects apart."""
        return ["--backend-port", str(self.backend_port), "--frontend-port", str(self.frontend_port)]

    @property
    def record(self) -> Path:
        """The file that says what runs."""
        return self.root / ".run" / "instance.json"

    def invoke(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a task to its end."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=self.root,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE * 2,
            check=False,
        )

    def start(self, *arguments: str, **environ: str) -> Running:
        """Start a task and go on."""
        output = self.root / f"output-{len(self.started)}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "invoke", *arguments],
                cwd=self.root,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(Running(process, output))
        return self.started[-1]

    def up(self, *arguments: str, **environ: str) -> Running:
        """Start the application and wait until it is healthy."""
        running = self.start("up", *self.ports, *arguments, **environ)
        running.until("The to-do chatbot is at")
        return running

    def status(self) -> dict[str, Any]:
        """Return what `status --json` says."""
        result: dict[str, Any] = json.loads(self.invoke("status", "--json").stdout)
        return result

    def ask(self, service: str, path: str) -> Any:
        """Return the JSON that a service answers with."""
        port = self.backend_port if service == "backend" else self.frontend_port
        return httpx2.get(f"http://127.0.0.1:{port}{path}", trust_env=False).json()

    def processes(self) -> list[psutil.Process]:
        """Return every process that was started for this project, guards and tasks included."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("MINIATURE") == str(self.root):
                    found.append(process)
        return [each for each in found if _lives(each)]

    def guards(self) -> list[psutil.Process]:
        """Return the guards of the services."""
        return [each for each in self.processes() if any("guard.py" in part for part in _command(each))]


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Give a miniature project in a folder whose name has blanks and letters outside ASCII."""
    root = tmp_path / "Ünï côdé 项目"
    shutil.copytree(MINIATURE, root)
    shutil.copytree(ROOT / "automation", root / "automation", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "deploy" / "profiles", root / "deploy" / "profiles")
    shutil.copy(ROOT / "backend/src/app/reloading.py", root / "backend/src/app")
    (root / "requirements").mkdir()
    for name in ("tasks.py", ".env.example", "pyproject.toml", "requirements/dev.txt"):
        shutil.copy(ROOT / name, root / name)
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    environ = {
        **kept,
        "MINIATURE": str(root),
        "PYTHONUTF8": "1",
        "TODO_ENGINE": "native",
        "npm_config_cache": str(tmp_path / "npm"),
    }
    made = Project(root, unused_port(), unused_port(), environ)
    yield made
    for running in made.started:
        if running.process.poll() is None:
            running.send(signal.SIGTERM)
            running.end()
    for process in made.processes():
        with suppress(psutil.Error):
            process.kill()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Give a port that another process listens on."""
    program = (
        "import socket, sys\n"
        "s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "print('listens', flush=True); sys.stdin.read()\n"
    )
    port = unused_port()
    command = [sys.executable, "-c", program, str(port)]
    # It ends with its input, so that a failed test leaves nothing behind.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listens\n"
        yield port
