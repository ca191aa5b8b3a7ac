"""Keeps a set of services running together, and restarts them with a growing delay (backoff).

They start together: all become healthy, or none is left. From then on, a service that ends is restarted,
after a pause that grows with each failure; one that fails again and again ends them all.

The services are data, so any command can be supervised. Each runs under a guard, writes to its own log file,
and is probed over HTTP.
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from automation.console import errors
from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step, step
from automation.process import files, logs, processes
from automation.process.instance import Instance, Record, ServiceRecord, State
from automation.process.processes import Guarded

if TYPE_CHECKING:
    import httpx2

_PROBE_SECONDS = 0.05
_LAST_LINES = 20
_BACKOFF_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""The delays before the restarts of a service. If it ends again after the last one, every service ends."""
_STEADY_SECONDS = 60.0
"""The backoff starts over after a service has run for this long."""


def client() -> "httpx2.AsyncClient":
    """Return a client for a service on this machine; it ignores the proxies of the environment."""
    # Imported here: it takes up to a tenth of the start of a task that requests nothing.
    import httpx2

    return httpx2.AsyncClient(trust_env=False, verify=False)


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
    grace: float = 3.0
    """Seconds between SIGTERM and SIGKILL."""
    patience: float = 120.0
    """Seconds to wait until it is healthy."""


class ServiceStoppedError(AutomationError):
    """A service ended, or did not become healthy."""

    def __init__(self, service: Service, what: str, log: Path) -> None:
        details = logs.tail(log, _LAST_LINES)
        why = "its last lines:" if details else "it wrote nothing"
        remedies = [f"invoke logs --service {service.name}", "invoke doctor"]
        super().__init__(what, why=why, details=details, remedies=remedies)
        self.service = service


class Supervisor(AbstractAsyncContextManager["Supervisor"]):
    """Runs services for one instance. Leaving its block ends them all."""

    def __init__(self, owner: Instance, record: Record, emit: Emit) -> None:
        self._instance = owner
        self._record = record
        self._emit = emit
        self._running: dict[str, Guarded] = {}
        self._watchers: set[asyncio.Task[None]] = set()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pids(self) -> set[int]:
        """The ids of all processes of the services."""
        return {process.pid for guarded in self._running.values() for process in guarded.tree()}

    async def start(self, service: Service) -> None:
        """Start the service and wait until it is healthy. Raises ServiceStoppedError."""
        with step(self._emit, service.name) as current:
            guarded = await self._launch(service, anew=True)
            current.progress(f"{service.address}   starting")
            await self._until_healthy(service, guarded, current)
            current.detail = f"{service.address}   healthy"
        self._watchers.add(asyncio.create_task(self._keep(service, guarded)))

    async def all_of(self, starts: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Run these together; the first failure, also of an already healthy service, ends all."""
        pending = {asyncio.ensure_future(start) for start in starts}
        try:
            while pending:
                done, _ = await asyncio.wait(pending | self._watchers, return_when=asyncio.FIRST_COMPLETED)
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
        """Stay and restart what ends; stream the output. Raises ServiceStoppedError if that fails."""
        if not show_output:
            # Nobody reads any more.
            self._emit = lambda _: None
        await self.all_of([self._keep_logs(show_output=show_output)])

    async def stop(self) -> None:
        """Stop all services together. Cancelling this kills them at once."""
        for watcher in self._watchers:
            watcher.cancel()
        with suppress(AutomationError):
            self._write(state=State.STOPPING)
        try:
            await asyncio.gather(*(guarded.stop() for guarded in self._running.values()))
            # The first failure was raised already.
            await asyncio.gather(*self._watchers, return_exceptions=True)
        finally:
            processes.kill_marked(self._record.mark)
            self._running.clear()

    def _write(self, **changes: Any) -> None:
        self._record = replace(self._record, **changes)
        self._instance.write(self._record)

    async def _launch(self, service: Service, *, anew: bool) -> Guarded:
        """Start the processes of the service, with a new log or at the end of the last one."""
        environ = {**service.environ, processes.MARK: self._record.mark, processes.SERVICE: service.name}
        with _open_log(self._instance.log(service.name), anew=anew) as output:
            guarded = await processes.start(
                service.command, cwd=service.cwd, environ=environ, grace=service.grace, output=output
            )
        self._running[service.name] = guarded
        before = {entry.name: entry for entry in self._record.services}
        entry = before.get(service.name) or ServiceRecord(
            service.name, service.address, service.health, service.port, guarded.identity
        )
        before[service.name] = replace(entry, process=guarded.identity)
        self._write(services=tuple(before.values()))
        return guarded

    async def _until_healthy(self, service: Service, guarded: Guarded, current: Step) -> None:
        probe = asyncio.create_task(_probe(service, current))
        ending = asyncio.create_task(guarded.wait())
        try:
            await asyncio.wait({ending, probe}, timeout=service.patience, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                raise self._stopped(service, processes.describe_end(ending.result()))
            if not probe.done():
                raise self._stopped(service, f"was not healthy within {service.patience:.0f} s")
            probe.result()
        finally:
            ending.cancel()
            probe.cancel()

    async def _keep(self, service: Service, guarded: Guarded) -> None:
        """Restart the service whenever it ends. Raises ServiceStoppedError if it keeps ending."""
        delays = iter(_BACKOFF_SECONDS)
        while True:
            began = time.monotonic()
            end = processes.describe_end(await guarded.wait())
            if self._record.state != State.RUNNING:
                raise self._stopped(service, f"the {service.name} {end}")
            if time.monotonic() - began >= _STEADY_SECONDS:
                delays = iter(_BACKOFF_SECONDS)
            if (delay := next(delays, None)) is None:
                times = len(_BACKOFF_SECONDS) + 1
                raise self._stopped(service, f"the {service.name} {end}, {times} times in a row")
            # Without its guard, the service may still run and hold its port.
            await asyncio.to_thread(processes.kill_marked, self._record.mark, service.name)
            self._count_end(service, f"{end} at {time.strftime('%H:%M:%S')}")
            with step(self._emit, service.name) as current:
                current.progress(f"{service.address}   {end}, restarting in {delay:.0f} s")
                await asyncio.sleep(delay)
                guarded = await self._launch(service, anew=False)
                # Not waiting until it is healthy: the wait for its next end begins at once.
                current.detail = f"{service.address}   {end}, restarted"

    def _count_end(self, service: Service, ended: str) -> None:
        changed = (
            replace(entry, restarts=entry.restarts + 1, ended=ended) if entry.name == service.name else entry
            for entry in self._record.services
        )
        self._write(services=tuple(changed))

    def _stopped(self, service: Service, what: str) -> ServiceStoppedError:
        return ServiceStoppedError(service, what, self._instance.log(service.name))

    async def _keep_logs(self, *, show_output: bool) -> None:
        followers = {name: logs.Follower(self._instance.log(name)) for name in self._running}
        async for name, line in logs.follow(followers):
            if show_output:
                self._emit(Line(name, line))
            with suppress(OSError):
                if (log := self._instance.log(name)).stat().st_size > logs.LARGEST_BYTES:
                    os.truncate(log, 0)


async def _probe(service: Service, current: Step) -> None:
    async with client() as asking:
        while (status := await answer(asking, service.health)) != HTTPStatus.OK:
            if status is not None:
                current.progress(f"{service.address}   answers {status}, not healthy yet")
            await asyncio.sleep(_PROBE_SECONDS)


async def answer(asking: "httpx2.AsyncClient", url: str, seconds: float = 2.0) -> int | None:
    """Return the HTTP status of the URL; None without an answer."""
    import httpx2

    with suppress(httpx2.HTTPError):
        return (await asking.get(url, timeout=seconds)).status_code
    return None


def _open_log(file: Path, *, anew: bool) -> IO[bytes]:
    """Open a log that only its owner can read: a new one, keeping the last, or the same one again.

    Raises AutomationError.
    """
    files.make_directory(file.parent)
    with errors.refused(f"{file} cannot be written"):
        if anew and file.exists():
            file.replace(file.with_suffix(".previous.log"))
        return open(file, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))
