"""Running another program: to its end, or for as long as a block lasts."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from automation.process import processes


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    code: int
    output: str
    errors: str


class _Collected(asyncio.SubprocessProtocol):
    """What a program writes, until it has ended and nothing holds its pipes any more."""

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
        self, *arguments: str, seconds: float, stdin: str = "", environ: Mapping[str, str] | None = None
    ) -> Completed:
        """Run it to its end, whatever its exit code. Raises TimeoutError when it takes longer."""
        starting = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                _Collected,
                self.path, *arguments,
                cwd=self.root,
                env={**self.environ, **(environ or {})},
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
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
                given.write(stdin.encode())
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
    ) -> AbstractAsyncContextManager[processes.Guarded]:
        """Run it for as long as the block lasts; its errors go where its output goes."""
        command, environ = [self.path, *arguments], {**self.environ, **(environ or {})}
        return processes.running(command, cwd=self.root, environ=environ, grace=grace)


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
        processes.kill([*processes.children(pid), psutil.Process(pid)])
    if sys.platform != "win32":
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def find(name: str, environ: Mapping[str, str], root: Path) -> Program | None:
    """Return the program as PATH has it; None when it has none."""
    path = shutil.which(name, path=environ.get("PATH"))
    return Program(path, environ, root) if path else None
