"""Starting processes that cannot be orphaned, running programs to their end, and recognising them again.

What keeps running is under a guard (see `guard`) and carries the mark of the instance it belongs to in its
environment. The mark finds what is left after a crash whatever became of process ids and groups.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

MARK = "TODO_INSTANCE"
"""The variable that marks every process of an instance."""
SERVICE = "TODO_SERVICE"
"""The variable that names a marked process's service, so that one service can be ended without the others."""

_GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True)
class Identity:
    """The identity of a process, which a later one with the same id does not have."""

    pid: int
    started: float
    """Seconds since the system booted: unlike the clock, nobody sets them while the process runs."""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(_since_boot(process) - self.started) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def identify(pid: int) -> Identity:
    """Return the identity of a process; one that has ended already has never been alive."""
    started = 0.0
    with suppress(psutil.NoSuchProcess):
        started = _since_boot(psutil.Process(pid))
    return Identity(pid, started)


def _since_boot(process: psutil.Process) -> float:
    # Both are kept as ticks since boot, and shown by the clock of this moment.
    return process.create_time() - psutil.boot_time()


def marked(mark: str, service: str = "") -> Iterator[psutil.Process]:
    """Yield the running processes that carry the mark, those of one service if named, this one excepted."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid == os.getpid():
                continue
            environ = process.environ()
            if environ.get(MARK) == mark and service in ("", environ.get(SERVICE)):
                yield process


def kill_marked(mark: str, service: str = "") -> int:
    """Kill every process that `marked` yields and wait until it is gone. Returns how many there were."""
    count = 0
    # A process may start another between being seen and being killed.
    while strays := list(marked(mark, service)):
        kill(strays)
        gone, _ = psutil.wait_procs(strays, timeout=5)
        if not gone:
            break
        count += len(gone)
    return count


def describe_end(code: int) -> str:
    """Return how a command ended; signals count from 128, and a negative code is the death of its guard."""
    if code < 0:
        return f"ended with its guard process (signal {-code})"
    return f"was killed (signal {code - 128})" if code > 128 else f"stopped with exit code {code}"


class Guarded:
    """A command under its guard."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.identity = identify(process.pid)
        self.output = process.stdout
        self.wait = process.wait
        """Waits for the end of the command and returns its exit code."""

    def tree(self) -> list[psutil.Process]:
        """Return the command's processes, without the guard."""
        return children(self.identity.pid)

    async def stop(self) -> None:
        """End the command: politely, then after its grace by force. Cancelling this kills it at once."""
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe
        self._process.stdin.close()
        try:
            await self.wait()
        except asyncio.CancelledError:
            kill(self.tree())
            with suppress(ProcessLookupError):
                self._process.kill()
            await self.wait()
            raise


def children(pid: int) -> list[psutil.Process]:
    """Return the running processes that a process started, and those that they started."""
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def resident(pid: int) -> int:
    """Return the resident bytes of the processes that a process started."""
    total = 0
    for process in children(pid):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def kill(doomed: Iterable[psutil.Process]) -> None:
    """Kill the processes at once; those that have ended are no error."""
    for process in doomed:
        with suppress(psutil.Error):
            process.kill()


async def start(
    command: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    grace: float,
    output: IO[bytes] | int = subprocess.PIPE,
) -> Guarded:
    """Start the command under a guard. Its errors go where its output goes.

    `grace` is the time in seconds between SIGTERM and SIGKILL.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(_GUARD), str(grace), *command,
        cwd=cwd,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        # A terminal's Ctrl-C is for the supervisor, which then ends its processes in order.
        start_new_session=True,
        limit=2**20,
    )  # fmt: skip
    return Guarded(process)


@asynccontextmanager
async def running(
    command: Sequence[str], *, cwd: Path, environ: Mapping[str, str], grace: float = 5.0
) -> AsyncIterator[Guarded]:
    """Run the command for as long as the block lasts; at its end nothing of it is left."""
    guarded = await start(command, cwd=cwd, environ=environ, grace=grace)
    try:
        yield guarded
    finally:
        await guarded.stop()


async def lines(guarded: Guarded) -> AsyncIterator[str]:
    """Yield the lines of the command's output as they come, undecodable bytes replaced."""
    assert guarded.output is not None  # noqa: S101 - `running` opens it as a pipe
    while True:
        try:
            line = await guarded.output.readline()
        except ValueError:
            # A line longer than the buffer: what was read of it is dropped.
            continue
        if not line:
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")


async def follow(
    command: Sequence[str], seen: Callable[[str], None], *, cwd: Path, environ: Mapping[str, str]
) -> int:
    """Run the command to its end, calling `seen` with each line of its output; return its exit code."""
    async with running(command, cwd=cwd, environ=environ) as guarded:
        async for line in lines(guarded):
            seen(line)
        return await guarded.wait()


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    code: int
    output: str
    errors: str


class _Collected(asyncio.SubprocessProtocol):
    """Output of a program, until it has ended and nothing holds its pipes any more."""

    def __init__(self) -> None:
        self.written = {1: bytearray(), 2: bytearray()}
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.written[fd] += data

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed.set()


@dataclass(frozen=True)
class Program:
    """A program of this machine, and the environment it is run in, which a command may add to."""

    path: str
    environ: Mapping[str, str]
    root: Path

    async def complete(
        self,
        *arguments: str,
        seconds: float,
        stdin: str | IO[bytes] = "",
        output: IO[bytes] | int = subprocess.PIPE,
        environ: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run it to its end, whatever its exit code. Raises TimeoutError when it takes longer.

        Its input is text or a file, and its output can go to a file.
        """
        text = stdin if isinstance(stdin, str) else ""
        given_file = None if isinstance(stdin, str) else stdin
        starting = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                _Collected,
                self.path, *arguments,
                cwd=self.root,
                env={**self.environ, **(environ or {})},
                stdin=given_file or (subprocess.PIPE if text else subprocess.DEVNULL),
                stdout=output,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is for this process alone
            )
        )  # fmt: skip
        try:
            # asyncio waits for ever for a process whose start was cancelled.
            transport, collected = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _end(*await starting)
            raise
        try:
            if isinstance(given := transport.get_pipe_transport(0), asyncio.WriteTransport):
                given.write(text.encode())
                given.close()
            async with asyncio.timeout(seconds):
                await collected.closed.wait()
        finally:
            await _end(transport, collected)
        code = transport.get_returncode()
        assert code is not None  # noqa: S101 - the end comes after it
        return Completed(
            code, *(bytes(output).decode("utf-8", "replace") for output in collected.written.values())
        )

    def running(
        self, *arguments: str, environ: Mapping[str, str] | None = None, grace: float = 5.0
    ) -> AbstractAsyncContextManager[Guarded]:
        """Run it for as long as the block lasts; its errors go where its output goes."""
        command, environ = [self.path, *arguments], {**self.environ, **(environ or {})}
        return running(command, cwd=self.root, environ=environ, grace=grace)


async def _end(transport: asyncio.SubprocessTransport, collected: _Collected) -> None:
    """Kill the remaining processes of a program and close its pipes."""
    if not collected.closed.is_set():
        _kill_all(transport.get_pid())
        await collected.exited.wait()
    # What has gone into a session of its own may hold the other ends of the pipes.
    transport.close()
    await collected.closed.wait()


def _kill_all(pid: int) -> None:
    """Kill a program that leads a session, and all that it has started, also where it has ended itself."""
    with suppress(psutil.Error):
        kill([*children(pid), psutil.Process(pid)])
    if sys.platform != "win32":
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def find(name: str, environ: Mapping[str, str], root: Path) -> Program | None:
    """Return the program as PATH has it; None when it has none."""
    path = shutil.which(name, path=environ.get("PATH"))
    return Program(path, environ, root) if path else None
