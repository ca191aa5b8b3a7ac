"""A program that is not waited for any longer leaves nothing: no process, no pipe, no word of the loop's."""

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
"""Holds the pipes that it has inherited, as what a tool starts in the background does."""

PROGRAM = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {GRANDCHILD!r}, sys.argv[2]])
if sys.argv[1] == "waits":
    time.sleep(300)
"""

CALLER = """
import asyncio, os, pathlib, sys
from automation.process.programs import Program

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
    """Return how it ends for who asked a program, and strictly: every warning of the event loop is told."""
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
def test_what_a_program_has_started_ends_with_it(
    tmp_path: Path, how: str, waits: str, given: int, error: str
) -> None:
    began = time.monotonic()
    result = called(tmp_path, how, waits, given)
    assert result.stdout.strip() == error
    # In its development mode Python tells slow callbacks, which says something of the machine alone.
    assert [line for line in result.stderr.splitlines() if not line.startswith("Executing <")] == []
    assert result.returncode == 0
    assert time.monotonic() - began < 30
    left = list(processes.marked(str(tmp_path)))
    _, alive = psutil.wait_procs(left, timeout=5)
    for each in alive:
        each.kill()
    assert not alive
