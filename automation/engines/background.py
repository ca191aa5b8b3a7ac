"""Runs `up` in a process of its own, which `invoke up --detach` leaves behind.

Run as: python -m automation.engines.background OPTIONS, with the options as JSON. The events go to the output
as JSON lines. The options hold no secret: secrets travel in the environment.
"""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from dataclasses import asdict
from pathlib import Path

from automation import settings
from automation.console.errors import AutomationError
from automation.console.events import Emit, Failed, Result, StepFailed, from_mapping
from automation.console.output import EventStream
from automation.console.runner import perform
from automation.engines.engine import UpOptions
from automation.process import files
from automation.process.logs import Follower
from automation.settings import Settings

_POLL_SECONDS = 0.05


async def up(current: Settings, options: UpOptions, emit: Emit) -> None:
    """Start in the background and relay the events until the application is healthy or has failed."""
    events = current.state_dir / "logs" / f"up-{uuid.uuid4().hex}.jsonl"
    process = _start(current, options, events)
    follower = Follower(events, 0)
    other: list[str] = []
    failed = False
    try:
        while True:
            # Polled before reading, so that nothing written before the end is missed.
            code = process.poll()
            for line in follower.new_lines():
                try:
                    event = from_mapping(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    other.append(line)
                    continue
                emit(event)
                failed = failed or isinstance(event, Failed | StepFailed)
                if isinstance(event, Result):
                    return
            if code is not None:
                error = AutomationError(
                    "the application was not started", details=other, remedies=["invoke up"]
                )
                error.shown = failed
                raise error
            await asyncio.sleep(_POLL_SECONDS)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        events.unlink(missing_ok=True)


def _start(current: Settings, options: UpOptions, events: Path) -> subprocess.Popen[bytes]:
    files.make_directory(events.parent)
    with open(events, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
        return subprocess.Popen(
            [sys.executable, "-m", "automation.engines.background", json.dumps(asdict(options))],
            cwd=current.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def main() -> int:
    """Run until told to end; return the exit code."""
    from automation.engines.native import NativeEngine

    options = UpOptions(**json.loads(sys.argv[1]))
    console = EventStream(sys.stdout)
    return perform(console, NativeEngine(settings.load()).supervise(options, console), debug=False)


if __name__ == "__main__":
    sys.exit(main())
