"""One start of the containers: its choices, the variables of the Compose files, and the progress."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from automation import paths
from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, Step, step
from automation.contract import environment
from automation.contract.models import Profile
from automation.docker import compose_project
from automation.docker.cli import Docker
from automation.docker.compose_project import DATABASE, MIGRATION, Change, ComposeError, Project
from automation.engines import compose_failure
from automation.engines.engine import Published, UpOptions, applied
from automation.images.plan import Plan
from automation.process import addresses, files
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
                service = compose_failure.refused_port(run, error.what)
                if tries < _TRIES and not fixed and re.search(compose_failure.NETWORK_TAKEN, error.what):
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
        return f"{compose_failure.database_kind(project)}, {applied(count)}"

    async def _failed(self, project: Project, run: ComposeRun, output: str) -> AutomationError:
        """Return the error for Compose's output, reported as the step that it belongs to."""
        name, error = await compose_failure.explain(project, run, self.settings, output)
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
