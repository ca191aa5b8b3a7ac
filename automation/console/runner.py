"""Runs a task: converts errors to messages and exit codes, and shuts down in order on a signal."""

import asyncio
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from automation import settings
from automation.console.errors import (
    INTERRUPTED,
    AutomationError,
    InterruptedBySignalError,
    UsageError,
    explain,
)
from automation.console.events import Emit, Event, Failed, Notice
from automation.console.output import Console, JsonConsole, PlainConsole
from automation.settings import Settings

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def run(
    work: Callable[[Settings, Emit], Coroutine[Any, Any, int | None]], *, json_lines: bool, debug: bool
) -> int:
    """Run the work of a task with the settings of this moment; return its exit code."""
    current = settings.load()
    console = open_console(current, as_json=json_lines)
    return perform(console, work(current, console), debug=debug)


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


def perform(console: Console, work: Coroutine[Any, Any, int | None], *, debug: bool) -> int:
    """Run the work until it ends or a signal stops it; show errors and return the exit code."""
    try:
        with console:
            return asyncio.run(_until_signal(work)) or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - every error becomes a message here
        explained = explain(error)
        event: Event = Failed(*explained.parts)
        if isinstance(error, InterruptedBySignalError):
            event = Notice(("", f"Stopped by {error.signal_name}."))
        elif debug:
            traceback.print_exception(error)
        if not explained.shown:
            with suppress(OSError, AutomationError):
                console(event)
        return explained.exit_code


def can_prompt(emit: Emit) -> bool:
    """Return whether a person reads the output and can answer."""
    return sys.stdin.isatty() and not isinstance(emit, JsonConsole)


async def confirm(question: str, otherwise: str = "nothing was removed") -> None:
    """Ask for confirmation. Raises AutomationError with the message `otherwise` unless the answer is yes."""
    if not sys.stdin.isatty():
        raise UsageError("Cannot prompt: standard input is not a terminal.", why=question, remedies=["--yes"])
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


async def _until_signal(work: Coroutine[Any, Any, int | None]) -> int | None:
    """Await the work. A signal cancels it; another one cancels its cleanup, which is then brief."""
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
