"""One start of the containers: the variables of the Compose files, and the progress while they start."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from automation import paths
from automation.console.errors import AutomationError
from automation.console.events import (
    Emit,
    Notice,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
    StepStopped,
)
from automation.contract import environment
from automation.contract.environment import Environment
from automation.contract.models import SERVICES, Profile
from automation.docker import compose_project
from automation.docker.cli import Docker
from automation.docker.compose_project import Change, ComposeError, Project
from automation.engines import compose_failure
from automation.engines.compose_run import ComposeRun
from automation.engines.engine import UpOptions
from automation.images.plan import Plan
from automation.process import addresses, files, ports
from automation.settings import Settings

_HOST = "host.docker.internal"
"""The name of this machine for containers."""
_TRIES = 5
_LAST_LINES = 20
_VOLUMES_AMONG_SOURCES = ("node_modules", ".next")
_STEP_NAMES = {compose_project.MIGRATION: "database", compose_project.DATABASE: "postgres"}
_NAMES_A_SERVER = ("OPENAI_BASE_URL", "DATABASE_URL")


class ComposeStart:
    """One start of a project, and how it is reported."""

    def __init__(
        self, settings: Settings, docker: Docker, profile: Profile, values: Environment,
        plans: Sequence[Plan], options: UpOptions, emit: Emit,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._docker = docker
        self._profile = profile
        self._values = values.values
        self._images = {plan.service: plan.reference for plan in plans}
        self._frontend_content = next(plan.content for plan in plans if plan.service == "frontend")
        self._options = options
        self._emit = emit
        self._began: dict[str, float] = {}

    async def is_done(self, run: ComposeRun) -> bool:
        """Return whether everything runs, healthy, as it would be started now."""
        project = self._project(run)
        containers, wanted = await asyncio.gather(project.containers(), project.configurations())
        images = await self._docker.images(*self._images.values())
        ids = {name: str(image["Id"]) for name, image in images.items()}
        return (
            {name: container.configuration for name, container in containers.items()} == wanted
            and all(
                containers[name].image == ids.get(self._images[name])
                for name in SERVICES
                if name in containers
            )
            and all(
                container.healthy
                for name, container in containers.items()
                if name != compose_project.MIGRATION
            )
        )

    async def run(self, run: ComposeRun, write: Callable[[ComposeRun], None]) -> ComposeRun:
        """Start what is missing and report each service; return the final choices. Raises AutomationError."""
        for name in _NAMES_A_SERVER:
            if self._seen_from_inside(name) != self._values.get(name, ""):
                self._emit(Notice((f"note: {name} names this machine, which containers reach as {_HOST}",)))
        if paused := await self._project(run).stop_paused():
            were = "were paused, and are" if len(paused) > 1 else "was paused, and is"
            self._emit(Notice((f"The {' and the '.join(paused)} {were} started again.",)))
        fixed = self._values.get("NETWORK_PREFIX", "") or run.network_prefix
        refused_networks = 0
        for last in (*[False] * (_TRIES - 1), True):
            prefix = fixed or compose_project.network_prefix(self._settings, refused_networks)
            run = replace(run, network_prefix=prefix)
            write(run)
            if run.mode == "development":
                # Docker would make these mount points as root.
                for folder in _VOLUMES_AMONG_SOURCES:
                    files.make_directory(paths.frontend(self._settings.root) / folder)
            project = self._project(run)
            try:
                async for change in project.up():
                    await self._report(project, run, change)
            except ComposeError as error:
                service = compose_failure.refused_port(run, error.what)
                if not last and not fixed and re.search(compose_failure.NETWORK_TAKEN, error.what):
                    refused_networks += 1
                elif not last and service and self._options.auto_port:
                    # Another process took it since it was seen to be free.
                    wanted = {**run.ports, service: run.ports[service] + 1}
                    run = replace(run, ports=await ports.settle(wanted, run.hosts, search=True))
                else:
                    raise await self._failed(project, run, error.what) from error
            except asyncio.CancelledError:
                self._give_up()
                raise
            else:
                if run.mode == "development":
                    await project.remove_outdated_volumes()
                return run
        raise AssertionError("the last try returns or raises")

    def _seen_from_inside(self, name: str) -> str:
        return addresses.seen_from_inside(self._values.get(name, ""), _HOST)

    def _project(self, run: ComposeRun) -> Project:
        given = {**self._values, **{name: self._seen_from_inside(name) for name in _NAMES_A_SERVER}}
        origins = (given.get("TRUSTED_ORIGINS"), *addresses.origins(run.host, run.ports["frontend"]))
        variables = {
            # Compose takes no unset variable from the shell or from a file either.
            **{name: given.get(name, "") for name in environment.application_names(self._profile)},
            "AGENT_PROVIDER": given.get("AGENT_PROVIDER", self._profile.backend.environment.provider),
            "FRONTEND_URL": given.get("FRONTEND_URL", run.address),
            "TRUSTED_ORIGINS": ",".join(filter(None, origins)),
            "LOG_FORMAT": given.get("LOG_FORMAT", "console" if run.mode == "development" else "json"),
            "BACKEND_IMAGE": self._images["backend"],
            "FRONTEND_IMAGE": self._images["frontend"],
            "FRONTEND_CONTENT": self._frontend_content,
            "FRONTEND_HOST": run.host,
            "FRONTEND_PORT": str(run.ports["frontend"]),
            "BACKEND_PORT": str(run.ports["backend"]),
            "NETWORK_PREFIX": run.network_prefix,
            "DEV_ALLOWED_HOSTS": addresses.development_hosts(run.host, given),
        }
        if run.database:
            variables["DATABASE_URL"] = ""
        return Project(run.project, self._docker, run.files, variables)

    async def _report(self, project: Project, run: ComposeRun, change: Change) -> None:
        name = _STEP_NAMES.get(change.service, change.service)
        match change.status:
            case "Creating":
                self._begin(name)
                fills = change.service == "frontend" and run.mode == "development"
                self._emit(StepProgress(name, "filling a volume with its packages" if fills else "creating"))
            case "Created" | "Recreated" if name in self._began and (other := _waits_for(run, name)):
                self._emit(StepProgress(name, f"waiting for {other}"))
            case "Starting":
                self._begin(name)
                self._emit(StepProgress(name, "starting"))
            case "Started" if name in self._began:
                self._emit(StepProgress(name, "started, not healthy yet"))
            case "Healthy" if name in self._began:
                where = run.address_of(name) if name in SERVICES else "PostgreSQL"
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
        migration = (await project.containers()).get(compose_project.MIGRATION)
        # A container that was not recreated still has the output of earlier starts.
        written = await project.output(migration, _LAST_LINES, since=migration.started) if migration else ()
        count = sum(line.startswith("applied ") for line in written)
        applied = f"{count} migration{'s' * (count != 1)} applied" if count else "up to date"
        return f"{compose_failure.database_kind(project)}, {applied}"

    async def _failed(self, project: Project, run: ComposeRun, output: str) -> AutomationError:
        """Return the error for Compose's output, reported as the step that it belongs to."""
        name, error = await compose_failure.explain(project, run, self._settings, output)
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


def _waits_for(run: ComposeRun, step_name: str) -> str:
    """Return what must be ready before a container starts; nothing for the first."""
    first = "PostgreSQL" if run.database == compose_project.DATABASE else ""
    return {"database": first, "backend": "the database", "frontend": "the backend"}.get(step_name, "")
