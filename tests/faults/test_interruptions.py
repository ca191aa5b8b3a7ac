"""Ctrl-C at every moment of `up` and `build`: nothing of it is left, and the next run succeeds."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.automation.conftest import Project, Running, eventually
from tests.automation.conftest import project as project
from tests.bench.clone import Clone
from tests.e2e.application import ROOT

MOMENTS = {"step-started", "step-progress", "step-finished"}
FROM_NOTHING = (".run", ".data", "frontend/node_modules", "frontend/.next")
INTERRUPTED = 130


def moments(output: str) -> list[str]:
    """Return the moments of a run, in their order: where each step begins, goes on and ends."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    found = [
        f"{event['event']} {event['step']} {event.get('detail', '')[:12]}"
        for event in events
        if event["event"] in MOMENTS
    ]
    # How far a download is, and for how long a step has waited, are no moments of their own.
    return list(dict.fromkeys(moment for moment in found if not any(map(str.isdigit, moment))))


def is_past(running: Running, number: int) -> bool:
    """Return whether a run has passed this many moments, or has ended."""
    return len(moments(running.text())) > number or running.process.poll() is not None


def test_up_is_interrupted_at_every_moment(project: Project, faults: Callable[[str, object], None]) -> None:
    command = ("up", "--prod", "--detach", "--json", *project.ports)
    whole = project.invoke(*command)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert project.invoke("down").returncode == 0
    found = moments(whole.stdout)
    assert len(found) > 8
    codes = []
    for number in range(len(found)):
        for name in FROM_NOTHING:
            shutil.rmtree(project.root / name, ignore_errors=True)
        running = project.start(*command)
        eventually(partial(is_past, running, number), f"it is at {found[number]}")
        running.send(signal.SIGINT)
        codes.append(running.end())
        if codes[-1] == 0:  # It was healthy before the signal arrived.
            assert project.invoke("down").returncode == 0
        else:
            assert codes[-1] == INTERRUPTED, (found[number], running.text())
        assert not project.processes(), found[number]
        again = project.invoke("up", "--prod", "--detach", *project.ports)
        assert again.returncode == 0, (found[number], again.stdout, again.stderr)
        assert project.status()["state"] == "running"
        assert project.invoke("down").returncode == 0
    faults("Ctrl-C in up", f"at {codes.count(INTERRUPTED)} moments, each next run succeeded")


def test_two_starts_at_once_share_one_application(project: Project) -> None:
    command = ("up", "--prod", "--detach", *project.ports)
    starts = [project.start(*command) for _ in range(2)]
    assert [start.end() for start in starts] == [0, 0], [start.text() for start in starts]
    status = project.status()
    assert status["state"] == "running"
    assert len([guard for guard in project.guards() if guard.ppid() == status["supervisor"]]) == 2


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone(ROOT, tmp_path / "clone", f"faults{uuid.uuid4().hex[:6]}", 1)
    try:
        yield clone
    finally:
        clone.close()


def test_a_build_is_interrupted_at_every_quarter(clone: Clone, faults: Callable[[str, object], None]) -> None:
    command = [sys.executable, "-m", "invoke", "build", "--service", "backend", "--json"]
    environ = {**os.environ, "TODO_STATE_DIR": ".run", "TODO_ENV_FILE": ".env"}

    def change() -> None:
        with (clone.path / "backend/src/app/health.py").open("a", encoding="utf-8") as file:
            file.write(f"# {uuid.uuid4().hex}\n")

    def build(until_line: int | None) -> tuple[int, int]:
        """Build; interrupt it after a number of lines. Return its exit code and the number of lines."""
        with subprocess.Popen(
            command, cwd=clone.path, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            assert process.stdout is not None
            count = 0
            for _ in process.stdout:
                count += 1
                if count == until_line:
                    process.send_signal(signal.SIGINT)
        return process.returncode, count

    assert build(None)[0] == 0
    change()
    code, lines = build(None)
    assert code == 0
    codes = []
    for quarter in range(4):
        change()
        codes.append(build(1 + lines * quarter // 4)[0])
        assert build(None)[0] == 0
    # Its last lines come when it is nearly complete, and it may end before the signal arrives.
    assert codes[:2] == [INTERRUPTED] * 2
    assert {*codes} <= {0, INTERRUPTED}
    faults("Ctrl-C in build", f"at {codes.count(INTERRUPTED)} moments, each next run succeeded")
