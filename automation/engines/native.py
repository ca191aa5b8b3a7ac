"""Runs the application as processes of this machine: no Docker, no database server, no key needed.

The environment comes first, because everything depends on it. Then the database and the backend start beside
the frontend, which needs neither until somebody opens a page.
"""

import asyncio
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import psutil

from automation import paths
from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Notice, Result, step
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.engines import background
from automation.engines.engine import ServiceStatus, Status, UpOptions, making_settings, welcome
from automation.engines.native_services import NativeServices
from automation.process import files, logs, ports, processes
from automation.process.instance import Instance, Record, ServiceRecord, State
from automation.process.supervisor import ServiceStoppedError, Supervisor
from automation.project import frontend
from automation.settings import Settings

_STATUS_SECONDS = 2.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.1
_PORT_RACES = 3


class NativeEngine:
    """The engine whose services are processes of this machine."""

    name = "native"
    services = SERVICES

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._instance = Instance(settings.state_dir)

    @property
    def written(self) -> float:
        """When a service last wrote, in seconds since the epoch; 0 if none did."""
        return max(files.modified(self._instance.log(name)) for name in SERVICES)

    async def data(self, *, ask: bool = True) -> str:  # noqa: ARG002 - of the protocol; here no daemon is asked
        """Return where the data is; empty if there is none."""
        folder = self._settings.data_dir
        empty = not folder.is_dir() or not any(folder.iterdir())
        return "" if empty else f"SQLite in {paths.readable(folder, self._settings.root)}"

    async def running(self) -> bool:
        """Return whether the application runs, healthy or not."""
        return self.address() is not None

    async def up(self, options: UpOptions, emit: Emit) -> None:
        """Start what is not running and wait until it is healthy; in the foreground, stay with it."""
        if options.foreground:
            await self.supervise(options, emit)
        else:
            await background.up(self._settings, options, emit)

    async def supervise(self, options: UpOptions, emit: Emit) -> None:
        """Run the application in this process until it is stopped. Raises AutomationError."""
        profile = profiles.load(options.profile, self._settings.root)
        while not self._instance.acquire():
            if await self._join(options, emit):
                return
        try:
            await self._clean_up_crash()
            for attempt in range(_PORT_RACES):
                last = not options.auto_port or attempt == _PORT_RACES - 1
                if await self._up_once(options, profile, emit, last_attempt=last):
                    return
        finally:
            self._instance.forget()
            self._instance.release()

    async def down(self, emit: Emit) -> None:
        """Stop what runs, and clean up after a crash."""
        while (record := self._instance.read()) is None:
            # Another process may have begun to start without a record yet.
            if self._instance.acquire():
                self._instance.release()
                emit(Notice(("Nothing is running.",)))
                return
            await asyncio.sleep(_POLL_SECONDS)
        with step(emit, "stop") as current:
            if record.state == State.CRASHED:
                count = await self._clean_up_crash()
                current.detail = f"cleaned up after a crash, {_count(count, 'process')} left"
                return
            current.progress("stopping the services")
            await _end(record)
            current.detail = "everything has stopped"

    async def status(self) -> Status:
        """Return the application as it is now, with the health of each service."""
        record = self._instance.read()
        if record is None:
            return Status(self.name, State.STOPPED)
        services = await asyncio.gather(*map(_service_status, record.services))
        state = record.state
        if state == State.RUNNING and {service.state for service in services} != {State.HEALTHY}:
            state = State.UNHEALTHY
        return Status(
            engine=record.engine,
            state=state,
            mode=record.mode,
            address=record.address,
            since=record.since,
            supervisor=record.supervisor.pid,
            services=dict(sorted(zip((entry.name for entry in record.services), services, strict=True))),
        )

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' output; with `follow`, keep streaming new output."""
        followers = {}
        for name in services:
            file = self._instance.log(name)
            position = file.stat().st_size if file.exists() else 0
            for line in logs.tail(file, lines):
                emit(Line(name, line))
            followers[name] = logs.Follower(file, position)
        if not follow and not any(self._instance.log(name).exists() for name in services):
            emit(Notice(("Nothing has been written yet. Start the application with   invoke up",)))
        if follow:
            async for name, line in logs.follow(followers):
                emit(Line(name, line))

    def address(self) -> str | None:
        """Return the address that people open; None while nothing runs."""
        record = self._instance.read_live()
        return record.address if record else None

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, one sentence each. Raises AutomationError as `up` would."""
        profile = profiles.load(options.profile, self._settings.root)
        if record := self._instance.read_live():
            return (f"Nothing: the application is {record.state} at {record.address}.",)
        settings = making_settings(self._settings, profile)
        services = await NativeServices.settle(self._settings, options, profile)
        server = "the production build" if options.production else "the development server"
        current = frontend.packages_current(self._settings.root)
        return (
            *settings,
            *([] if current else ["Install the frontend's packages: npm ci."]),
            "Migrate the database: python -m app.database.migrate.",
            f"Start the backend at {services.address_of('backend')}.",
            f"Start {server} of the frontend at {services.address}.",
        )

    async def _up_once(self, options: UpOptions, profile: Profile, emit: Emit, *, last_attempt: bool) -> bool:
        """Run the application until it is stopped; False when a port was lost between choice and use."""
        planned = NativeServices(self._settings, options, profile, options.ports)
        record = self._instance.begin(self.name, options.mode, planned.address)
        values = environment.prepare(self._settings, profile, emit)
        services = await NativeServices.settle(self._settings, options, profile, emit)
        record = replace(record, address=services.address)
        self._instance.write(record)
        base = services.base_environ(values)
        backend_environ = services.backend_environ(base, values)
        async with Supervisor(self._instance, record, emit) as supervisor:

            async def start_backend() -> None:
                await self._migrate(services, backend_environ, record.mark, values, emit)
                await supervisor.start(services.backend(backend_environ))

            async def start_frontend() -> None:
                build = await self._prepare_frontend(base, record.mark, emit, production=options.production)
                await supervisor.start(services.frontend(base, values, build))

            try:
                await supervisor.all_of((start_backend(), start_frontend()))
            except ServiceStoppedError as error:
                if not ports.held_by_other(error.service.port, supervisor.pids):
                    raise
                if last_attempt:
                    raise await services.port_taken(error.service.name) from error
                return False
            emit(Notice(welcome(self.name, services.address, options, profile, values, self._settings)))
            supervisor.mark_running()
            emit(Result((await self.status()).to_mapping()))
            await supervisor.run(show_output=options.foreground)
        return True

    async def _join(self, options: UpOptions, emit: Emit) -> bool:
        """Wait for what another process does: True when that is healthy, False when it has ended."""
        waiting_for = {State.STARTING, State.UNHEALTHY, State.STOPPING, State.STOPPED}
        if self._instance.read() is None:
            await asyncio.sleep(_POLL_SECONDS)
            return False
        with step(emit, "up") as current:
            while (status := await self.status()).state in waiting_for:
                if status.state == State.STOPPED:
                    current.detail = "the previous run has ended"
                    return False
                current.progress(f"already {status.state} at {status.address}")
                await asyncio.sleep(_POLL_SECONDS)
            if status.state == State.CRASHED:
                current.detail = "the previous run was killed"
                return False
            if status.mode != options.mode:
                raise AutomationError(
                    f"the application is already running, in {status.mode} mode",
                    why=f"it is at {status.address}",
                    remedies=[f"invoke down, then   invoke up{' --prod' * options.production}"],
                )
            current.detail = f"already running at {status.address}"
        emit(Result(status.to_mapping()))
        return True

    async def _clean_up_crash(self) -> int:
        """End what a killed supervisor left behind. Returns the number of processes."""
        record = self._instance.read()
        if record is None or record.state != State.CRASHED:
            return 0
        count = processes.kill_marked(record.mark)
        self._instance.forget()
        return count

    async def _prepare_frontend(
        self, base: Mapping[str, str], mark: str, emit: Emit, *, production: bool
    ) -> Path | None:
        root = self._settings.root
        if not frontend.packages_current(root):
            with step(emit, "packages") as current:
                await frontend.install_packages(root, base, mark, current)
        if not production:
            return None
        with step(emit, "build") as current:
            return await frontend.build(root, base, mark, current)

    async def _migrate(
        self, services: NativeServices, environ: Mapping[str, str], mark: str, values: Environment, emit: Emit
    ) -> None:
        kind = "PostgreSQL" if values.values.get("DATABASE_URL") else "SQLite"
        with step(emit, "database") as current:
            current.progress(f"{kind}, applying migrations")
            files.make_directory(self._settings.data_dir)
            output: deque[str] = deque(maxlen=20)
            applied = 0
            async with processes.running(
                services.migration, cwd=self._settings.root / "backend", environ=environ, mark=mark
            ) as migration:
                async for line in processes.lines(migration):
                    applied += line.startswith("applied ")
                    output.append(logs.clean(line))
                if await migration.wait() != 0:
                    raise AutomationError(
                        f"{kind} could not be migrated",
                        details=list(output),
                        remedies=[f"DATABASE_URL in {self._settings.env_file_name}", "invoke doctor"],
                    )
            done = f"{_count(applied, 'migration')} applied" if applied else "up to date"
            current.detail = f"{kind}, {done}"


async def _end(record: Record) -> None:
    """Tell the supervisor to end, wait, and kill what is left."""
    with suppress(psutil.Error):
        process = psutil.Process(record.supervisor.pid)
        if record.supervisor.alive:
            process.send_signal(signal.SIGTERM)
        if not await processes.ended(record.supervisor, _STOP_SECONDS):
            process.kill()
    processes.kill_marked(record.mark)


async def _service_status(entry: ServiceRecord) -> ServiceStatus:
    state, memory = State.STOPPED, 0
    if entry.process.alive:
        state = State.UNHEALTHY
        memory = sum(map(processes.resident, processes.children(entry.process.pid)))
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=_STATUS_SECONDS) as client:
            with suppress(httpx2.HTTPError):
                if (await client.get(entry.health)).status_code == httpx2.codes.OK:
                    state = State.HEALTHY
    return ServiceStatus(state, entry.address, entry.port, entry.process.pid, memory)


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
