"""Runs the application as processes of this machine: no Docker, no database server, no key needed.

The environment comes first, because everything depends on it. Then the database and the backend are made
ready beside the frontend, which needs neither until somebody opens a page.
"""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import psutil

from automation import paths
from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Line, Notice, Result, step
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.engines import background
from automation.engines.engine import ServiceStatus, Status, UpOptions, welcome
from automation.process import addresses, files, logs, ports, processes
from automation.process.instance import Instance, ServiceRecord, State
from automation.process.processes import Identity
from automation.process.supervisor import Service, ServiceStoppedError, Supervisor
from automation.project import frontend, node
from automation.settings import Settings

_STATUS_SECONDS = 2.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.1
_PORT_RACES = 3
# What the shell may hold for other programs and must not decide here.
_FOREIGN = ("PORT", "HOST", "HOSTNAME", "NODE_ENV", "NODE_OPTIONS", "PYTHONHOME", "PYTHONPATH")


class NativeEngine:
    """The engine whose services are processes of this machine."""

    name = "native"

    def __init__(self, settings: Settings) -> None:
        """Take the settings, whose state directory names the instance."""
        self._settings = settings
        self._instance = Instance(settings.state_dir)

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services that run as processes."""
        return SERVICES

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
        """Run the application in this process until it is told to end. Raises AutomationError."""
        profile = profiles.load(options.profile, self._settings.root)
        while not self._instance.acquire():
            if await self._join(options, emit):
                return
        try:
            await self._clear_crash()
            for attempt in range(_PORT_RACES):
                last = not options.auto_port or attempt == _PORT_RACES - 1
                if await self._up_once(options, profile, emit, last_attempt=last):
                    return
        finally:
            self._instance.forget()
            self._instance.release()

    async def down(self, emit: Emit) -> None:
        """Stop what runs, and clear away what a crash left."""
        while (record := self._instance.read()) is None:
            # Another process may have begun to start and not yet have written down so.
            if self._instance.acquire():
                self._instance.release()
                emit(Notice(("Nothing is running.",)))
                return
            await asyncio.sleep(_POLL_SECONDS)
        with step(emit, "stop") as current:
            if record.state == State.CRASHED:
                count = await self._clear_crash()
                current.detail = f"cleared away after a crash, {_count(count, 'process')} left"
                return
            current.progress("asking the services to end")
            await _end(record.supervisor, record.mark)
            current.detail = "everything has ended"

    async def status(self) -> Status:
        """Return the application as it is now, each service asked for its health."""
        record = self._instance.read()
        if record is None:
            return Status(self.name, State.STOPPED)
        services = await asyncio.gather(*(_service_status(each) for each in record.services))
        states = {each.state for each in services}
        state = (
            State.UNHEALTHY if record.state == State.RUNNING and states != {State.HEALTHY} else record.state
        )
        return Status(
            engine=record.engine,
            state=state,
            mode=record.mode,
            address=record.address,
            since=record.since,
            supervisor=record.supervisor.pid,
            services=dict(sorted(zip((each.name for each in record.services), services, strict=True))),
        )

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' output, and with `follow` what comes after."""
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

    @property
    def written(self) -> float:
        """When a service wrote last, in seconds since the epoch; 0 while none has."""
        return max(files.modified(self._instance.log(name)) for name in SERVICES)

    def address(self) -> str | None:
        """Return the address that people open; None while nothing runs."""
        record = self._instance.read()
        return record.address if record and record.state != State.CRASHED else None

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, a sentence each. Raises AutomationError as `up` would."""
        profile = profiles.load(options.profile, self._settings.root)
        record = self._instance.read()
        if record is not None and record.state != State.CRASHED:
            return (f"Nothing: the application is {record.state} at {record.address}.",)
        root, env_file = self._settings.root, self._settings.env_file_name
        made = environment.initialise(self._settings, profile, dry_run=True)
        if not made:
            environment.read(self._settings, profile).require_valid(env_file)
        plan = _Plan(self._settings, options, profile)
        plan.choose_ports()
        server = "the production build" if options.production else "the development server"
        steps = [
            f"Make {env_file} with a generated {' and '.join(made)}." if made else "",
            "" if frontend.packages_current(root) else "Install the frontend's packages: npm ci.",
            "Bring the database's schema up to date: python -m app.database.migrate.",
            f"Start the backend at {plan.backend_address}.",
            f"Start {server} of the frontend at {plan.frontend_address}.",
        ]
        return tuple(each for each in steps if each)

    async def _up_once(self, options: UpOptions, profile: Profile, emit: Emit, *, last_attempt: bool) -> bool:
        """Run the application until it is stopped; False when a port was lost between choice and use."""
        plan = _Plan(self._settings, options, profile)
        mode = "production" if options.production else "development"
        record = self._instance.begin(self.name, mode, plan.frontend_address)
        values = environment.prepare(self._settings, profile, emit)
        plan.choose_ports(emit)
        record = replace(record, address=plan.frontend_address)
        self._instance.write(record)
        base = _base_environ(self._settings, profile, values)
        backend_environ = plan.backend_environ(base, values)
        async with Supervisor(self._instance, record, emit) as supervisor:

            async def backend() -> None:
                await self._migrate(backend_environ, record.mark, values, emit)
                await supervisor.start(plan.backend(backend_environ))

            async def front() -> None:
                build = await self._prepare_frontend(base, record.mark, emit, production=options.production)
                await supervisor.start(plan.frontend(base, values, build))

            try:
                await supervisor.all_of((backend(), front()))
            except ServiceStoppedError as error:
                if not ports.held_by_other(error.service.port, supervisor.pids):
                    raise
                if last_attempt:
                    raise plan.port_taken(error.service.name, error.service.port) from error
                return False
            emit(Notice(welcome(self.name, plan.frontend_address, options, profile, values, self._settings)))
            supervisor.mark_running()
            emit(Result((await self.status()).to_mapping()))
            await supervisor.run(show_output=options.foreground)
        return True

    async def _join(self, options: UpOptions, emit: Emit) -> bool:
        """Wait for what another process is doing: True when that is healthy, False when it has ended."""
        mode = "production" if options.production else "development"
        waiting_for = {State.STARTING, State.UNHEALTHY, State.STOPPING, State.STOPPED}
        if self._instance.read() is None:
            await asyncio.sleep(_POLL_SECONDS)
            return False
        with step(emit, "up") as current:
            while (status := await self.status()).state in waiting_for:
                if status.state == State.STOPPED:
                    current.detail = "the one that was there has ended"
                    return False
                current.progress(f"already {status.state} at {status.address}")
                await asyncio.sleep(_POLL_SECONDS)
            if status.state == State.CRASHED:
                current.detail = "the one that was there was killed"
                return False
            if status.mode != mode:
                raise AutomationError(
                    f"the application runs already, in {status.mode} mode",
                    why=f"it is at {status.address}",
                    remedies=[f"invoke down, then   invoke up{' --prod' * options.production}"],
                )
            current.detail = f"already running at {status.address}"
        emit(Result(status.to_mapping()))
        return True

    async def _clear_crash(self) -> int:
        """End what a supervisor that was killed left behind. Returns the number of processes."""
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

    async def _migrate(self, environ: Mapping[str, str], mark: str, values: Environment, emit: Emit) -> None:
        kind = "PostgreSQL" if values.values.get("DATABASE_URL") else "SQLite"
        with step(emit, "database") as current:
            current.progress(f"{kind}, bringing the schema up to date")
            files.make_directory(self._settings.data_dir)
            output: deque[str] = deque(maxlen=20)
            applied = 0
            command = [sys.executable, "-m", "app.database.migrate"]
            cwd = self._settings.root / "backend"
            async with processes.running(command, cwd=cwd, environ=environ, mark=mark) as migration:
                async for line in processes.lines(migration):
                    applied += line.startswith("applied ")
                    output.append(logs.clean(line))
                if await migration.wait() != 0:
                    raise AutomationError(
                        f"{kind} could not be brought up to date",
                        details=list(output),
                        remedies=[f"DATABASE_URL in {self._settings.env_file_name}", "invoke doctor"],
                    )
            current.detail = (
                f"{kind}, {_count(applied, 'migration')} applied" if applied else f"{kind}, up to date"
            )


class _Plan:
    """The services as they will be started: ports, addresses, commands, environments."""

    def __init__(self, settings: Settings, options: UpOptions, profile: Profile) -> None:
        self._settings = settings
        self._options = options
        self._profile = profile
        self._ports = {"backend": options.backend_port, "frontend": options.frontend_port}
        if options.backend_port == options.frontend_port:
            raise UsageError(
                f"port {options.backend_port} is asked for twice",
                why="the frontend and the backend need a port each",
            )

    @property
    def backend_address(self) -> str:
        return f"http://localhost:{self._ports['backend']}"

    @property
    def frontend_address(self) -> str:
        return addresses.public(self._options.host, self._ports["frontend"])

    @property
    def _hosts(self) -> dict[str, str]:
        # Only the frontend is for others: it passes /api on, so the backend stays on this machine.
        return {"backend": addresses.LOOPBACK, "frontend": self._options.host}

    def choose_ports(self, emit: Emit | None = None) -> None:
        """Settle the ports; every one that is taken is shown. Raises PortTakenError."""
        search = self._options.auto_port
        failures = []
        for name in SERVICES:
            others = {port for other, port in self._ports.items() if other != name}
            try:
                self._ports[name] = ports.choose(
                    self._hosts[name], self._ports[name], search=search, avoid=others
                )
            except ports.PortTakenError:
                failures.append((name, self.port_taken(name, self._ports[name])))
        for name, failure in failures:
            if emit is not None:
                with suppress(ports.PortTakenError), step(emit, name):
                    raise failure
        if failures:
            raise failures[0][1]

    def port_taken(self, name: str, port: int) -> ports.PortTakenError:
        """Return the error that names who holds the port and what to do."""
        remedies = ["invoke up --auto-port"]
        with suppress(AutomationError):
            free = ports.choose(self._hosts[name], port, search=True, avoid=self._ports.values())
            remedies.append(f"invoke up --{name}-port {free}")
        return ports.PortTakenError(f"port {port} is taken by {ports.holder(port)}", remedies=remedies)

    def backend_environ(self, base: Mapping[str, str], values: Environment) -> dict[str, str]:
        """Return the backend's whole environment."""
        origins = addresses.origins(self._options.host, self._ports["frontend"])
        given = values.values
        return {
            **base,
            "AGENT_PROVIDER": self._profile.backend.environment.provider,
            "FRONTEND_URL": self.frontend_address,
            "BETTER_AUTH_URL": given.get("FRONTEND_URL", self.frontend_address),
            "LOG_FORMAT": "json" if self._options.production else "console",
            **given,
            "TRUSTED_ORIGINS": ",".join(filter(None, (given.get("TRUSTED_ORIGINS"), *origins))),
            "DATA_DIR": str(self._settings.data_dir),
            "HOST": self._hosts["backend"],
            "PORT": str(self._ports["backend"]),
            "PYTHONPATH": str(paths.backend_source(self._settings.root)),
            "PYTHONUNBUFFERED": "1",
        }

    def backend(self, environ: Mapping[str, str]) -> Service:
        """Return the backend as a service."""
        source = str(paths.backend_source(self._settings.root))
        host, port = self._hosts["backend"], self._ports["backend"]
        server = (
            ("uvicorn",)
            if self._options.production
            else ("app.reloading", "--reload", "--reload-dir", source)
        )
        drain = 10 if self._options.production else 1
        return Service(
            name="backend",
            command=(
                sys.executable, "-m", *server, "app.main:app", "--host", host, "--port", str(port),
                "--timeout-graceful-shutdown", str(drain),
            ),
            cwd=self._settings.root / "backend",
            environ=environ,
            port=port,
            address=self.backend_address,
            health=f"http://{host}:{port}/ready",
            grace=drain + 2.0,
        )  # fmt: skip

    def frontend(self, base: Mapping[str, str], values: Environment, build: Path | None) -> Service:
        """Return the frontend as a service: from the build, or without one in development mode."""
        folder = paths.frontend(self._settings.root)
        host, port = self._hosts["frontend"], self._ports["frontend"]
        if build is None:
            script = str(folder / "node_modules" / "next" / "dist" / "bin" / "next")
            command = node.node(script, "dev", "--hostname", host, "--port", str(port))
        else:
            command = node.node(str(build / "server.js"))
        near = addresses.LOOPBACK if host in addresses.EVERYWHERE else addresses.bracketed(host)
        local = f"http://{near}:{port}"
        return Service(
            name="frontend",
            command=command,
            cwd=build or folder,
            environ={
                **node.environ(base),
                "API_URL": f"http://{self._hosts['backend']}:{self._ports['backend']}",
                "HOSTNAME": host,
                "PORT": str(port),
                "NODE_ENV": "development" if build is None else "production",
                **({"VERSION": values.values["VERSION"]} if "VERSION" in values.values else {}),
            },
            port=port,
            address=self.frontend_address,
            health=f"{local}/health",
            warm_up=f"{local}/",
        )


async def _end(supervisor: Identity, mark: str) -> None:
    """Ask the supervisor to end, wait, and see to it that nothing is left."""
    with suppress(psutil.Error):
        process = psutil.Process(supervisor.pid)
        if supervisor.alive:
            process.send_signal(signal.SIGTERM)
        if not await processes.ended(supervisor, _STOP_SECONDS):
            process.kill()
    processes.kill_marked(mark)


async def _service_status(entry: ServiceRecord) -> ServiceStatus:
    state, memory = State.STOPPED, 0
    if entry.process.alive:
        state = State.UNHEALTHY
        with suppress(psutil.Error):
            tree = psutil.Process(entry.process.pid).children(recursive=True)
            memory = sum(process.memory_info().rss for process in tree)
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=_STATUS_SECONDS) as client:
            with suppress(httpx2.HTTPError):
                if (await client.get(entry.health)).status_code == httpx2.codes.OK:
                    state = State.HEALTHY
    return ServiceStatus(state, entry.address, entry.port, entry.process.pid, memory)


def _base_environ(settings: Settings, profile: Profile, values: Environment) -> dict[str, str]:
    """Return the shell's environment without what belongs to the application, its secrets above all."""
    own = {*values.values, *_FOREIGN}
    base = environment.without_application(settings.environ, profile)
    return {name: value for name, value in base.items() if name not in own}


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
