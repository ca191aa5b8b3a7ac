"""How events look: live on a terminal, plain lines once in a pipe, JSON lines for a program."""

import errno
import json
import os
import sys
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self, TextIO

from automation.console.errors import AutomationError
from automation.console.events import (
    Difference,
    Event,
    Failed,
    Line,
    Notice,
    Result,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
    StepStopped,
    as_typed,
    to_mapping,
)
from automation.settings import Settings

NAME_WIDTH = 13
"""Columns of a step's name."""
INDENT = " " * (4 + NAME_WIDTH + 1)
"""What stands before the details of a step."""

_GONE = {errno.EPIPE, errno.ECONNRESET, errno.EIO}


class OutputClosedError(AutomationError):
    """Nobody reads the output any more; what is still to be done is done in silence."""

    exit_code = 141

    def __init__(self) -> None:
        """There is nobody to tell."""
        super().__init__("the output was closed")
        self.shown = True


class Console(ABC):
    """Shows events, from any thread. Raises OutputClosedError once when nobody reads them any more."""

    command = "invoke"
    """What a person types before the name of a task."""

    def __init__(self) -> None:
        """Begin with someone who reads."""
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        """Return the console."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self.close()

    def __call__(self, event: Event) -> None:
        """Show the event."""
        with self._lock:
            if self._closed:
                return
            try:
                self._show(as_typed(event, self.command))
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                # Whoever read has gone, as `head` does or a terminal that was closed.
                self._closed = True
                _discard_output()
                raise OutputClosedError from error

    @abstractmethod
    def _show(self, event: Event) -> None:
        """Show the event, or raise OSError when it cannot be written."""

    def close(self) -> None:  # noqa: B027 - only a terminal has something to leave
        """Leave the terminal as it was."""


class PlainConsole(Console):
    """Each step once, when it is over, without colour or motion. Failures go to the error stream."""

    def __init__(self, output: TextIO, errors: TextIO) -> None:
        """Write to these streams; a character that they cannot encode becomes a question mark."""
        super().__init__()
        self._output = output
        self._errors = errors
        self._done, self._failed, self._stopped = marks(output)

    def _show(self, event: Event) -> None:
        match event:
            case StepFinished(step, detail, seconds):
                text = f"  {self._done} {step:<{NAME_WIDTH}} {detail:<56} {seconds:5.1f} s"
                self._write(self._output, text)
            case StepStopped(step, seconds):
                self._write(
                    self._output, f"  {self._stopped} {step:<{NAME_WIDTH}} {'stopped':<56} {seconds:5.1f} s"
                )
            case StepFailed(step, _, what):
                head = f"  {self._failed} {step:<{NAME_WIDTH}} {what}"
                self._write(self._errors, "\n".join((head, *(INDENT + line for line in explanation(event)))))
            case Failed(what):
                lines = (f"  {self._failed} {what}", *(f"    {line}" for line in explanation(event)))
                self._write(self._errors, "\n".join(lines))
            case Line(source, text):
                self._write(self._output, f"{source:<8} | {text}")
            case Notice(lines) | Difference(lines):
                self._write(self._output, "\n".join(f"  {line}" if line else "" for line in lines))
            case Result() | StepStarted() | StepProgress():
                pass

    def _write(self, stream: TextIO, text: str) -> None:
        encoding = stream.encoding
        stream.write(f"{text}\n".encode(encoding, "replace").decode(encoding))
        stream.flush()


class EventStream(Console):
    """Each event as one line of JSON, for another process of this library to show."""

    def __init__(self, output: TextIO) -> None:
        """Write to this stream; characters outside ASCII are escaped, so any encoding will do."""
        super().__init__()
        self._output = output

    def _show(self, event: Event) -> None:
        self._output.write(json.dumps(to_mapping(event)) + "\n")
        self._output.flush()


class JsonConsole(EventStream):
    """The same for a program, which takes the result where a person reads notices."""

    def _show(self, event: Event) -> None:
        if not isinstance(event, Notice | Difference):
            super()._show(event)


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


def open_console(settings: Settings, *, as_json: bool) -> Console:
    """Return the console for where this process's output goes."""
    console: Console
    if as_json:
        console = JsonConsole(sys.stdout)
    elif sys.stdout.isatty() or settings.force_color:
        # Costs 60 ms, which a pipe need not pay.
        from automation.console.terminal import TerminalConsole

        console = TerminalConsole(sys.stdout, settings)
    else:
        console = PlainConsole(sys.stdout, sys.stderr)
    console.command = settings.command
    return console


def _discard_output() -> None:
    """Let Python's own flush at the end find something to write to."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
