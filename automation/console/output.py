"""Shows events as plain lines in a pipe and as JSON lines for a program; `terminal` shows them live."""

import errno
import json
import os
import sys
import threading
from abc import ABC, abstractmethod
from typing import Self, TextIO

from automation.console.errors import AutomationError
from automation.console.events import (
    Difference,
    Event,
    Failed,
    Line,
    Notice,
    StepFailed,
    StepFinished,
    StepStopped,
    as_typed,
    to_mapping,
)

NAME_WIDTH = 13
"""Columns of a step's name."""
INDENT = " " * (4 + NAME_WIDTH + 1)
"""Precedes the details of a step."""

_CLOSED = {errno.EPIPE, errno.ECONNRESET, errno.EIO}


class OutputClosedError(AutomationError):
    """The reader of the output has gone; the remaining work is silent."""

    exit_code = 141

    def __init__(self) -> None:
        super().__init__("the output was closed")
        self.shown = True


class Console(ABC):
    """Shows events, from any thread. Raises OutputClosedError once when the reader has gone."""

    command = "invoke"
    """Command that a person types before the name of a task."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        """Show the event."""
        with self._lock:
            if self._closed:
                return
            try:
                self._show(as_typed(event, self.command))
            except OSError as error:
                if error.errno not in _CLOSED:
                    raise
                # The reader has gone, as `head` does, or the terminal was closed.
                self._closed = True
                # Python's own flush at exit has to succeed.
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, sys.stdout.fileno())
                os.close(nowhere)
                raise OutputClosedError from error

    @abstractmethod
    def _show(self, event: Event) -> None:
        """Show the event, or raise OSError when it cannot be written."""

    def close(self) -> None:  # noqa: B027 - only a terminal has something to leave
        """Leave the terminal as it was."""


class PlainConsole(Console):
    """Each step once, when it is over, without colour or motion. Failures go to the error stream.

    A character that a stream cannot encode becomes a question mark.
    """

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        super().__init__(output)
        self._errors = errors
        self._done, self._failed, self._stopped = marks(output)

    def _show(self, event: Event) -> None:
        match event:
            case StepFinished(step, detail, seconds):
                self._write(f"  {self._done} {step:<{NAME_WIDTH}} {detail:<56} {seconds:5.1f} s")
            case StepStopped(step, seconds):
                self._write(f"  {self._stopped} {step:<{NAME_WIDTH}} {'stopped':<56} {seconds:5.1f} s")
            case StepFailed(step, _, what):
                self._explain(f"{step:<{NAME_WIDTH}} {what}", event, INDENT)
            case Failed(what):
                self._explain(what, event, "    ")
            case Line(source, text):
                self._write(f"{source:<8} | {text}")
            case Notice(lines) | Difference(lines):
                self._write("\n".join(f"  {line}" if line else "" for line in lines))

    def _explain(self, head: str, event: StepFailed | Failed, indent: str) -> None:
        lines = (f"  {self._failed} {head}", *(indent + line for line in explanation(event)))
        self._write("\n".join(lines), self._errors)

    def _write(self, text: str, stream: TextIO | None = None) -> None:
        stream = stream or self._output
        encoding = stream.encoding
        stream.write(f"{text}\n".encode(encoding, "replace").decode(encoding))
        stream.flush()


class JsonConsole(Console):
    """Each event as one line of JSON, for a program, which takes the result instead of the notices.

    With `notices`, another process of this library can show them all.
    """

    def __init__(self, output: TextIO, *, notices: bool = False) -> None:
        super().__init__(output)
        self._notices = notices

    def _show(self, event: Event) -> None:
        if self._notices or not isinstance(event, Notice | Difference):
            self._output.write(json.dumps(to_mapping(event)) + "\n")
            self._output.flush()


def explanation(event: StepFailed | Failed) -> list[str]:
    """Return the lines after what failed: why, the details, and what to try."""
    why = [event.why] if event.why else []
    remedies = ["try   " + "   or   ".join(event.remedies)] if event.remedies else []
    return [*why, *event.details, *remedies]


def marks(stream: TextIO) -> tuple[str, str, str]:
    """Return the marks for done, failed and stopped that the stream can show."""
    try:
        "✓✗".encode(stream.encoding)
    except (UnicodeEncodeError, LookupError):
        return "+", "x", "-"
    return "✓", "✗", "-"
