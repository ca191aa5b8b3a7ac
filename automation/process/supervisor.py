"""Keeps a set of services running together: all are healthy, or none is left.

The services are data, so any command can be supervised. Each runs under a guard, writes to its own log file,
and is probed over HTTP.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx2

from automation.console import errors
from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step, step
from automation.process import files, logs, processes
from automation.process.instance import Instance, Record, ServiceRecord, State
from automation.process.processes import Guarded

_PROBE_SECONDS = 0.05
_LAST_LINES = 20
_FIRST_SIGNAL_CODE = 128


@dataclass(frozen=True)
class Service:
    """A process that serves HTTP."""

    name: str
    command: Sequence[str]
    cwd: Path
    environ: Mapping[str, str]
    port: int
    address: str
    health: str
    """The URL that answers 200 while it is healthy."""
    warm_up: str = ""
    """A URL to request once before it counts as healthy, so that nobody waits for the first page."""
    grace: float = 3.0
    """Seconds between SIGTERM and SIGKILL."""
    patience: float = 120.0
    """Seconds to wait until it is healthy."""


class ServiceStoppedError(AutomationError):
    """A service ended, or did not become healthy."""

    def __init__(self, service: Service, what: str, details: Sequence[str]) -> None:
        super().__init__(
            what,
            why="its last lines:" if details else "it wrote nothing",
            details=details,
            remedies=[f"invoke logs --service {service.name}", "invoke doctor"],
        )
        self.service = service


class Supervisor:
    """Runs services for one instance. Leaving its block ends them all."""

    def __init__(self, owner: Instance, record: Record, emit: Emit) -> None:
        self._instance = owner
        self._record = record
        self._emit = emit
        self._running: dict[str, Guarded] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._fallen: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pids(self) -> set[int]:
        """The ids of all processes of the services."""
        return {process.pid for guarded in self._running.values() for process in guarded.tree()}

    async def start(self, service: Service) -> None:
        """Start the service and wait until it is healthy. Raises ServiceStoppedError."""
        with step(self._emit, service.name) as current:
            log = self._instance.log(service.name)
            with _open_log(log) as output:
                guarded = await processes.start(
                    service.command,
                    cwd=service.cwd,
                    environ=service.environ,
                    mark=self._record.mark,
                    grace=service.grace,
                    output=output,
                )
            self._running[service.name] = guarded
            entry = ServiceRecord(
                service.name, service.address, service.health, service.port, guarded.identity
            )
            self._write(services=(*self._record.services, entry))
            current.progress(f"{service.address}   starting")
            await self._until_healthy(service, guarded, current)
            current.detail = f"{service.address}   healthy"
        self._watchers.append(asyncio.create_task(self._report_end(service, guarded)))

    async def all_of(self, starts: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Run these together; the first failure, also of an already healthy service, ends all."""
        pending = {asyncio.ensure_future(start) for start in starts}
        try:
            while pending:
                done, _ = await asyncio.wait({*pending, self._fallen}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                pending -= done
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def mark_running(self) -> None:
        """Record that every service is healthy."""
        self._write(state=State.RUNNING)

    async def run(self, *, show_output: bool) -> None:
        """Stay until a service ends, which raises ServiceStoppedError; stream the output until then."""
        keeping = asyncio.create_task(self._keep_logs(show_output=show_output))
        try:
            done, _ = await asyncio.wait({keeping, self._fallen}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            keeping.cancel()

    async def stop(self) -> None:
        """Stop all services together. Cancelling this kills them at once."""
        for watcher in self._watchers:
            watcher.cancel()
        if self._fallen.done():
            # Retrieved, so that asyncio does not report it: the first failure was raised already.
            self._fallen.exception()
        with suppress(AutomationError):
            self._write(state=State.STOPPING)
        try:
            await asyncio.gather(*(guarded.stop() for guarded in self._running.values()))
        finally:
            processes.kill_marked(self._record.mark)
            self._running.clear()

    def _write(self, **changes: Any) -> None:
        self._record = replace(self._record, **changes)
        self._instance.write(self._record)

    async def _until_healthy(self, service: Service, guarded: Guarded, current: Step) -> None:
        ended = asyncio.create_task(guarded.wait())
        healthy = asyncio.create_task(self._probe(service, current))
        try:
            await asyncio.wait(
                {ended, healthy}, timeout=service.patience, return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done():
                raise ServiceStoppedError(service, _describe_end(ended.result()), self._last_lines(service))
            if not healthy.done():
                raise ServiceStoppedError(
                    service, f"was not healthy within {service.patience:.0f} s", self._last_lines(service)
                )
            healthy.result()
        finally:
            ended.cancel()
            healthy.cancel()

    async def _probe(self, service: Service, current: Step) -> None:
        # A proxy of the environment is not for this machine.
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=2.0) as client:
            while (answer := await _answer(client, service.health)) != httpx2.codes.OK:
                if answer is not None:
                    current.progress(f"{service.address}   answers {answer}, not healthy yet")
                await asyncio.sleep(_PROBE_SECONDS)
            if service.warm_up:
                current.progress(f"{service.address}   preparing the first page")
                # Only the compilation of the page matters here.
                with suppress(httpx2.HTTPError):
                    await client.get(service.warm_up, timeout=service.patience)

    async def _report_end(self, service: Service, guarded: Guarded) -> None:
        code = await guarded.wait()
        if not self._fallen.done():
            self._fallen.set_exception(
                ServiceStoppedError(
                    service, f"the {service.name} {_describe_end(code)}", self._last_lines(service)
                )
            )

    def _last_lines(self, service: Service) -> tuple[str, ...]:
        return logs.tail(self._instance.log(service.name), _LAST_LINES)

    async def _keep_logs(self, *, show_output: bool) -> None:
        files_followed = {name: self._instance.log(name) for name in self._running}
        followers = {name: logs.Follower(file) for name, file in files_followed.items()}
        async for name, line in logs.follow(followers):
            if show_output:
                self._emit(Line(name, line))
            with suppress(OSError):
                if files_followed[name].stat().st_size > logs.LARGEST:
                    os.truncate(files_followed[name], 0)


def _open_log(file: Path) -> IO[bytes]:
    """Open a new log that only its owner can read. Raises AutomationError."""
    files.make_directory(file.parent)
    try:
        file.unlink(missing_ok=True)
        return open(file, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))
    except OSError as error:
        raise AutomationError(
            f"{file} cannot be written",
            why=errors.reason(error),
            remedies=errors.remedies(error),
        ) from error


async def _answer(client: httpx2.AsyncClient, url: str) -> int | None:
    """Return the HTTP status of the URL; None without an answer."""
    try:
        return (await client.get(url)).status_code
    except httpx2.HTTPError:
        return None


def _describe_end(code: int) -> str:
    """Return how a guarded command ended; a negative code is the death of its guard."""
    if code < 0:
        return f"lost its guard (signal {-code})"
    if code > _FIRST_SIGNAL_CODE:
        return f"was killed (signal {code - _FIRST_SIGNAL_CODE})"
    return f"stopped with exit code {code}"
