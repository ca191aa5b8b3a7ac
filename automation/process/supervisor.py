"""Keeps a set of services running together: all are healthy, or none is left.

The services are data, so any command can be supervised. Each runs under a guard, writes to its own log file,
and is probed over HTTP.
"""

import asyncio
import os
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


def client() -> "httpx2.AsyncClient":
    """Return a client for a service of this machine, which no proxy of the environment is for."""
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
            with _open_log(self._instance.log(service.name)) as output:
                guarded = await processes.start(
                    service.command,
                    cwd=service.cwd,
                    environ={**service.environ, processes.MARK: self._record.mark},
                    grace=service.grace,
                    output=output,
                )
            self._running[service.name] = guarded
            entry = ServiceRecord(
                service.name, service.address, service.health, service.port, guarded.identity
            )
            self._write(services=(*self._record.services, entry))
            current.progress(f"{service.address}   starting")
            probe = asyncio.create_task(_probe(service, current))
            ending = asyncio.create_task(guarded.wait())
            try:
                await asyncio.wait(
                    {ending, probe}, timeout=service.patience, return_when=asyncio.FIRST_COMPLETED
                )
                if ending.done():
                    raise self._stopped(service, processes.describe_end(ending.result()))
                if not probe.done():
                    raise self._stopped(service, f"was not healthy within {service.patience:.0f} s")
                probe.result()
            finally:
                ending.cancel()
                probe.cancel()
            current.detail = f"{service.address}   healthy"
        self._watchers.add(asyncio.create_task(self._watch(service, guarded)))

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
        """Stay until a service ends, which raises ServiceStoppedError; stream the output until then."""
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

    async def _watch(self, service: Service, guarded: Guarded) -> None:
        raise self._stopped(service, f"the {service.name} {processes.describe_end(await guarded.wait())}")

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


def _open_log(file: Path) -> IO[bytes]:
    """Open a new log that only its owner can read; keep the last one. Raises AutomationError."""
    files.make_directory(file.parent)
    with errors.refused(f"{file} cannot be written"):
        if file.exists():
            file.replace(file.with_suffix(".previous.log"))
        return open(file, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))
