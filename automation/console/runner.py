"""Where a person's words become work: flags become options, errors messages, and signals end it in order."""

import asyncio
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from automation import settings
from automation.console import errors
from automation.console.errors import (
    FAILED,
    INTERRUPTED,
    AutomationError,
    InterruptedBySignalError,
    UsageError,
)
from automation.console.events import Emit, Failed, Notice
from automation.console.output import Console, JsonConsole, open_console
from automation.settings import Settings

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def run(
    work: Callable[[Settings, Emit], Coroutine[Any, Any, int | None]], *, json_lines: bool, debug: bool
) -> int:
    """Run the work of a task with the settings of this moment; return its exit code."""
    current = settings.load()
    console = open_console(current, as_json=json_lines)
    return perform(console, work(current, console), debug=debug)


def perform(console: Console, work: Coroutine[Any, Any, int | None], *, debug: bool) -> int:
    """Run the work to its end or to a signal's; show what goes wrong and return the exit code."""
    code, failure = FAILED, None
    try:
        with console:
            return asyncio.run(_until_signal(work)) or 0
    except InterruptedBySignalError as error:
        code = error.exit_code
        with suppress(OSError, AutomationError):
            console(Notice(("", f"Stopped by {error.signal_name}.")))
    except AutomationError as error:
        code = error.exit_code
        if not error.shown:
            failure = Failed(error.what, error.why, error.details, error.remedies)
        _trace(error, debug=debug)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        subject = error.filename or "the output"
        failure = Failed(f"{subject}: {errors.reason(error)}", remedies=errors.remedies(error))
        _trace(error, debug=debug)
    except Exception as error:  # noqa: BLE001 - the edge: whatever is left is a defect, told without a traceback
        failure = Failed(
            "something went wrong that this project did not expect",
            why=f"{type(error).__name__}: {error}",
            remedies=("the same command with --debug, which shows where",),
        )
        _trace(error, debug=debug)
    if failure is not None:
        with suppress(OSError, AutomationError):
            console(failure)
    return code


def can_prompt(emit: Emit) -> bool:
    """Return whether a person reads the output and can answer."""
    return sys.stdin.isatty() and not isinstance(emit, JsonConsole)


async def confirm(question: str, otherwise: str = "nothing was removed") -> None:
    """Ask a person; raise AutomationError, which says what is so `otherwise`, unless the answer is yes."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is here to ask.", remedies=["--yes"])
    sys.stdout.write(f"  {question} [y/N] ")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    # Reading at once would keep Ctrl-C from ending the wait; Windows has no other way.
    with suppress(NotImplementedError):
        loop.add_reader(sys.stdin, answered.set)
        try:
            await answered.wait()
        finally:
            loop.remove_reader(sys.stdin)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise AutomationError(otherwise, why="the answer was not yes")


def _trace(error: Exception, *, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)


async def _until_signal(work: Coroutine[Any, Any, int | None]) -> int | None:
    """Await the work. A signal cancels it; a further one cancels its clearing up, which is then brief."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        task.cancel()

    def handle(number: int, _frame: object) -> None:
        with suppress(RuntimeError):  # the loop has closed: everything has ended, and so does this process
            loop.call_soon_threadsafe(on_signal, number)

    # Unlike the loop's own handlers these outlive it, so that a late signal is no KeyboardInterrupt.
    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        return await task
    except asyncio.CancelledError:
        raise InterruptedBySignalError(received[0] if received else signal.SIGINT) from None
