"""Runs `up` as a process of its own: what `invoke up --detach` leaves behind.

Run as: python -m automation.engines.background OPTIONS, with the options as JSON and the events as JSON
lines on the output. The options hold no secret: those travel in the environment.
"""

import json
import sys

from automation import settings
from automation.console.output import EventStream
from automation.console.runner import perform
from automation.engines.engine import UpOptions
from automation.engines.native import NativeEngine


def main() -> int:
    """Run until told to end; return the exit code."""
    options = UpOptions(**json.loads(sys.argv[1]))
    console = EventStream(sys.stdout)
    return perform(console, NativeEngine(settings.load()).up(options, console), debug=False)


if __name__ == "__main__":
    sys.exit(main())
