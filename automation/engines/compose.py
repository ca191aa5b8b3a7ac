"""Runs the application in containers, through Docker Compose.

Docker keeps what runs, so no process of ours has to stay. The record holds only the files and choices of the
containers, which are found by the project's name.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from functools import partial

from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Notice, Result, step
from automation.contract import environment, profiles
from automation.contract.models import SERVICES, Profile
from automation.docker import compose_project
from automation.docker.cli import Docker, DockerError
from automation.docker.compose_project import DATABASE, DATABASE_PASSWORD, Container, Project, holder
from automation.engines import compose_start
from automation.engines.compose_start import ComposeRun, ComposeStart
from automation.engines.engine import Engine, Python, ServiceStatus, Status, UpOptions
from automation.images import build
from automation.images.plan import Options, Plan, plan_all
from automation.process import files, processes
from automation.process.files import Store
from automation.process.instance import State
from automation.process.processes import Guarded
from automation.settings import Settings

# 0, and the codes after SIGTERM and SIGKILL: Docker was told to stop the container.
_STOPPED_ON_REQUEST = {0, 137, 143}
_DATA_SECONDS = 5.0
_DATA_VOLUMES = {"data": "SQLite", DATABASE: "PostgreSQL"}
_START = "Start the application with   invoke up"


class ComposeEngine(Engine):
    """The engine whose services are containers."""

    name = "compose"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._store = Store(settings.state_dir / "compose.json", ComposeRun)

    @property
    def _run(self) -> ComposeRun | None:
        """Settings of the containers that were started from here, unless they were taken down since."""
        run = self._store.read()
        return None if run is None or run.ended else run

    @property
    def recorded(self) -> bool:
        """Whether containers were started from here and not taken down since."""
        return self._run is not None

    @property
    def written(self) -> float:
        return files.modified(self._store.file)

    @property
    def services(self) -> tuple[str, ...]:
        return (*SERVICES, DATABASE) if self._run and self._run.database == DATABASE else SERVICES

    @property
    def project_name(self) -> str:
        """The name that the containers and volumes of this clone carry."""
        return self._run.project if self._run else compose_project.project_name(self._settings)

    async def data(self, *, ask: bool = True) -> str:
        run = self._run
        own = (run.database.replace("sqlite", "") or "data",) if run else _DATA_VOLUMES
        if ask:
            with suppress(DockerError, TimeoutError):
                async with asyncio.timeout(_DATA_SECONDS):
                    found = await self.volumes()
                named = {f"{self.project_name}_{volume}": _DATA_VOLUMES[volume] for volume in own}
                return ", ".join(
                    f"{kind} in the volume {name}" for name, kind in named.items() if name in found
                )
        return f"a volume of Docker's project {self.project_name}" if self.written else ""

    async def running(self) -> bool:
        if not self.recorded:
            return False
        containers = await self._project().containers()
        return any(containers[name].up for name in SERVICES if name in containers)

    async def up(self, options: UpOptions, emit: Emit) -> None:
        compose_project.check_database(options.database)
        docker = Docker.find(self._settings)
        async with self._alone(emit):
            started = await self._start(docker, options, emit)
        if started and options.foreground:
            await self._stay(emit)

    async def down(self, emit: Emit) -> None:
        async with self._alone(emit):
            if await self._project().containers():
                await self._take_down(emit)
            else:
                self._forget()
                emit(Notice(("Nothing is running.",)))

    async def volumes(self) -> tuple[str, ...]:
        """Return the names of the volumes of this clone."""
        return await self._project().volumes()

    def content(self, volume: str) -> str:
        """Return what a volume of this clone holds."""
        kind = _DATA_VOLUMES.get(volume.removeprefix(f"{self.project_name}_"))
        data = f"every account, task and conversation ({kind})"
        return data if kind else "packages and builds of development, which the next start creates again"

    async def remove_volumes(self, names: Sequence[str], emit: Emit) -> None:
        """Delete the volumes and the data in them. Raises DockerError."""
        with step(emit, "data") as current:
            await Docker.find(self._settings).run("volume", "rm", *names)
            self._store.remove()
            current.detail = f"{', '.join(names)} deleted"

    async def status(self) -> Status:
        run, project = self._run, self._project()
        containers = await project.containers()
        found = {name: containers[name] for name in self.services if name in containers}
        if run is None or not any(found[name].up for name in SERVICES if name in found):
            return Status(self.name, State.STOPPED)
        memory = await asyncio.gather(*(project.memory(container) for container in found.values()))
        services = {
            name: _service_status(container, run, used)
            for (name, container), used in zip(found.items(), memory, strict=True)
        }
        states = {service.state for service in services.values()}
        state = State.STARTING if State.STARTING in states else State.UNHEALTHY
        if states == {State.HEALTHY} and len(found) == len(self.services):
            state = State.RUNNING
        return Status(self.name, state, run.mode, run.address, run.since, services=services)

    async def logs(self, services: Sequence[str], lines: int, emit: Emit, *, follow: bool) -> None:
        if self.written and not self.recorded:
            emit(Notice((f"The containers' output was removed with them. {_START}",)))
        elif not await self._project().containers():
            emit(Notice((f"Nothing has been written yet. {_START}",)))
        else:
            async with self._project().follow(services, lines, on=follow) as process:
                await _show(process, emit)

    def address(self) -> str | None:
        return self._run.address if self._run else None

    async def backend_python(self) -> Python:
        backend = (await self._project().containers()).get("backend")
        if backend is None or backend.state != "running":
            raise AutomationError("the backend's container is not running", remedies=["invoke up"])
        return Python(
            Docker.find(self._settings), ("container", "exec", "--interactive", backend.id, "python")
        )

    async def plan(self, options: UpOptions) -> tuple[str, ...]:
        compose_project.check_database(options.database)
        docker = Docker.find(self._settings)
        if await self.running():
            services = (await self.status()).services
            paused = [name for name, service in services.items() if service.state == State.PAUSED]
            nothing = f"Nothing, unless an image has changed: the application is at {self.address()}."
            return tuple(f"Start the {name}, which is paused." for name in paused) or (nothing,)
        profile = profiles.load(options.profile, self._settings.root)
        settings = self._plan_settings(profile)
        wanted = self._wanted(profile, options, None)
        wanted = await wanted.settled(search=options.auto_port, holder=partial(holder, docker))
        plans = await self._plans(profile, options)
        work = zip(plans, await build.look(docker, plans), strict=True)
        return (
            *settings,
            *(f"{plan.reference}: {state.missing_work}." for plan, state in work if state.missing_work),
            *(["Start PostgreSQL."] if wanted.database == DATABASE else []),
            *wanted.plan("the frontend"),
        )

    async def _start(self, docker: Docker, options: UpOptions, emit: Emit) -> bool:
        """Start what is missing; return whether there was anything to do."""
        running = self._run if await self.running() else None
        name = options.profile or (running.profile if running else "")
        profile = profiles.load(name, self._settings.root)
        wanted = self._wanted(profile, options, running)
        if running and running.fixed != wanted.fixed:
            raise AutomationError(
                f"the application is already running, {running}",
                why=f"it is at {running.address}, and the request is for {wanted}",
                remedies=["invoke down, then the same command again"],
            )
        # An existing settings file may lack these secrets.
        also = [name for name in profile.backend.environment.required if name == "JWT_SECRET"]
        also += [DATABASE_PASSWORD] if wanted.database == DATABASE else []
        configured = environment.prepare(self._settings, profile, emit, also=also)
        if not running:
            # Before the build, so that nobody waits for a build to learn of a taken port.
            held = partial(holder, docker)
            wanted = await wanted.settled(search=options.auto_port, emit=emit, holder=held)
        plans = await self._plans(profile, options)
        if any(state.missing_work for state in await build.look(docker, plans)):
            for outcome in await build.converge(docker, plans, emit):
                build.record(self._settings, outcome)
        start = ComposeStart(self._settings, docker, profile, configured.values, plans, options, emit)
        if running and await start.is_done(running):
            with step(emit, "up") as current:
                current.detail = f"already running at {running.address}"
            emit(Result((await self.status()).to_mapping()))
            return False
        try:
            wanted = await start.run(wanted, self._store.write)
            if not options.production:
                await self._open_pages(wanted.address, emit)
        except asyncio.CancelledError:
            await self._take_down(emit)
            raise
        except AutomationError:
            # No part keeps running; the output is kept for `logs`.
            await self._project().stop()
            raise
        await self._welcome(wanted.address, options, profile, configured, emit)
        return True

    async def _stay(self, emit: Emit) -> None:
        """Stream the services' output until they end, or until Ctrl-C, which ends them."""
        project = self._project()
        watching = asyncio.create_task(self._watch(project, emit))
        try:
            async with project.follow(SERVICES, 0, on=True) as process:
                reading = asyncio.create_task(_show(process, emit))
                done, _ = await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                for task in done:
                    task.result()
            emit(Notice(("", "The application was stopped.")))
        except (asyncio.CancelledError, AutomationError):
            await self._take_down(emit)
            raise
        finally:
            watching.cancel()

    async def _watch(self, project: Project, emit: Emit) -> None:
        """Report containers that end; return when none runs. Raises AutomationError for a failure."""
        async for service, code in compose_project.ends(project.docker, project.name):
            containers = await project.containers()
            if not any(container.up for container in containers.values()):
                return
            if service not in containers or code in _STOPPED_ON_REQUEST:
                continue
            if containers[service].state == "exited":
                raise await compose_start.failure(project, containers[service], self._settings)
            end = compose_start.describe(containers[service], code)
            emit(Notice((f"The {service} {end}; Docker restarts it.",)))

    async def _take_down(self, emit: Emit) -> None:
        project = self._project()
        with step(emit, "stop") as current:
            current.progress("stopping the containers")
            try:
                await project.down()
            except asyncio.CancelledError:
                await project.down(seconds=0)
                raise
            self._forget()
            current.detail = "everything has stopped, the data stays"

    async def _plans(self, profile: Profile, options: UpOptions) -> tuple[Plan, ...]:
        development = Options(development=not options.production)
        return await plan_all(self._settings, [profile], SERVICES, development)

    def _wanted(self, profile: Profile, options: UpOptions, running: ComposeRun | None) -> ComposeRun:
        """Return the requested run; what the request leaves open stays as it runs."""
        database = options.database or (running.database if running else "")
        return ComposeRun(
            host=running.host if running else options.host,
            ports=running.ports if running else options.ports,
            project=compose_project.project_name(self._settings),
            files=compose_project.files(profile, development=not options.production, database=database),
            profile=profile.name,
            mode=options.mode,
            database=database,
            network_prefix=running.network_prefix if running else "",
            since=running.since if running else time.time(),
        )

    def _project(self) -> Project:
        """Return the project as it was last started, to look at it or to stop it. Raises DockerError."""
        run, docker = self._run, Docker.find(self._settings)
        return Project(run.project, docker, run.files) if run else Project(self.project_name, docker)

    def _forget(self) -> None:
        """Keep only when the containers were taken down."""
        if run := self._run:
            self._store.write(replace(run, ended=True))

    def _alone(self, emit: Emit) -> AbstractAsyncContextManager[None]:
        """Hold off every other start and stop of this project for a block."""
        waiting = Notice(("Waiting for another command that starts or stops the application.",))
        return files.locked(self._settings.state_dir / "compose.lock", lambda: emit(waiting))


def _service_status(container: Container, run: ComposeRun, memory: int) -> ServiceStatus:
    fix = ""
    if container.healthy:
        state = State.HEALTHY
    elif container.paused:
        state, fix = State.PAUSED, f"docker unpause {container.name}   or   invoke compose-up"
    elif container.state == "running" and container.health == "starting":
        state = State.STARTING
    else:
        state = State.UNHEALTHY if container.up else State.STOPPED
    port = run.ports.get(container.service, 0)
    address = run.address_of(container.service) if port else ""
    return ServiceStatus(state, address, port, container.pid, memory, fix=fix)


async def _show(process: Guarded, emit: Emit) -> None:
    async for line in processes.lines(process):
        if found := compose_project.split(line):
            emit(Line(*found))
