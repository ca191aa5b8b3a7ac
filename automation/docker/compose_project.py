"""The Compose project: its files, its variables, and its containers.

Only this library reads `.env`, for every engine, and passes its values to Compose in the environment: no
value is on a command line, and none is interpreted in two ways.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from automation.console.errors import AutomationError, unknown
from automation.contract import profiles
from automation.contract.models import Profile
from automation.docker.cli import Docker
from automation.process import logs, processes
from automation.settings import Settings

FILE = "docker-compose.yml"
OVERLAYS = "deploy/compose"
MIGRATION = "migrate"
DATABASE = "postgres"
DATABASES = ("sqlite", DATABASE)
VOLUMES_OF_CONTENT = ("packages", "next")
"""The volumes of development that are named after the image that filled them."""
DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - its name

_STOP_SECONDS = 180
_LABEL = "com.docker.compose"
_PREFIX = re.compile(r"(\S+?)-\d+\s+\| ?(.*)")
# Compose cannot read the files without them, not even to stop the containers.
_REQUIRED = ("BETTER_AUTH_SECRET", "JWT_SECRET", DATABASE_PASSWORD)


@dataclass(frozen=True)
class Container:
    id: str
    name: str
    service: str
    state: str
    """Docker's word: `created`, `running`, `paused`, `restarting`, `exited`, …"""
    health: str
    """`healthy`, `unhealthy`, `starting`, or empty without a health check."""
    exit_code: int
    out_of_memory: bool
    restarts: int
    started: str
    pid: int
    """The process on the machine that runs Docker; 0 while it does not run."""
    image: str
    configuration: str
    """The hash of the configuration that it was started with."""
    probe: str

    @property
    def healthy(self) -> bool:
        """Whether it runs and its health check, if any, succeeds."""
        return self.state == "running" and self.health in {"healthy", ""}

    @property
    def up(self) -> bool:
        """Whether Docker keeps it running."""
        return self.state in {"running", "restarting", "paused"}

    @property
    def paused(self) -> bool:
        """Whether its processes are frozen: it answers no request, and keeps its ports."""
        return self.state == "paused"


@dataclass(frozen=True)
class Change:
    """A change of a service that Compose reports."""

    service: str
    status: str


class ComposeError(AutomationError):
    """Compose failed; `what` is its output."""


@dataclass(frozen=True)
class Project:
    """The containers, network and volumes of one Compose project."""

    name: str
    docker: Docker
    files: tuple[str, ...] = (FILE,)
    variables: Mapping[str, str] = field(default_factory=dict)
    """The values of `${…}` in the files."""

    @property
    def environ(self) -> dict[str, str]:
        """The environment of Compose; a variable not among it is empty, whatever the shell or `.env` has."""
        return {
            **dict.fromkeys(_REQUIRED, "-"),
            **self.variables,
            "COMPOSE_DISABLE_ENV_FILE": "true",
            "COMPOSE_ENV_FILES": "",
            "COMPOSE_PROFILES": "",
        }

    @property
    def command(self) -> tuple[str, ...]:
        named = [word for file in self.files for word in ("--file", file)]
        return ("compose", "--ansi", "never", "--project-name", self.name, *named)

    async def up(self) -> AsyncIterator[Change]:
        """Create and start what is missing or has changed, and wait until all of it is healthy.

        Raises ComposeError with the output of Compose.
        """
        words = (*self.command, "--progress", "json", "up", "--detach", "--wait", "--no-build")
        output: list[str] = []
        async with self.docker.running(*words, "--remove-orphans", environ=self.environ) as process:
            async for line in processes.lines(process):
                try:
                    event = json.loads(line)
                except ValueError:
                    output.append(logs.clean(line))
                    continue
                if event.get("error"):
                    output.append(logs.clean(str(event.get("message", ""))))
                kind, _, name = str(event.get("id", "")).partition(" ")
                if kind == "Container":
                    service = name.removeprefix(f"{self.name}-").rpartition("-")[0]
                    yield Change(service, str(event.get("status", "")))
            if await process.wait() != 0:
                raise ComposeError("\n".join(output))

    async def down(self, *, seconds: int | None = None) -> None:
        """Stop and remove the containers, in order, and the network; keep the volumes. Raises DockerError."""
        timeout = () if seconds is None else ("--timeout", str(seconds))
        await self._run("--progress", "quiet", "down", "--remove-orphans", *timeout)

    async def stop(self) -> None:
        """Stop the containers, in order, and keep them with their files. Raises DockerError."""
        await self._run("--progress", "quiet", "stop")

    async def stop_paused(self) -> tuple[str, ...]:
        """Stop the paused containers, which `up` does not start; return their services.

        A container that is unpaused counts as unhealthy until its next health check, up to half a minute.
        """
        paused = [container for container in (await self.containers()).values() if container.paused]
        if paused:
            ids = (container.id for container in paused)
            await self.docker.run("container", "stop", *ids, seconds=_STOP_SECONDS)
        return tuple(container.service for container in paused)

    async def containers(self) -> dict[str, Container]:
        """Return the containers by service, also those that have ended. Raises DockerError."""
        ids = await self._list("container", "oneoff=False", "--all", "--no-trunc")
        if not ids:
            return {}
        done = await self.docker.complete("container", "inspect", *ids)
        # A container that was removed meanwhile is missing.
        found = (_container(document) for document in json.loads(done.output or "[]"))
        return {container.service: container for container in found}

    async def configurations(self) -> dict[str, str]:
        """Return the hash of the configuration of each service. Raises DockerError."""
        text = await self._run("config", "--hash", "*")
        return {name: value for name, _, value in (line.partition(" ") for line in text.splitlines())}

    async def volumes(self) -> tuple[str, ...]:
        """Return the names of the volumes, also of those that no file names any more."""
        return tuple(sorted(await self._list("volume")))

    async def remove_outdated_volumes(self) -> None:
        """Remove the volumes that another image than the present one has filled."""
        content = self.variables["FRONTEND_CONTENT"]
        for volume in VOLUMES_OF_CONTENT:
            names = await self._list("volume", f"volume={volume}")
            if outdated := [name for name in names if not name.endswith(f"-{content}")]:
                # A volume in use is removed the next time.
                await self.docker.complete("volume", "rm", *outdated)

    async def output(self, container: Container, lines: int, *, since: str = "") -> tuple[str, ...]:
        """Return the last lines of a container's output, from `since` on if it is given."""
        words = ("container", "logs", "--tail", str(lines), *(("--since", since) if since else ()))
        done = await self.docker.complete(*words, container.id)
        return tuple(logs.clean(line) for line in (done.output + done.errors).splitlines())[-lines:]

    async def memory(self, container: Container) -> int:
        """Return the resident bytes of a container's processes; 0 if unknown."""
        if not container.pid:
            return 0
        done = await self.docker.complete("container", "top", container.id, "-eo", "pid,rss")
        rows = [line.split() for line in done.output.splitlines()[1:]]
        return sum(int(row[1]) * 1024 for row in rows if len(row) == 2 and row[1].isdecimal())

    def follow(
        self, services: Sequence[str], lines: int, *, on: bool
    ) -> AbstractAsyncContextManager[processes.Guarded]:
        """Read the last lines of the services' output, and with `on` new lines until all have ended."""
        words = (*self.command, "logs", "--no-color", "--tail", str(lines), *(("--follow",) if on else ()))
        return self.docker.running(*words, *services, environ=self.environ, grace=1.0)

    async def _run(self, *words: str) -> str:
        return await self.docker.run(*self.command, *words, seconds=_STOP_SECONDS, environ=self.environ)

    async def _list(self, kind: str, label: str = "", *words: str) -> list[str]:
        """Return the project's containers or volumes, which may also have to have a label of Compose."""
        labels = (f"project={self.name}", *((label,) if label else ()))
        filters = (word for text in labels for word in ("--filter", f"label={_LABEL}.{text}"))
        return (await self.docker.run(kind, "ls", "--quiet", *words, *filters)).split()


def split(line: str) -> tuple[str, str] | None:
    """Return service and text of a line of `follow`; None for a line of Compose itself."""
    found = _PREFIX.fullmatch(line)
    return (found[1], logs.clean(found[2])) if found else None


def project_name(settings: Settings) -> str:
    """Return COMPOSE_PROJECT_NAME, or else a name of this checkout and this state directory."""
    if given := settings.environ.get("COMPOSE_PROJECT_NAME"):
        return given
    plain = unicodedata.normalize("NFKD", settings.root.name).encode("ascii", "ignore").decode().lower()
    folder = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30] or "todo"
    return f"{folder}-{_digest(settings)[:6]}"


def network_prefix(settings: Settings, attempt: int = 0) -> str:
    """Return the first three bytes of the addresses of this checkout's network.

    Only trying shows which networks are in use: each `attempt` gives another. The first network is left to
    people who run Compose without these tasks.
    """
    return f"198.19.{(int(_digest(settings), 16) + attempt) % 255 + 1}"


def files(profile: Profile, *, development: bool, database: str) -> tuple[str, ...]:
    """Return the files of the project of a profile, the base file first."""
    chosen = [] if profile.name == profiles.DEFAULT_PROFILE else [profile.name]
    chosen += ["development"] if development else []
    chosen += [DATABASE] if database == DATABASE else []
    return (FILE, *(f"{OVERLAYS}/{name}.yml" for name in chosen))


def check_database(database: str) -> None:
    """Raise UsageError unless the word names a database."""
    if database and database not in DATABASES:
        raise unknown("database", database, DATABASES)


async def holder(docker: Docker, port: int) -> str:
    """Return the container that uses a port of this machine, and its project; empty if there is none."""
    columns = '{{.Names}}\t{{.RunningFor}}\t{{.Label "%s.project"}}' % _LABEL  # noqa: UP031 - Go's own braces
    found = await docker.run("container", "ls", "--filter", f"publish={port}", "--format", columns)
    if not found.strip():
        return ""
    name, since, project = found.splitlines()[0].split("\t")
    return f"the container {name}{f' of the Compose project {project}' * bool(project)} (since {since})"


async def ends(docker: Docker, project: str) -> AsyncIterator[tuple[str, int]]:
    """Yield service and exit code of each container of the project when it ends."""
    words = ("events", "--format", "{{json .Actor.Attributes}}", "--filter", "event=die")
    async with docker.running(*words, "--filter", f"label={_LABEL}.project={project}", grace=1.0) as process:
        async for line in processes.lines(process):
            attributes = json.loads(line) if line.startswith("{") else {}
            if service := attributes.get(f"{_LABEL}.service"):
                yield service, int(attributes.get("exitCode", 0))


def _digest(settings: Settings) -> str:
    return hashlib.sha256(str(settings.state_dir).encode()).hexdigest()


def _container(document: Mapping[str, Any]) -> Container:
    state, labels = document["State"], document["Config"]["Labels"]
    health = state.get("Health") or {}
    checks = health.get("Log") or [{}]
    return Container(
        id=document["Id"],
        name=document["Name"].lstrip("/"),
        service=labels[f"{_LABEL}.service"],
        state=state["Status"],
        health=health.get("Status", ""),
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        restarts=document["RestartCount"],
        started=state["StartedAt"],
        pid=state["Pid"],
        image=document["Image"],
        configuration=labels.get(f"{_LABEL}.config-hash", ""),
        probe=logs.clean(" ".join(str(checks[-1].get("Output", "")).split())),
    )
