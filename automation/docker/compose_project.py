"""A Compose project: which files make it, what they are given, what its containers do.

What people write into `.env` is read by this library alone, as for every engine, and reaches Compose in its
environment: no value is on a command line, and none is understood in two ways.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from automation.console.errors import AutomationError
from automation.console.values import unknown
from automation.contract import profiles
from automation.contract.models import Profile
from automation.docker.cli import Docker
from automation.process import logs, processes
from automation.process.processes import Guarded
from automation.settings import Settings

FILE = "docker-compose.yml"
OVERLAYS = "deploy/compose"
MIGRATION = "migrate"
DATABASE = "postgres"
DATABASES = ("sqlite", DATABASE)
VOLUMES_OF_CONTENT = ("packages", "next")
"""The volumes of development that are named after the image that filled them."""
DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - its name

_LABEL = "com.docker.compose"
_PREFIX = re.compile(r"(\S+?)-\d+\s+\| ?(.*)")
# Without them the files cannot be read, not even to stop what was started with them.
_REQUIRED = ("BETTER_AUTH_SECRET", "JWT_SECRET", DATABASE_PASSWORD)


@dataclass(frozen=True)
class Container:
    """A container of the project, as Docker sees it now."""

    id: str
    name: str
    service: str
    state: str
    """Docker's word: `created`, `running`, `paused`, `restarting`, `exited`, …"""
    health: str
    """`healthy`, `unhealthy`, `starting`, or nothing where nobody asks."""
    exit_code: int
    out_of_memory: bool
    restarts: int
    """How often Docker has started it again."""
    started: str
    """When it was started last, as Docker writes it."""
    pid: int
    """The process on the machine that runs Docker; 0 when it does not run."""
    image: str
    """The id of its image."""
    configuration: str
    """The hash of what it was started with."""
    probe: str
    """What the last question about its health was answered with."""

    @property
    def healthy(self) -> bool:
        """Whether it runs and says that it is well."""
        return self.state == "running" and self.health in {"healthy", ""}

    @property
    def paused(self) -> bool:
        """Whether its processes are held: it answers nobody, and keeps its ports."""
        return self.state == "paused"


@dataclass(frozen=True)
class Change:
    """Something that Compose says it does."""

    service: str
    status: str


@dataclass(frozen=True)
class Project:
    """The containers, network and volumes that carry one name."""

    name: str
    docker: Docker
    files: tuple[str, ...] = (FILE,)
    variables: Mapping[str, str] = field(default_factory=dict)
    """What stands for `${…}` in the files."""

    @property
    def environ(self) -> dict[str, str]:
        """What the files are given; what is not among it is empty, whatever the shell has or `.env` says."""
        return {
            **dict.fromkeys(_REQUIRED, "-"),
            **self.variables,
            "COMPOSE_DISABLE_ENV_FILE": "true",
            "COMPOSE_ENV_FILES": "",
            "COMPOSE_PROFILES": "",
        }

    @property
    def command(self) -> tuple[str, ...]:
        """The beginning of every command about the project."""
        named = [word for file in self.files for word in ("--file", file)]
        return ("compose", "--ansi", "never", "--project-name", self.name, *named)

    async def up(self) -> AsyncIterator[Change]:
        """Create and start what is missing or has changed, and wait until all of it is healthy.

        Raises ComposeError with what Compose said.
        """
        words = (*self.command, "--progress", "json", "up", "--detach", "--wait", "--no-build")
        other: list[str] = []
        async with self.docker.running(*words, "--remove-orphans", environ=self.environ) as process:
            async for line in processes.lines(process):
                try:
                    said = json.loads(line)
                except ValueError:
                    other.append(logs.clean(line))
                    continue
                if said.get("error"):
                    other.append(logs.clean(str(said.get("message", ""))))
                kind, _, name = str(said.get("id", "")).partition(" ")
                if kind == "Container":
                    service = name.removeprefix(f"{self.name}-").rpartition("-")[0]
                    yield Change(service, str(said.get("status", "")))
            if await process.wait() != 0:
                raise ComposeError("\n".join(other))

    async def down(self, *, seconds: int | None = None) -> None:
        """Stop and remove the containers, in order, and the network. Volumes stay. Raises DockerError."""
        patience = () if seconds is None else ("--timeout", str(seconds))
        words = (*self.command, "--progress", "quiet", "down", "--remove-orphans", *patience)
        await self.docker.run(*words, seconds=180, environ=self.environ)

    async def stop(self) -> None:
        """Stop the containers, in order, and leave them and what they wrote. Raises DockerError."""
        words = (*self.command, "--progress", "quiet", "stop")
        await self.docker.run(*words, seconds=180, environ=self.environ)

    async def stop_paused(self) -> tuple[str, ...]:
        """Stop the containers that are paused, which `up` refuses to start; return their services.

        One that goes on again counts as unhealthy until it is asked, which may take half a minute.
        """
        paused = [each for each in (await self.containers()).values() if each.paused]
        if paused:
            await self.docker.run("container", "stop", *(each.id for each in paused), seconds=180)
        return tuple(each.service for each in paused)

    async def containers(self) -> dict[str, Container]:
        """Return the containers by service, those that have ended too. Raises DockerError."""
        ids = await self.docker.run(
            "container", "ls", "--all", "--quiet", "--no-trunc",
            "--filter", f"label={_LABEL}.project={self.name}",
            "--filter", f"label={_LABEL}.oneoff=False",
        )  # fmt: skip
        if not ids.split():
            return {}
        done = await self.docker.complete("container", "inspect", *ids.split())
        # One that was removed in between is missing among the answers.
        found = (_container(document) for document in json.loads(done.output or "[]"))
        return {each.service: each for each in found}

    async def configurations(self) -> dict[str, str]:
        """Return the hash of what each service would be started with. Raises DockerError."""
        text = await self.docker.run(*self.command, "config", "--hash", "*", environ=self.environ)
        return {name: value for name, _, value in (line.partition(" ") for line in text.splitlines())}

    async def volumes(self) -> tuple[str, ...]:
        """Return the names of the volumes that hold data, those that no file names any more too."""
        names = await self.docker.run(
            "volume", "ls", "--quiet", "--filter", f"label={_LABEL}.project={self.name}"
        )
        return tuple(sorted(names.split()))

    async def remove_outdated_volumes(self) -> None:
        """Remove the volumes that were filled by another image than the present one."""
        content = self.variables["FRONTEND_CONTENT"]
        for volume in VOLUMES_OF_CONTENT:
            names = await self.docker.run(
                "volume", "ls", "--quiet",
                "--filter", f"label={_LABEL}.project={self.name}",
                "--filter", f"label={_LABEL}.volume={volume}",
            )  # fmt: skip
            if outdated := [name for name in names.split() if not name.endswith(f"-{content}")]:
                # One that something still uses goes the next time.
                await self.docker.complete("volume", "rm", *outdated)

    async def output(self, container: Container, lines: int, *, since: str = "") -> tuple[str, ...]:
        """Return the last lines that a container wrote, `since` that moment where one is given."""
        words = ("container", "logs", "--tail", str(lines), *(("--since", since) if since else ()))
        done = await self.docker.complete(*words, container.id)
        written = (done.output + done.errors).splitlines()
        return tuple(logs.clean(line) for line in written)[-lines:]

    async def memory(self, container: Container) -> int:
        """Return the resident bytes of a container's processes; 0 where nobody can tell."""
        if not container.pid:
            return 0
        done = await self.docker.complete("container", "top", container.id, "-eo", "pid,rss")
        rows = [line.split() for line in done.output.splitlines()[1:]]
        return sum(int(row[1]) * 1024 for row in rows if len(row) == 2 and row[1].isdecimal())

    @asynccontextmanager
    async def follow(self, services: Sequence[str], lines: int, *, on: bool) -> AsyncIterator[Guarded]:
        """Run the reading of the services' output, its last lines first, with `on` until all have ended."""
        words = (*self.command, "logs", "--no-color", "--tail", str(lines), *(("--follow",) if on else ()))
        async with self.docker.running(*words, *services, environ=self.environ, grace=1.0) as process:
            yield process


class ComposeError(AutomationError):
    """Compose gave up; `what` is what it said."""


def split(line: str) -> tuple[str, str] | None:
    """Return service and text of a line of `follow`; None for one that Compose itself wrote."""
    found = _PREFIX.fullmatch(line)
    return (found[1], logs.clean(found[2])) if found else None


def project_name(settings: Settings) -> str:
    """Return the name that belongs to this checkout and this state directory, unless the shell gives one."""
    if given := settings.environ.get("COMPOSE_PROJECT_NAME"):
        return given
    plain = unicodedata.normalize("NFKD", settings.root.name).encode("ascii", "ignore").decode().lower()
    folder = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:30] or "todo"
    return f"{folder}-{_digest(settings)[:6]}"


def network_prefix(settings: Settings, attempt: int = 0) -> str:
    """Return the first three bytes of the addresses of this checkout's network.

    What another has is found out by trying: `attempt` counts. The first network is left to whoever runs
    Compose alone.
    """
    return f"198.19.{(int(_digest(settings), 16) + attempt) % 255 + 1}"


def files(profile: Profile, *, development: bool, database: str) -> tuple[str, ...]:
    """Return the files that make the project of a profile, the one at the top first."""
    chosen = [] if profile.name == profiles.DEFAULT_PROFILE else [profile.name]
    chosen += ["development"] if development else []
    chosen += [DATABASE] if database == DATABASE else []
    return (FILE, *(f"{OVERLAYS}/{name}.yml" for name in chosen))


def check_database(database: str) -> None:
    """Raise UsageError unless the word names a database."""
    if database and database not in DATABASES:
        raise unknown("database", database, DATABASES)


async def holder(docker: Docker, port: int) -> str:
    """Return which container holds a port of this machine, and its project; nothing when none does."""
    columns = '{{.Names}}\t{{.RunningFor}}\t{{.Label "%s.project"}}' % _LABEL  # noqa: UP031 - Go's own braces
    found = await docker.run("container", "ls", "--filter", f"publish={port}", "--format", columns)
    if not found.strip():
        return ""
    name, since, project = found.splitlines()[0].split("\t")
    return f"the container {name}{f' of the Compose project {project}' * bool(project)} (since {since})"


async def ends(docker: Docker, project: str) -> AsyncIterator[tuple[str, int]]:
    """Yield service and exit code of each container of the project that ends, as it happens."""
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
    asked = health.get("Log") or [{}]
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
        probe=logs.clean(" ".join(str(asked[-1].get("Output", "")).split())),
    )
