"""Runs `up` in a process of its own, which `invoke up --detach` leaves behind.

Run as: python -m automation.engines.background OPTIONS, with the options as JSON. The events go to the output
as JSON lines. The options hold no secret: secrets travel in the environment.
"""

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict

from automation import settings
from automation.console.errors import AutomationError
from automation.console.events import Emit, Failed, Result, StepFailed, from_mapping
from automation.console.output import JsonConsole
from automation.console.runner import perform
from automation.engines.engine import UpOptions
from automation.settings import Settings


async def up(current: Settings, options: UpOptions, emit: Emit) -> None:
    """Start in the background and relay the events until the application is healthy or has failed."""
    # asyncio would kill its own kind of process at the end.
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
        [sys.executable, "-m", "automation.engines.background", json.dumps(asdict(options))],
        cwd=current.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    other: list[str] = []
    failed = False
    try:
        while line := await asyncio.to_thread(process.stdout.readline):
            try:
                event = from_mapping(json.loads(line))
            except (ValueError, KeyError, TypeError):
                other.append(line.decode("utf-8", "replace").rstrip())
                continue
            emit(event)
            failed = failed or isinstance(event, Failed | StepFailed)
            if isinstance(event, Result):
                return
        error = AutomationError("the application was not started", details=other, remedies=["invoke up"])
        error.shown = failed
        code = await asyncio.to_thread(process.wait)
        error.exit_code = code if code > 0 else error.exit_code
        raise error
    except BaseException:
        process.terminate()
        process.wait()
        raise


def main() -> int:
    """Run until told to end; return the exit code."""
    from automation.engines.native import NativeEngine

    options = UpOptions(**json.loads(sys.argv[1]))
    console = JsonConsole(sys.stdout, notices=True)
    return perform(console, NativeEngine(settings.load()).supervise(options, console), debug=False)


if __name__ == "__main__":
    sys.exit(main())
