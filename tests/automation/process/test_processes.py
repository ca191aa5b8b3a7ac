"""Cancelling a program leaves no process, pipe or event loop warning."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from automation.process import processes
from tests.automation.conftest import PATIENCE, ROOT

GRANDCHILD = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(300)"
"""Holds its inherited pipes open, like a background process of a tool."""

PROGRAM = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {GRANDCHILD!r}, sys.argv[2]])
if sys.argv[1] == "waits":
    time.sleep(300)
"""

CALLER = """
import asyncio, os, pathlib, sys
from automation.process.processes import Program

async def main(how, waits, begun, given):
    program = Program(sys.executable, os.environ, pathlib.Path.cwd())
    seconds = 2 if how == "takes too long" else 300
    words = ("-c", sys.argv[5], waits, begun)
    asked = asyncio.create_task(program.complete(*words, seconds=seconds, stdin="x" * int(given)))
    await asyncio.sleep(0)
    while how != "is cancelled at once" and not pathlib.Path(begun).exists():
        await asyncio.sleep(0.02)
    if how.startswith("is cancelled"):
        asked.cancel()
    try:
        await asked
    except (asyncio.CancelledError, TimeoutError) as error:
        print(type(error).__name__)

asyncio.run(main(*sys.argv[1:5]))
"""


def called(folder: Path, how: str, waits: str, given: int) -> subprocess.CompletedProcess[str]:
    """Run a program and return how it ended; every event loop warning fails the test."""
    words = [
        sys.executable,
        "-X",
        "dev",
        "-W",
        "error",
        "-c",
        CALLER,
        how,
        waits,
        str(folder / "begun"),
        str(given),
    ]
    return subprocess.run(
        [*words, PROGRAM],
        cwd=ROOT,
        env={**os.environ, processes.MARK: str(folder)},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("given", [0, 2**20])
@pytest.mark.parametrize("waits", ["waits", "ends"])
@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("is cancelled", "CancelledError"),
        ("is cancelled at once", "CancelledError"),
        ("takes too long", "TimeoutError"),
    ],
)
def test_the_processes_of_a_program_end_with_it(
    tmp_path: Path, how: str, waits: str, given: int, error: str
) -> None:
    began = time.monotonic()
    result = called(tmp_path, how, waits, given)
    assert result.stdout.strip() == error
    # Python's development mode also reports slow callbacks, which depend only on the machine.
    assert [line for line in result.stderr.splitlines() if not line.startswith("Executing <")] == []
    assert result.returncode == 0
    assert time.monotonic() - began < 30
    left = list(processes.marked(str(tmp_path)))
    _, alive = psutil.wait_procs(left, timeout=5)
    for process in alive:
        process.kill()
    assert not alive
