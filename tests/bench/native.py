"""Measures processes without containers: a task's start, and the backend's start and memory."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from automation.contract import profiles
from backend.tests.servers import Server
from tests.bench.api import starts
from tests.bench.clone import timed
from tests.bench.results import Measured


def measure(root: Path, runs: int) -> Iterator[Measured]:
    """Measure a folder's tasks and backend."""
    listed = ("-m", "invoke", "--list")
    times = [(_python(root, *listed), _python(root, "-c", "import invoke.program")) for _ in range(runs)]
    yield Measured("invoke --list", "s", *_beside("Python with Invoke", times))
    rules = profiles.load_rules(root)
    seconds, memory = [], []
    with starts(root, "sqlite") as (start, start_floor, _):
        for _ in range(runs):
            both = _first_answer(start()), _first_answer(start_floor())
            seconds.append((both[0][0], both[1][0]))
            memory.append((both[0][1], both[1][1]))
    floor = "bare ASGI"
    budget = rules.times.start_max_s
    yield Measured("backend process, listening", "s", *_beside(floor, seconds), budget)
    yield Measured(
        "backend process, started", "MB", *_beside(floor, memory), budget=rules.memory.backend_max_mb
    )


def _python(root: Path, *words: str) -> float:
    return timed(lambda: subprocess.run([sys.executable, *words], cwd=root, check=True, capture_output=True))


def _first_answer(starting: AbstractContextManager[Server]) -> tuple[float, float]:
    """Return the seconds until a server listens, and the MB that it takes then."""
    began = time.perf_counter()
    with starting as server:
        seconds = time.perf_counter() - began
        return seconds, psutil.Process(server.process.pid).memory_info().rss / 10**6


def _beside(floor: str, pairs: list[tuple[float, float]]) -> tuple[list[float], str, list[float]]:
    return [value for value, _ in pairs], floor, [least for _, least in pairs]
