"""One start of the containers: its choices, variables and progress, and the causes of a failure."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from automation import paths
from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, Step, step
from automation.contract import environment
from automation.contract.models import SERVICES, Profile
from automation.docker import compose_project
from automation.docker.cli import Docker
from automation.docker.cli import explain as explain_docker
from automation.docker.compose_project import (
    DATABASE,
    DATABASE_PASSWORD,
    MIGRATION,
    Change,
    ComposeError,
    Container,
    Project,
)
from automation.engines.engine import Published, UpOptions, applied
from automation.images.plan import Plan
from automation.process import addresses, files, ports, processes
from automation.settings import Settings

_HOST = "host.docker.internal"
"""The name of this machine for containers."""
_TRIES = 5
_LAST_LINES = 20
_VOLUMES_AMONG_SOURCES = ("node_modules", ".next")
_STEP_NAMES = {MIGRATION: "database", DATABASE: "postgres"}
_NAMES_A_SERVER = ("OPENAI_BASE_URL", "DATABASE_URL")


@dataclass(frozen=True)
class ComposeRun(Published):
    """The choices that containers were started with, kept on disk for later commands."""

    project: str
    files: tuple[str, ...]
    profile: str
    mode: str
    database: str
    network_prefix: str
    since: float
    """Seconds since the epoch."""
    ended: bool = False
    """Whether the containers were taken down since, and their output with them."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """The choices that only `down` can change."""
        return (self.profile, self.mode, self.database)

    def __str__(self) -> str:
        """Return the fixed choices in words."""
        database = {"sqlite": " with SQLite", DATABASE: " with PostgreSQL in a container"}
        return f"the {self.profile} profile in {self.mode} mode{database.get(self.database, '')}"


@dataclass(frozen=True)
class ComposeStart:
    """One start of a project, and how it is reported."""

    settings: Settings
    docker: Docker
    profile: Profile
    values: Mapping[str, str]
    """The application's settings."""
    plans: Sequence[Plan]
    options: UpOptions
    emit: Emit
    _steps: dict[str, tuple[AbstractContextManager[Step], Step]] = field(default_factory=dict)

    async def is_done(self, run: ComposeRun) -> bool:
        """Return whether everything runs, healthy, as it would be started now."""
        project, references = self._project(run), {plan.service: plan.reference for plan in self.plans}
        containers, wanted, images = await asyncio.gather(
            project.containers(), project.configurations(), self.docker.images(*references.values())
        )
        return {name: container.configuration for name, container in containers.items()} == wanted and all(
            (container.healthy or name == MIGRATION)
            and (name not in references or container.image == images.get(references[name], {}).get("Id"))
            for name, container in containers.items()
        )

    async def run(self, run: ComposeRun, write: Callable[[ComposeRun], None]) -> ComposeRun:
        """Start what is missing and report each service; return the final choices. Raises AutomationError."""
        for name in _NAMES_A_SERVER:
            if self._seen_from_inside(name) != self.values.get(name, ""):
                self.emit(Notice((f"note: {name} names this machine, which containers reach as {_HOST}",)))
        if paused := await self._project(run).stop_paused():
            were = "were paused, and are" if len(paused) > 1 else "was paused, and is"
            self.emit(Notice((f"The {' and the '.join(paused)} {were} started again.",)))
        fixed = self.values.get("NETWORK_PREFIX", "") or run.network_prefix
        if run.mode == "development":
            # Docker would make these mount points as root.
            for folder in _VOLUMES_AMONG_SOURCES:
                files.make_directory(paths.frontend(self.settings.root) / folder)
        tries, refused_networks = 0, 0
        while True:
            prefix = fixed or compose_project.network_prefix(self.settings, refused_networks)
            run = replace(run, network_prefix=prefix)
            write(run)
            project = self._project(run)
            try:
                async for change in project.up():
                    await self._report(project, run, change)
            except ComposeError as error:
                tries += 1
                service = refused_port(run, error.what)
                if tries < _TRIES and not fixed and re.search(NETWORK_TAKEN, error.what):
                    refused_networks += 1
                elif tries < _TRIES and service and self.options.auto_port:
                    # Another process took it since it was seen to be free.
                    wanted = {**run.ports, service: run.ports[service] + 1}
                    run = await replace(run, ports=wanted).settled(search=True)
                else:
                    raise await self._failed(project, run, error.what) from error
            except asyncio.CancelledError:
                self._give_up()
                raise
            else:
                if run.mode == "development":
                    await project.remove_outdated_volumes()
                return run

    def _seen_from_inside(self, name: str) -> str:
        return addresses.seen_from_inside(self.values.get(name, ""), _HOST)

    def _project(self, run: ComposeRun) -> Project:
        given = {**self.values, **{name: self._seen_from_inside(name) for name in _NAMES_A_SERVER}}
        origins = (given.get("TRUSTED_ORIGINS"), *addresses.origins(run.host, run.ports["frontend"]))
        variables = {
            # Compose takes no unset variable from the shell or from a file either.
            **{name: given.get(name, "") for name in environment.application_names(self.profile)},
            "AGENT_PROVIDER": given.get("AGENT_PROVIDER", self.profile.backend.environment.provider),
            "FRONTEND_URL": given.get("FRONTEND_URL", run.address),
            "TRUSTED_ORIGINS": ",".join(filter(None, origins)),
            "LOG_FORMAT": given.get("LOG_FORMAT", "console" if run.mode == "development" else "json"),
            "FRONTEND_HOST": run.host,
            "NETWORK_PREFIX": run.network_prefix,
            "DEV_ALLOWED_HOSTS": addresses.development_hosts(run.host, given),
        }
        for plan in self.plans:
            variables[f"{plan.service.upper()}_IMAGE"] = plan.reference
            variables[f"{plan.service.upper()}_CONTENT"] = plan.content
            variables[f"{plan.service.upper()}_PORT"] = str(run.ports[plan.service])
        if run.database:
            variables["DATABASE_URL"] = ""
        return Project(run.project, self.docker, run.files, variables)

    async def _report(self, project: Project, run: ComposeRun, change: Change) -> None:
        name = _STEP_NAMES.get(change.service, change.service)
        if change.status in {"Creating", "Starting"} and name not in self._steps:
            manager = step(self.emit, name)
            self._steps[name] = manager, manager.__enter__()
        if name not in self._steps:
            return
        current = self._steps[name][1]
        match change.status:
            case "Creating":
                fills = change.service == "frontend" and run.mode == "development"
                current.progress("filling a volume with its packages" if fills else "creating")
            case "Created" | "Recreated" if other := _waits_for(run, name):
                current.progress(f"waiting for {other}")
            case "Starting":
                current.progress("starting")
            case "Started":
                current.progress("started, not healthy yet")
            case "Healthy":
                where = run.address_of(name) if name in run.ports else "PostgreSQL"
                current.detail = f"{where}   healthy"
                self._end(name)
            case "Exited":
                current.detail = await self._migrated(project)
                self._end(name)

    def _end(self, name: str, error: BaseException | None = None) -> None:
        manager, _ = self._steps.pop(name)
        manager.__exit__(type(error) if error else None, error, None)

    async def _migrated(self, project: Project) -> str:
        migration = (await project.containers()).get(MIGRATION)
        # A container that was not recreated still has the output of earlier starts.
        written = await project.output(migration, _LAST_LINES, since=migration.started) if migration else ()
        count = sum(line.startswith("applied ") for line in written)
        return f"{database_kind(project)}, {applied(count)}"

    async def _failed(self, project: Project, run: ComposeRun, output: str) -> AutomationError:
        """Return the error for Compose's output, reported as the step that it belongs to."""
        name, error = await explain(project, run, self.settings, output)
        name = _STEP_NAMES.get(name, name)
        if name in self._steps:
            self._end(name, error)
        self._give_up()
        return error

    def _give_up(self) -> None:
        for name in tuple(self._steps):
            self._end(name, asyncio.CancelledError())


def _waits_for(run: ComposeRun, step_name: str) -> str:
    """Return what must be ready before a container starts; nothing for the first."""
    first = "PostgreSQL" if run.database == DATABASE else ""
    return {"database": first, "backend": "the database", "frontend": "the backend"}.get(step_name, "")


NETWORK_TAKEN = r"(?i)pool overlaps|overlaps with (other|existing)"

_PORT_TAKEN = r"(?i)port is already allocated|address already in use|ports are not available"
_LAST_LINES = 20


async def explain(
    project: Project, places: Published, settings: Settings, output: str
) -> tuple[str, AutomationError]:
    """Return the service that prevents the project from starting, if there is one, and the error."""
    if name := refused_port(places, output):
        return name, await ports.taken(
            name,
            places.hosts[name],
            places.ports,
            lambda port: compose_project.holder(project.docker, port),
        )
    if found := re.search(r"(?i)no such image: (\S+)", output):
        remedies = ["invoke build", "docker image ls"]
        return "", AutomationError(f"the image {found[1]} does not exist", remedies=remedies)
    if re.search(NETWORK_TAKEN, output):
        return "", AutomationError(
            f"the network {project.variables['NETWORK_PREFIX']}.0/24 is in use",
            why="another Docker network has addresses of this range",
            remedies=["docker network prune", f"NETWORK_PREFIX=10.123.45 in {settings.env_file_name}"],
        )
    containers = await project.containers()
    for container in (containers[name] for name in (DATABASE, MIGRATION, *SERVICES) if name in containers):
        end = (container.service, container.state, container.exit_code)
        if not (container.healthy or container.state == "created" or end == (MIGRATION, "exited", 0)):
            return container.service, await failure(project, container, settings)
    return "", explain_docker(output, "docker compose up", project.docker.environ)


async def failure(project: Project, container: Container, settings: Settings) -> AutomationError:
    """Return the error for a container that ended or is not healthy."""
    written = await project.output(container, _LAST_LINES)
    output, env_file = "\n".join(written), settings.env_file_name
    what = f"the {container.service} {describe(container, container.exit_code)}"
    remedies = [f"invoke logs --service {container.service}", "invoke doctor"]
    delete = "invoke compose-down --volumes   which deletes the data"
    if container.service == MIGRATION:
        what = f"{database_kind(project)} could not be migrated"
        remedies = [f"check DATABASE_URL in {env_file}", "invoke doctor"]
    if container.paused:
        remedies = [f"docker unpause {container.name}"]
    if container.out_of_memory:
        remedies = ["give Docker more memory", "docker stats"]
    if "password authentication failed" in output and _runs_database(project):
        what = f"{DATABASE_PASSWORD} is not the password that the database was created with"
        remedies = [f"restore the old one in {env_file}", delete]
    if "initialized by PostgreSQL version" in output:
        what = "the database's volume was created by another version of PostgreSQL"
        remedies = [delete]
    why = "its last lines:" if written else "it wrote nothing"
    return AutomationError(what, why=why, details=written, remedies=remedies)


def describe(container: Container, code: int) -> str:
    """Return how a container ended or why it is not healthy."""
    if container.paused:
        return "is paused"
    if container.out_of_memory:
        return "was killed: it ran out of memory"
    if container.restarts:
        return "keeps stopping after every restart"
    if container.state == "running":
        return f"is not healthy: {container.probe}" if container.probe else "is not healthy"
    return processes.describe_end(code)


def refused_port(places: Published, output: str) -> str:
    """Return the service whose port Docker could not publish; nothing for another failure."""
    named = re.findall(r"\d+", output) if re.search(_PORT_TAKEN, output) else []
    return next((name for name, port in places.ports.items() if str(port) in named), "")


def database_kind(project: Project) -> str:
    """Return `PostgreSQL` or `SQLite`."""
    return "PostgreSQL" if _runs_database(project) or project.variables.get("DATABASE_URL") else "SQLite"


def _runs_database(project: Project) -> bool:
    return f"{compose_project.OVERLAYS}/{DATABASE}.yml" in project.files
