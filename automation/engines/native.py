"""Runs the application as processes of this machine: no Docker, no database server, no key needed.

The environment comes first, because everything depends on it. Then the database and the backend start beside
the frontend, which needs neither until somebody opens a page.

`python -m automation.engines.native OPTIONS` is what `invoke up --detach` leaves behind: it takes the options
as JSON and reports its events as JSON lines. The options hold no secret: secrets travel in the environment.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from http import HTTPStatus

import psutil

from automation import paths, settings
from automation.console import errors
from automation.console.errors import AutomationError
from automation.console.events import Emit, Failed, Line, Notice, Result, StepFailed, from_mapping, step
from automation.console.output import JsonConsole
from automation.console.runner import perform
from automation.contract import environment, profiles
from automation.contract.models import SERVICES, Profile
from automation.engines.engine import Engine, Published, Python, ServiceStatus, Status, UpOptions, applied
from automation.engines.native_services import NativeServices
from automation.process import files, logs, ports, processes, supervisor
from automation.process.instance import Instance, Record, ServiceRecord, State
from automation.process.processes import Program
from automation.process.supervisor import ServiceStoppedError, Supervisor
from automation.project import frontend
from automation.settings import Settings

_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.1
# A development server that compiles a page on a busy machine answers nothing else meanwhile.
_PATIENCE_SECONDS = 15.0
_PORT_RACES = 3


class NativeEngine(Engine):
    """The engine whose services are processes of this machine."""

    name = "native"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._instance = Instance(settings.state_dir)

    @property
    def written(self) -> float:
        return max(files.modified(self._instance.log(name)) for name in SERVICES)

    async def data(self, *, ask: bool = True) -> str:  # noqa: ARG002 - no daemon is asked
        folder = self._settings.data_dir
        empty = not folder.is_dir() or not any(folder.iterdir())
        return "" if empty else f"SQLite in {paths.readable(folder, self._settings.root)}"

    async def running(self) -> bool:
        return self.address() is not None

    async def up(self, options: UpOptions, emit: Emit) -> None:
        if options.foreground:
            await self.supervise(options, emit)
        else:
            await _detach(self._settings, options, emit)

    async def supervise(self, options: UpOptions, emit: Emit) -> None:
        """Run the application in this process until it is stopped. Raises AutomationError."""
        profile = profiles.load(options.profile, self._settings.root)
        while not self._instance.acquire():
            if await self._join(options, emit):
                return
        try:
            await self._clean_up_crash()
            for races_left in reversed(range(_PORT_RACES if options.auto_port else 1)):
                if await self._up_once(options, profile, emit, last_attempt=not races_left):
                    return
        finally:
            self._instance.forget()
            self._instance.release()

    async def down(self, emit: Emit) -> None:
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
                current.detail = f"cleaned up after a crash, {count} process{'es' * (count != 1)} left"
                return
            current.progress("stopping the services")
            await _end(record)
            current.detail = "everything has stopped"

    async def status(self) -> Status:
        record = self._instance.read()
        if record is None:
            return Status(self.name, State.STOPPED)
        found = await asyncio.gather(*map(_service_status, record.services))
        services = {entry.name: status for entry, status in zip(record.services, found, strict=True)}
        state = record.state
        if state == State.RUNNING and {service.state for service in found} != {State.HEALTHY}:
            state = State.UNHEALTHY
        return Status(
            engine=record.engine,
            state=state,
            mode=record.mode,
            address=record.address,
            since=record.since,
            supervisor=record.supervisor.pid,
            services=dict(sorted(services.items())),
        )

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        written = {name: self._instance.log(name) for name in services}
        followers = {name: logs.Follower(file) for name, file in written.items()}
        for name, file in written.items():
            for line in logs.tail(file, lines):
                emit(Line(name, line))
        if follow:
            async for name, line in logs.follow(followers):
                emit(Line(name, line))
        elif not any(file.exists() for file in written.values()):
            emit(Notice(("Nothing has been written yet. Start the application with   invoke up",)))

    def address(self) -> str | None:
        record = self._instance.read_live()
        return record.address if record else None

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        profile = profiles.load(options.profile, self._settings.root)
        if record := self._instance.read_live():
            return (f"Nothing: the application is {record.state} at {record.address}.",)
        settings = self._plan_settings(profile)
        places = await Published(options.host, options.ports).settled(search=options.auto_port)
        server = "the production build" if options.production else "the development server"
        current = frontend.packages_current(self._settings.root)
        return (
            *settings,
            *([] if current else ["Install the frontend's packages: npm ci."]),
            *places.plan(f"{server} of the frontend"),
        )

    async def backend_python(self) -> Python:
        profile = profiles.load("", self._settings.root)
        values = environment.read(self._settings, profile)
        values.require_valid(self._settings.env_file_name)
        options = UpOptions(production=True)
        places = Published(options.host, options.ports)
        services = NativeServices(self._settings, options, profile, values.values, places, mark="")
        folder = self._settings.root / "backend"
        return Python(Program(sys.executable, services.backend_environ, folder))

    async def _up_once(self, options: UpOptions, profile: Profile, emit: Emit, *, last_attempt: bool) -> bool:
        """Run the application until it is stopped; False when a port was lost between choice and use."""
        places = Published(options.host, options.ports)
        record = self._instance.begin(self.name, options.mode, places.address)
        configured = environment.prepare(self._settings, profile, emit)
        places = await places.settled(search=options.auto_port, emit=emit)
        record = replace(record, address=places.address)
        self._instance.write(record)
        services = NativeServices(self._settings, options, profile, configured.values, places, record.mark)
        async with Supervisor(self._instance, record, emit) as running:

            async def start_backend() -> None:
                await self._migrate(services, emit)
                await running.start(services.backend())

            async def start_frontend() -> None:
                root, build = self._settings.root, None
                if not frontend.packages_current(root):
                    await frontend.install_packages(root, services.environ, emit)
                if options.production:
                    build = await frontend.build(root, services.environ, emit)
                await running.start(services.frontend(build))
                if not options.production:
                    await self._open_pages(places.address, emit)

            try:
                await running.all_of((start_backend(), start_frontend()))
            except ServiceStoppedError as error:
                name, port = error.service.name, error.service.port
                if not ports.held_by_other(port, running.pids):
                    raise
                if last_attempt:
                    raise await ports.taken(name, places.hosts[name], places.ports) from error
                return False
            running.mark_running()
            await self._welcome(places.address, options, profile, configured, emit)
            await running.run(show_output=options.foreground)
        return True

    async def _join(self, options: UpOptions, emit: Emit) -> bool:
        """Wait for what another process does: True when that is healthy, False when it has ended."""
        waiting_for = {State.STARTING, State.UNHEALTHY, State.STOPPING}
        if self._instance.read() is None:
            await asyncio.sleep(_POLL_SECONDS)
            return False
        with step(emit, "up") as current:
            while (status := await self.status()).state in waiting_for:
                current.progress(f"already {status.state} at {status.address}")
                await asyncio.sleep(_POLL_SECONDS)
            if status.state in {State.STOPPED, State.CRASHED}:
                current.detail = (
                    f"the previous run {'has ended' if status.state == State.STOPPED else 'was killed'}"
                )
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

    async def _migrate(self, services: NativeServices, emit: Emit) -> None:
        kind = "PostgreSQL" if services.values.get("DATABASE_URL") else "SQLite"
        with step(emit, "database") as current:
            current.progress(f"{kind}, applying migrations")
            data_dir, elsewhere = self._settings.data_dir, "set TODO_DATA_DIR to another folder"
            with errors.refused(f"the data directory {data_dir} cannot be written", elsewhere):
                data_dir.mkdir(parents=True, exist_ok=True)
                data_dir.chmod(0o700)
            output: list[str] = []
            named = f"check DATABASE_URL in {self._settings.env_file_name}"
            folder, environ = self._settings.root / "backend", services.backend_environ
            if await processes.follow(services.migration, output.append, cwd=folder, environ=environ):
                raise AutomationError(
                    f"{kind} could not be migrated",
                    details=[logs.clean(line) for line in output[-20:]],
                    remedies=[*([named] if kind == "PostgreSQL" else ()), "invoke doctor"],
                )
            count = sum(line.startswith("applied ") for line in output)
            current.detail = f"{kind}, {applied(count)}"


async def _end(record: Record) -> None:
    """Tell the supervisor to end, wait, and kill what is left."""
    with suppress(psutil.Error):
        process = psutil.Process(record.supervisor.pid)
        if record.supervisor.alive:
            process.send_signal(signal.SIGTERM)
        for _ in range(int(_STOP_SECONDS / _POLL_SECONDS)):
            if not record.supervisor.alive:
                break
            await asyncio.sleep(_POLL_SECONDS)
        else:
            process.kill()
    processes.kill_marked(record.mark)


async def _service_status(entry: ServiceRecord) -> ServiceStatus:
    again = ""
    if entry.restarts:
        again = f"restarted {entry.restarts} time{'s' * (entry.restarts != 1)}, it {entry.ended}"
    if not entry.process.alive:
        return ServiceStatus(State.STOPPED, entry.address, entry.port, entry.process.pid, detail=again)
    async with supervisor.client() as asking:
        answer = await supervisor.answer(asking, entry.health, _PATIENCE_SECONDS)
    state, detail = State.UNHEALTHY, f"answers {answer}"
    if answer == HTTPStatus.OK:
        state, detail = State.HEALTHY, ""
    elif answer is None:
        detail = f"no answer from {entry.health} within {_PATIENCE_SECONDS:.0f} s"
    detail = ", ".join(filter(None, (detail, again)))
    memory = processes.resident(entry.process.pid)
    fix = "" if state == State.HEALTHY else f"invoke logs --service {entry.name}"
    return ServiceStatus(state, entry.address, entry.port, entry.process.pid, memory, detail, fix)


async def _detach(current: Settings, options: UpOptions, emit: Emit) -> None:
    """Start in the background and relay the events until the application is healthy or has failed."""
    # Not with asyncio, which kills its processes when its loop ends.
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
        [sys.executable, "-m", "automation.engines.native", json.dumps(asdict(options))],
        cwd=current.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    other: list[str] = []
    failed = False
    try:
        while line := await asyncio.to_thread(process.stdout.readline):
            try:
                event = from_mapping(json.loads(line))
            except (ValueError, KeyError, TypeError):
                other.append(line.decode("utf-8", "replace").rstrip())
                continue
            emit(event)
            failed = failed or isinstance(event, Failed | StepFailed)
            if isinstance(event, Result):
                return
        error = AutomationError("the application was not started", details=other, remedies=["invoke up"])
        error.shown = failed
        code = await asyncio.to_thread(process.wait)
        error.exit_code = code if code > 0 else error.exit_code
        raise error
    except BaseException:
        process.terminate()
        process.wait()
        raise


def main() -> int:
    """Run until told to end; return the exit code."""
    options = UpOptions(**json.loads(sys.argv[1]))
    console = JsonConsole(sys.stdout, notices=True)
    return perform(console, NativeEngine(settings.load()).supervise(options, console), debug=False)


if __name__ == "__main__":
    sys.exit(main())
