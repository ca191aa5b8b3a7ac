"""Runs the application in containers, through Docker Compose.

Docker keeps what runs, so nothing of this process has to stay: what is written down is only which files and
choices belong to the containers. The containers themselves are found by the project's name.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace

from automation import paths
from automation.console.errors import AutomationError, UsageError
from automation.console.events import (
    Emit,
    Line,
    Notice,
    Result,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
    StepStopped,
    step,
)
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.docker import compose_project
from automation.docker.cli import Docker, explain
from automation.docker.compose_project import Change, ComposeError, Container, Project
from automation.engines.engine import ServiceStatus, Status, UpOptions, welcome
from automation.images import build
from automation.images.plan import Options, Plan, plan_all
from automation.process import addresses, files, locking, ports, processes
from automation.process.instance import State
from automation.process.processes import Guarded
from automation.settings import Settings

_HOST = "host.docker.internal"
"""The name under which containers reach this machine."""
_TRIES = 5
_NETWORK_TAKEN = r"(?i)pool overlaps|overlaps with (other|existing)"
_PORT_TAKEN = r"(?i)port is already allocated|address already in use|ports are not available"
_FIRST_SIGNAL_CODE = 128
# 0, and the codes after SIGTERM and SIGKILL: Docker was asked to stop it.
_ASKED_TO_END = {0, 137, 143}
_LAST_LINES = 20
_VOLUMES_AMONG_SOURCES = ("node_modules", ".next")
_STEP_NAMES = {compose_project.MIGRATION: "database", compose_project.DATABASE: "postgres"}
_NAMES_A_SERVER = ("OPENAI_BASE_URL", "DATABASE_URL")


@dataclass(frozen=True)
class Record:
    """What was chosen when the containers were started."""

    project: str
    files: tuple[str, ...]
    profile: str
    mode: str
    """`development` or `production`."""
    database: str
    host: str
    """The address that the frontend is published on."""
    ports: Mapping[str, int]
    """The ports of this machine, by service."""
    network_prefix: str
    since: float
    """Seconds since the epoch."""

    @property
    def address(self) -> str:
        """The address that people open."""
        return self.address_of("frontend")

    def host_of(self, service: str) -> str:
        """Return where a service is published. Only the frontend is for others: it passes /api on."""
        return self.host if service == "frontend" else addresses.LOOPBACK

    def address_of(self, service: str) -> str:
        """Return the address of a service on this machine."""
        return addresses.public(self.host_of(service), self.ports[service])

    @property
    def choice(self) -> tuple[str, ...]:
        """What cannot be changed without stopping first."""
        return (self.profile, self.mode, self.database)


class ComposeEngine:
    """The engine whose services are containers."""

    name = "compose"

    def __init__(self, settings: Settings) -> None:
        """Take the settings, whose state directory names the project."""
        self._settings = settings
        self._file = settings.state_dir / "compose.json"
        self._end_mark = settings.state_dir / "compose.ended"

    @property
    def recorded(self) -> bool:
        """Whether containers were started from here and have not been taken down again."""
        return self._record() is not None

    @property
    def written(self) -> float:
        """When the containers were started or taken down last, in seconds since the epoch; 0 if never."""
        return max(files.modified(self._file), files.modified(self._end_mark))

    @property
    def ended(self) -> float:
        """When containers were taken down, in seconds since the epoch; 0 before, and after the next start."""
        return self._end_mark.stat().st_mtime if self._end_mark.exists() else 0.0

    @property
    def services(self) -> tuple[str, ...]:
        """The services that last: the database too, where it is a container."""
        record = self._record()
        return (
            (*SERVICES, compose_project.DATABASE)
            if record and record.database == compose_project.DATABASE
            else SERVICES
        )

    def database(self, url: str) -> str:
        """Return where the data of containers is; nothing when it is on the server of DATABASE_URL."""
        record = self._record()
        name = record.project if record else compose_project.project_name(self._settings)
        chosen = record.database if record else ""
        if chosen == compose_project.DATABASE:
            return f"PostgreSQL in the volume {name}_{compose_project.DATABASE}"
        return "" if url and not chosen else f"SQLite in the volume {name}_data"

    async def running(self) -> bool:
        """Whether containers that were started from here run, healthy or not."""
        if not self.recorded:
            return False
        containers = await self._project(Docker.find(self._settings)).containers()
        return any(_is_up(containers[name]) for name in SERVICES if name in containers)

    async def up(self, options: UpOptions, emit: Emit) -> None:
        """Start what is not running or has changed and wait until it is healthy. Raises AutomationError."""
        compose_project.check_database(options.database)
        docker = Docker.find(self._settings)
        async with self._alone(emit):
            started = await self._start(docker, options, emit)
        if started and options.foreground:
            await self._stay(started, emit)

    async def down(self, emit: Emit) -> None:
        """Stop what runs and remove it. The volumes stay, and with them the data."""
        docker = Docker.find(self._settings)
        async with self._alone(emit):
            project = self._project(docker)
            if not await project.containers():
                self._forget()
                emit(Notice(("Nothing is running.",)))
                return
            await self._take_down(docker, emit)

    async def volumes(self) -> tuple[str, ...]:
        """Return the names of the volumes that hold the data of this checkout."""
        return await self._project(Docker.find(self._settings)).volumes()

    async def remove_volumes(self, names: Sequence[str], emit: Emit) -> None:
        """Delete the volumes and the data in them. Raises DockerError."""
        with step(emit, "data") as current:
            await Docker.find(self._settings).run("volume", "rm", *names)
            current.detail = f"{', '.join(names)} deleted"

    async def status(self) -> Status:
        """Return the application as it is now."""
        record = self._record()
        project = self._project(Docker.find(self._settings))
        containers = await project.containers()
        found = {name: containers[name] for name in self.services if name in containers}
        if record is None or not any(_is_up(found[name]) for name in SERVICES if name in found):
            return Status(self.name, State.STOPPED)
        memory = await asyncio.gather(*(project.memory(each) for each in found.values()))
        services = {
            name: _service_status(record, each, used)
            for (name, each), used in zip(found.items(), memory, strict=True)
        }
        states = {each.state for each in services.values()}
        if states == {State.HEALTHY} and len(found) == len(self.services):
            state = State.RUNNING
        else:
            state = State.STARTING if State.STARTING in states else State.UNHEALTHY
        return Status(self.name, state, record.mode, record.address, record.since, services=services)

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        """Emit the last lines of the services' output, and with `follow` what comes after."""
        if self.ended:
            words = "What the containers wrote went with them. Start the application with   invoke up"
            emit(Notice((words,)))
            return
        project = self._project(Docker.find(self._settings))
        if not await project.containers():
            emit(Notice(("Nothing has been written yet. Start the application with   invoke up",)))
            return
        async with project.follow(services, lines, on=follow) as process:
            await _show(process, emit)

    def address(self) -> str | None:
        """Return the address that people open; None while nothing was started."""
        record = self._record()
        return record.address if record else None

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        """Return what `up` would do, a sentence each. Raises AutomationError as `up` would."""
        compose_project.check_database(options.database)
        docker = Docker.find(self._settings)
        running = await self._current()
        if running:
            now = (await self.status()).services
            held = [name for name, each in now.items() if each.state == State.PAUSED]
            if held:
                return tuple(f"Start the {name}, which is paused." for name in held)
            return (f"Nothing, unless an image has changed: the application is at {running.address}.",)
        profile = profiles.load(options.profile, self._settings.root)
        made = environment.initialise(self._settings, profile, dry_run=True)
        if not made:
            environment.read(self._settings, profile).require_valid(self._settings.env_file_name)
        wanted = await self._choose_ports(docker, self._wanted(profile, options, None), options)
        plans = await self._plans(profile, options)
        work = zip(plans, await build.look(docker, plans), strict=True)
        postgres = wanted.database == compose_project.DATABASE
        steps = [
            f"Make {self._settings.env_file_name} with a generated {' and '.join(made)}." if made else "",
            *(f"{each.reference}: {state.missing_work}." for each, state in work if state.missing_work),
            "Start PostgreSQL." if postgres else "",
            "Bring the database's schema up to date: python -m app.database.migrate.",
            f"Start the backend at {wanted.address_of('backend')}.",
            f"Start the frontend at {wanted.address}.",
        ]
        return tuple(each for each in steps if each)

    async def _start(self, docker: Docker, options: UpOptions, emit: Emit) -> Project | None:
        """Bring the containers to what is wanted; return their project, or None when nothing was to do."""
        running = await self._current()
        name = options.profile or (running.profile if running else "")
        profile = profiles.load(name, self._settings.root)
        wanted = self._wanted(profile, options, running)
        if running and running.choice != wanted.choice:
            raise AutomationError(
                f"the application runs already, {_described(running)}",
                why=f"it is at {running.address}, and asked for is {_described(wanted)}",
                remedies=["invoke down, then the same command again"],
            )
        values = environment.prepare(self._settings, profile, emit, also=_secrets(profile, wanted))
        if not running:
            # Before anything is built: that takes longer than a person wants to wait for this news.
            wanted = await self._choose_ports(docker, wanted, options, emit)
        plans = await self._plans(profile, options)
        if any(state.missing_work for state in await build.look(docker, plans)):
            for outcome in await build.converge(docker, plans, emit):
                build.record(self._settings, outcome)
        start = _Start(self._settings, docker, profile, values, plans, options, emit)
        if running and await start.is_done(running):
            with step(emit, "up") as current:
                current.detail = f"already running at {running.address}"
            emit(Result((await self.status()).to_mapping()))
            return None
        for name in start.translated:
            emit(Notice((f"note: {name} names this machine, which containers reach as {_HOST}",)))
        try:
            wanted = await start.run(wanted, self._write)
        except asyncio.CancelledError:
            await self._take_down(docker, emit)
            raise
        except AutomationError:
            # Nothing runs on in parts; what was written is kept for `logs`.
            await self._project(docker).stop()
            raise
        emit(Notice(welcome(self.name, wanted.address, options, profile, values, self._settings)))
        emit(Result((await self.status()).to_mapping()))
        return self._project(docker)

    async def _stay(self, project: Project, emit: Emit) -> None:
        """Show what the services write until they have ended, or until Ctrl-C, which ends them."""
        watching = asyncio.create_task(self._watch(project, emit))
        try:
            async with project.follow(SERVICES, 0, on=True) as process:
                reading = asyncio.create_task(_show(process, emit))
                done, _ = await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                for each in done:
                    each.result()
            emit(Notice(("", "The application was stopped.")))
        except (asyncio.CancelledError, AutomationError):
            await self._take_down(project.docker, emit)
            raise
        finally:
            watching.cancel()

    async def _watch(self, project: Project, emit: Emit) -> None:
        """Tell of containers that end; return when none runs, and raise AutomationError for a failure."""
        async for service, code in compose_project.ends(project.docker, project.name):
            now = await project.containers()
            if not any(map(_is_up, now.values())):
                return
            if service not in now or code in _ASKED_TO_END:
                continue
            if now[service].state == "exited":
                raise await _failure(project, now[service], self._settings)
            emit(Notice((f"The {service} {_end(now[service], code)}; Docker starts it again.",)))

    async def _take_down(self, docker: Docker, emit: Emit) -> None:
        project = self._project(docker)
        with step(emit, "stop") as current:
            current.progress("asking the containers to end")
            try:
                await project.down()
            except asyncio.CancelledError:
                await project.down(seconds=0)
                raise
            self._forget()
            current.detail = "everything has ended, the data stays"

    async def _choose_ports(
        self, docker: Docker, wanted: Record, options: UpOptions, emit: Emit | None = None
    ) -> Record:
        """Settle the ports; every one that is taken is shown. Raises PortTakenError."""
        failures = []
        for name in SERVICES:
            host, port = wanted.host_of(name), wanted.ports[name]
            others = [other for each, other in wanted.ports.items() if each != name]
            try:
                chosen = ports.choose(host, port, search=options.auto_port, avoid=others)
                wanted = replace(wanted, ports={**wanted.ports, name: chosen})
            except ports.PortTakenError as error:
                failures.append((name, await _port_taken(docker, name, host, port, error)))
        for name, failure in failures:
            if emit is not None:
                with suppress(ports.PortTakenError), step(emit, name):
                    raise failure
        if failures:
            raise failures[0][1]
        return wanted

    async def _plans(self, profile: Profile, options: UpOptions) -> tuple[Plan, ...]:
        return await plan_all(
            self._settings, [profile], SERVICES, Options(development=not options.production)
        )

    def _wanted(self, profile: Profile, options: UpOptions, running: Record | None) -> Record:
        """Return what was asked for; what was not stays as it runs."""
        if not running and options.frontend_port == options.backend_port:
            raise UsageError(
                f"port {options.backend_port} is asked for twice",
                why="the frontend and the backend need a port each",
            )
        database = options.database or (running.database if running else "")
        return Record(
            project=compose_project.project_name(self._settings),
            files=compose_project.files(profile, development=not options.production, database=database),
            profile=profile.name,
            mode="production" if options.production else "development",
            database=database,
            host=running.host if running else options.host,
            ports=running.ports
            if running
            else {"backend": options.backend_port, "frontend": options.frontend_port},
            network_prefix=running.network_prefix if running else "",
            since=running.since if running else time.time(),
        )

    def _project(self, docker: Docker) -> Project:
        """Return the project as it was started last, to look at it or to end it."""
        record = self._record()
        if record is None:
            return Project(compose_project.project_name(self._settings), docker)
        return Project(record.project, docker, record.files)

    async def _current(self) -> Record | None:
        """Return what was chosen for the containers that run; None when none does."""
        return self._record() if await self.running() else None

    def _record(self) -> Record | None:
        data = files.read_json(self._file)
        try:
            return Record(**{**data, "files": tuple(data["files"])}) if data else None
        except (KeyError, TypeError):
            # Written by another version: nothing in it can be relied on.
            return None

    def _write(self, record: Record) -> None:
        files.make_directory(self._file.parent)
        files.write_json(self._file, asdict(record))
        self._end_mark.unlink(missing_ok=True)

    def _forget(self) -> None:
        """Remove the record, and keep when that was."""
        if self.recorded:
            self._end_mark.touch()
        self._file.unlink(missing_ok=True)

    @asynccontextmanager
    async def _alone(self, emit: Emit) -> AsyncIterator[None]:
        """Hold off every other start and stop of this project for the block."""

        def waiting() -> None:
            emit(Notice(("Waiting for another command that starts or stops the application.",)))

        async with locking.locked(self._settings.state_dir / "compose.lock", waiting):
            yield


class _Start:
    """One start of a project: what its files are given, and what is told while it happens."""

    def __init__(
        self, settings: Settings, docker: Docker, profile: Profile, values: Environment,
        plans: Sequence[Plan], options: UpOptions, emit: Emit,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._docker = docker
        self._profile = profile
        self._values = values.values
        self._images = {each.service: each.reference for each in plans}
        self._frontend_content = next(each.content for each in plans if each.service == "frontend")
        self._options = options
        self._emit = emit
        self._began: dict[str, float] = {}

    @property
    def translated(self) -> tuple[str, ...]:
        """The names of the settings that mean this machine, and are given to containers as its name."""
        values = {name: self._values.get(name, "") for name in _NAMES_A_SERVER}
        return tuple(name for name, value in values.items() if _seen_from_inside(value) != value)

    async def is_done(self, record: Record) -> bool:
        """Return whether everything runs, healthy, as it would be started now."""
        project = self._project(record)
        containers, wanted = await asyncio.gather(project.containers(), project.configurations())
        found = {name: each.configuration for name, each in containers.items()}
        lasting = [each for name, each in containers.items() if name != compose_project.MIGRATION]
        ids = {
            name: str(image["Id"])
            for name, image in (await self._docker.images(*self._images.values())).items()
        }
        current = all(
            containers[name].image == ids.get(self._images[name]) for name in SERVICES if name in containers
        )
        return found == wanted and current and all(each.healthy for each in lasting)

    async def run(self, record: Record, write: Callable[[Record], None]) -> Record:
        """Start what is missing, told a service at a time; return what was chosen. Raises AutomationError."""
        if held := await self._project(record).stop_paused():
            were = "were paused, and are" if len(held) > 1 else "was paused, and is"
            self._emit(Notice((f"The {' and the '.join(held)} {were} started again.",)))
        given = self._values.get("NETWORK_PREFIX", "") or record.network_prefix
        refused = 0
        for attempt in range(_TRIES):
            prefix = given or compose_project.network_prefix(self._settings, refused)
            record = replace(record, network_prefix=prefix)
            write(record)
            if record.mode == "development":
                self._make_mount_points()
            project = self._project(record)
            try:
                async for change in project.up():
                    await self._tell(project, record, change)
            except ComposeError as error:
                name = _refused_port(record, error.what)
                if re.search(_NETWORK_TAKEN, error.what) and not given and attempt + 1 < _TRIES:
                    refused += 1
                    continue
                if name and self._options.auto_port and attempt + 1 < _TRIES:
                    # Somebody took it since it was seen to be free.
                    record = _with_next_port(record, name)
                    continue
                raise await self._fail(project, record, error.what) from error
            except asyncio.CancelledError:
                self._give_up()
                raise
            if record.mode == "development":
                await project.remove_outdated_volumes()
            return record
        raise AssertionError("the last try returns or raises")

    def _make_mount_points(self) -> None:
        """Make the folders that volumes are mounted at, which Docker would make as root."""
        for name in _VOLUMES_AMONG_SOURCES:
            files.make_directory(paths.frontend(self._settings.root) / name)

    def _project(self, record: Record) -> Project:
        given = {
            name: _seen_from_inside(value) if name in _NAMES_A_SERVER else value
            for name, value in self._values.items()
        }
        own = addresses.origins(record.host, record.ports["frontend"])
        names = environment.application_names(self._profile)
        variables = {
            # What is not set is not taken from the shell or from a file by Compose either.
            **{name: given.get(name, "") for name in names},
            "AGENT_PROVIDER": given.get("AGENT_PROVIDER", self._profile.backend.environment.provider),
            "FRONTEND_URL": given.get("FRONTEND_URL", record.address),
            "TRUSTED_ORIGINS": ",".join(filter(None, (given.get("TRUSTED_ORIGINS"), *own))),
            "LOG_FORMAT": given.get("LOG_FORMAT", "console" if record.mode == "development" else "json"),
            "BACKEND_IMAGE": self._images["backend"],
            "FRONTEND_IMAGE": self._images["frontend"],
            "FRONTEND_CONTENT": self._frontend_content,
            "FRONTEND_HOST": record.host,
            "FRONTEND_PORT": str(record.ports["frontend"]),
            "BACKEND_PORT": str(record.ports["backend"]),
            "NETWORK_PREFIX": record.network_prefix,
        }
        if record.database:
            variables["DATABASE_URL"] = ""
        return Project(record.project, self._docker, record.files, variables)

    async def _tell(self, project: Project, record: Record, change: Change) -> None:
        name = _STEP_NAMES.get(change.service, change.service)
        match change.status:
            case "Creating":
                self._begin(name)
                fills = change.service == "frontend" and record.mode == "development"
                self._emit(StepProgress(name, "filling a volume with its packages" if fills else "creating"))
            case "Created" | "Recreated" if name in self._began and (other := _waits_for(record, name)):
                self._emit(StepProgress(name, f"waiting for {other}"))
            case "Starting":
                self._begin(name)
                self._emit(StepProgress(name, "starting"))
            case "Started" if name in self._began:
                self._emit(StepProgress(name, "started, not healthy yet"))
            case "Healthy" if name in self._began:
                where = record.address_of(name) if name in SERVICES else "PostgreSQL"
                self._finish(name, f"{where}   healthy")
            case "Exited" if name in self._began:
                self._finish(name, await self._migrated(project))

    def _begin(self, name: str) -> None:
        if name not in self._began:
            self._emit(StepStarted(name))
            self._began[name] = time.monotonic()

    def _finish(self, name: str, detail: str) -> None:
        self._emit(StepFinished(name, detail, time.monotonic() - self._began.pop(name)))

    async def _migrated(self, project: Project) -> str:
        kind = _database_kind(project)
        migration = (await project.containers()).get(compose_project.MIGRATION)
        # Its output begins with what it wrote at an earlier start, where it was not made anew.
        written = await project.output(migration, _LAST_LINES, since=migration.started) if migration else ()
        count = sum(line.startswith("applied ") for line in written)
        return f"{kind}, {count} migration{'s' * (count != 1)} applied" if count else f"{kind}, up to date"

    async def _fail(self, project: Project, record: Record, said: str) -> AutomationError:
        """Return the error for what Compose said, having told it as the step that it belongs to."""
        name, error = await _explain(project, record, self._settings, said)
        name = _STEP_NAMES.get(name, name)
        if name in self._began:
            seconds = time.monotonic() - self._began.pop(name)
            self._emit(StepFailed(name, seconds, error.what, error.why, error.details, error.remedies))
            error.shown = True
        self._give_up()
        return error

    def _give_up(self) -> None:
        for name, began in self._began.items():
            self._emit(StepStopped(name, time.monotonic() - began))
        self._began.clear()


async def _explain(
    project: Project, record: Record, settings: Settings, said: str
) -> tuple[str, AutomationError]:
    """Return the service that keeps the project from starting, and why; no service where it is none."""
    if name := _refused_port(record, said):
        host, port = record.host_of(name), record.ports[name]
        return name, await _port_taken(project.docker, name, host, port, None)
    if found := re.search(r"(?i)no such image: (\S+)", said):
        return "", AutomationError(
            f"the image {found[1]} is not there", remedies=["invoke build", "docker image ls"]
        )
    if re.search(_NETWORK_TAKEN, said):
        return "", AutomationError(
            f"the network {record.network_prefix}.0/24 belongs to something else",
            why="Docker has another network with addresses of this range",
            remedies=["docker network prune", "NETWORK_PREFIX=10.123.45 in " + settings.env_file_name],
        )
    containers = await project.containers()
    order = (compose_project.DATABASE, compose_project.MIGRATION, *SERVICES)
    for each in (containers[name] for name in order if name in containers):
        ended_well = (
            each.service == compose_project.MIGRATION and each.state == "exited" and each.exit_code == 0
        )
        if not (each.healthy or ended_well or each.state == "created"):
            return each.service, await _failure(project, each, settings)
    return "", explain(said, "docker compose up", project.docker.environ)


async def _failure(project: Project, container: Container, settings: Settings) -> AutomationError:
    """Return the error for a container that has ended or is not healthy."""
    written = await project.output(container, _LAST_LINES)
    lasting = container.service != compose_project.MIGRATION
    remedies = [f"invoke logs --service {container.service}"] if lasting else []
    remedies.append("invoke doctor")
    what = f"the {container.service} {_end(container, container.exit_code)}"
    if container.service == compose_project.MIGRATION:
        what = f"{_database_kind(project)} could not be brought up to date"
        remedies = [f"DATABASE_URL in {settings.env_file_name}", "invoke doctor"]
    if container.paused:
        remedies = [_unpause(container)]
    if container.out_of_memory:
        remedies = ["give Docker more memory", "docker stats"]
    if any("password authentication failed" in line for line in written) and compose_project.DATABASE in str(
        project.files
    ):
        what = f"{compose_project.DATABASE_PASSWORD} is not the password that the database was made with"
        remedies = [
            f"put the old one back into {settings.env_file_name}",
            "invoke compose-down --volumes   which deletes the data",
        ]
    if any("initialized by PostgreSQL version" in line for line in written):
        what = "the database's volume was made by another version of PostgreSQL"
        remedies = ["invoke compose-down --volumes   which deletes the data"]
    return AutomationError(
        what, why="its last lines:" if written else "it wrote nothing", details=written, remedies=remedies
    )


def _is_up(container: Container) -> bool:
    return container.paused or container.state in {"running", "restarting"}


def _unpause(container: Container) -> str:
    return f"docker unpause {container.name}"


def _waits_for(record: Record, step_name: str) -> str:
    """Return what has to be there before a container is started; nothing where it is the first."""
    first = "PostgreSQL" if record.database == compose_project.DATABASE else ""
    return {"database": first, "backend": "the database", "frontend": "the backend"}.get(step_name, "")


def _end(container: Container, code: int) -> str:
    if container.paused:
        return "is paused"
    if container.out_of_memory:
        return "was killed: it needed more memory than there is"
    if container.restarts:
        return "stops again and again, as often as Docker starts it"
    if container.state == "running":
        return f"is not healthy: {container.probe}" if container.probe else "is not healthy"
    if code > _FIRST_SIGNAL_CODE:
        return f"was killed (signal {code - _FIRST_SIGNAL_CODE})"
    return f"stopped with exit code {code}"


def _refused_port(record: Record, said: str) -> str:
    """Return the service whose port Docker could not have; nothing when it complains of something else."""
    taken = re.search(_PORT_TAKEN, said)
    named = (name for name in SERVICES if re.search(rf"\b{record.ports[name]}\b", said))
    return next(named, "") if taken else ""


def _with_next_port(record: Record, name: str) -> Record:
    port = record.ports[name]
    others = [other for each, other in record.ports.items() if each != name]
    chosen = ports.choose(record.host_of(name), port + 1, search=True, avoid=others)
    return replace(record, ports={**record.ports, name: chosen})


async def _port_taken(
    docker: Docker, name: str, host: str, port: int, error: ports.PortTakenError | None
) -> ports.PortTakenError:
    """Return the error that names who holds the port, a container too, and what to do."""
    if error is not None and "is taken by" not in error.what:
        return error  # no port at all was free
    who = await compose_project.holder(docker, port) or ports.holder(port)
    remedies = ["the same command with --auto-port"]
    with suppress(AutomationError):
        free = ports.choose(host, port, search=True, avoid=())
        remedies.append(f"with --{name}-port {free}")
    return ports.PortTakenError(f"port {port} is taken by {who}", remedies=remedies)


def _secrets(profile: Profile, wanted: Record) -> tuple[str, ...]:
    """Return the secrets that this start needs, and that a settings file made for another lacks."""
    of_database = (compose_project.DATABASE_PASSWORD,) if wanted.database == compose_project.DATABASE else ()
    return (*(name for name in profile.backend.environment.required if name == "JWT_SECRET"), *of_database)


def _described(record: Record) -> str:
    database = {"": "", "sqlite": " with SQLite", compose_project.DATABASE: " with PostgreSQL in a container"}
    return f"the {record.profile} profile in {record.mode} mode{database[record.database]}"


def _database_kind(project: Project) -> str:
    own = f"{compose_project.OVERLAYS}/{compose_project.DATABASE}.yml" in project.files
    return "PostgreSQL" if own or project.variables.get("DATABASE_URL") else "SQLite"


def _seen_from_inside(url: str) -> str:
    return addresses.seen_from_inside(url, _HOST)


def _service_status(record: Record, container: Container, memory: int) -> ServiceStatus:
    name = container.service
    state = State.STOPPED if container.state in {"exited", "created", "dead"} else State.UNHEALTHY
    if container.healthy:
        state = State.HEALTHY
    elif container.state == "running" and container.health == "starting":
        state = State.STARTING
    elif container.paused:
        state = State.PAUSED
    mend = f"{_unpause(container)}   or   invoke compose-up" if container.paused else ""
    if name not in SERVICES:
        return ServiceStatus(state, "", 0, container.pid, memory, mend=mend)
    return ServiceStatus(state, record.address_of(name), record.ports[name], container.pid, memory, mend=mend)


async def _show(process: Guarded, emit: Emit) -> None:
    async for line in processes.lines(process):
        if found := compose_project.split(line):
            emit(Line(*found))
