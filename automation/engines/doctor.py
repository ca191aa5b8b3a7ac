"""Looks for what keeps the application from running: small checks in groups, each with its mend.

A check returns what it found; it never changes anything. Only a failure matters to the exit code: a warning
says what is missing for something that one may not need.
"""

import asyncio
import importlib.metadata
import json
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import paths
from automation.contract import environment
from automation.contract.models import Profile
from automation.docker.cli import DockerError
from automation.engines.compose import ComposeEngine
from automation.engines.engine import ServiceStatus, UpOptions
from automation.process import ports, processes, programs
from automation.process.instance import Instance, State
from automation.project import frontend, node
from automation.settings import Settings

PASSED, WARNING, FAILED = "passed", "warning", "failed"
NEEDED_PYTHON = (3, 11)
NEEDED_BYTES = 2 * 10**9
"""What the frontend's packages, a build and the caches take, with room to work."""

_SECONDS = 5.0
_MORE = "For more than running it"
_FOR_CLUSTERS = "only needed for --engine cluster"
_INSTALL = {
    "kubectl": "install it as https://kubernetes.io/docs/tasks/tools/ says",
    "helm": "install it as https://helm.sh/docs/intro/install/ says",
}
_BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "msedge")


@dataclass(frozen=True)
class Finding:
    """What a check found, and how to mend it."""

    group: str
    name: str
    state: str
    detail: str
    mend: str = ""


async def examine(settings: Settings, profile: Profile) -> tuple[Finding, ...]:
    """Run every check and return the findings in their order."""
    values = environment.read(settings, profile)
    docker, kubernetes, database, running = await asyncio.gather(
        _docker(settings), _kubernetes(settings), _database(settings, values), _running(settings)
    )
    return (
        _python(),
        _packages(settings.root),
        _node(settings.root, in_containers=running.in_containers),
        _disk(settings.root),
        _clock(settings.root),
        _settings_file(settings, values),
        database,
        *_ports(running.ports),
        docker,
        *kubernetes,
        _browser(),
    )


def describe(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the findings as lines for a person, under the names of their groups."""
    marks = {PASSED: "ok  ", WARNING: "note", FAILED: "FAIL"}
    lines: list[str] = []
    group = ""
    for each in findings:
        if each.group != group:
            group = each.group
            lines += ["", group]
        lines.append(f"  {marks[each.state]}  {each.name:<12} {each.detail}")
        if each.mend and each.state != PASSED:
            lines.append(f"{'':<20} try   {each.mend}")
    failures = sum(each.state == FAILED for each in findings)
    end = "Nothing is in the way." if not failures else f"{failures} to mend."
    return (*lines, "", end)


def _python() -> Finding:
    detail = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < NEEDED_PYTHON:
        return Finding("This machine", "Python", FAILED, detail, "install Python 3.11 or newer, then   ./dev")
    return Finding("This machine", "Python", PASSED, detail)


def _packages(root: Path) -> Finding:
    """Compare what is installed with the lock: the names and versions, not the files."""
    wrong = []
    for line in (root / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines():
        requirement, _, marker = line.partition(" ; ")
        name, pinned, version = requirement.rstrip(" \\").partition("==")
        if not pinned or marker or line.startswith((" ", "#")):
            continue
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            wrong.append(f"{name} {installed} instead of {version}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Finding("This machine", "environment", FAILED, "; ".join(wrong[:3]) + more, "./dev")
    return Finding("This machine", "environment", PASSED, "what requirements/dev.txt asks for")


def _node(root: Path, *, in_containers: bool) -> Finding:
    if in_containers:
        detail = f"{node.version()}, the frontend's packages are in its container"
        return Finding("This machine", "Node", PASSED, detail)
    if not frontend.packages_current(root):
        detail = f"Node {node.version()}; the frontend's packages are not those of its lock"
        return Finding(
            "This machine", "Node", WARNING, detail, "invoke install, or invoke up, which does it too"
        )
    return Finding("This machine", "Node", PASSED, f"{node.version()}, the frontend's packages are there")


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    detail = f"{free / 10**9:.1f} GB free"
    if free < NEEDED_BYTES:
        mend = "free some space; invoke clean removes what can be made again"
        return Finding(
            "This machine", "disk", FAILED, f"{detail}, {NEEDED_BYTES / 10**9:.0f} are needed", mend
        )
    return Finding("This machine", "disk", PASSED, detail)


def _clock(root: Path) -> Finding:
    newest = (root / "pyproject.toml").stat().st_mtime
    shown = time.strftime("%Y-%m-%d %H:%M %Z")
    if time.time() < newest:
        mend = "set the clock: sessions and certificates depend on it"
        return Finding("This machine", "clock", FAILED, f"{shown} is before pyproject.toml was written", mend)
    return Finding("This machine", "clock", PASSED, shown)


def _settings_file(settings: Settings, values: environment.Environment) -> Finding:
    name = settings.env_file_name
    if not settings.env_file.exists():
        return Finding("Application", "settings", WARNING, f"no {name} yet", "invoke up makes it")
    problems = [str(each) for each in values.problems]
    if values.blocking:
        return Finding("Application", "settings", FAILED, "; ".join(problems), f"correct {name}")
    if problems:
        return Finding("Application", "settings", WARNING, "; ".join(problems), "invoke env-check")
    return Finding("Application", "settings", PASSED, name)


async def _database(settings: Settings, values: environment.Environment) -> Finding:
    url = values.values.get("DATABASE_URL", "")
    composed = ComposeEngine(settings)
    contained, native = composed.database(url), Instance(settings.state_dir).read()
    if contained and composed.recorded and not native:
        return Finding("Application", "database", PASSED, contained)
    if not url:
        detail = f"SQLite in {paths.readable(settings.data_dir, settings.root)}"
        # Before a start nobody knows which of the two it will be.
        other = "" if native else f"; with containers, {contained}"
        return Finding("Application", "database", PASSED, detail + other)
    if any(each.name == "DATABASE_URL" for each in values.blocking):
        return Finding("Application", "database", FAILED, "DATABASE_URL is not valid", "invoke env-check")
    # Imported here: only this check needs a driver.
    import psycopg

    began = time.monotonic()
    try:
        async with asyncio.timeout(_SECONDS * 2):
            # libpq does not know the name of a driver in the scheme.
            plain = f"postgresql://{url.partition('://')[2]}"
            connection = await psycopg.AsyncConnection.connect(plain, connect_timeout=int(_SECONDS))
            async with connection:
                await connection.execute("SELECT 1")
    except (psycopg.Error, TimeoutError) as error:
        # The driver's message names host and user, never the password.
        why = " ".join(str(error).split()) or f"no answer within {_SECONDS:.0f} s"
        return Finding(
            "Application", "database", FAILED, f"PostgreSQL: {why}", "check DATABASE_URL and the network"
        )
    detail = f"PostgreSQL answers in {time.monotonic() - began:.2f} s"
    return Finding("Application", "database", PASSED, detail)


@dataclass(frozen=True)
class _Running:
    """The application that runs, if one does."""

    ports: Mapping[str, int]
    in_containers: bool


async def _running(settings: Settings) -> _Running:
    record = Instance(settings.state_dir).read()
    if record and record.state != State.CRASHED:
        return _Running({each.name: each.port for each in record.services}, in_containers=False)
    composed = ComposeEngine(settings)
    services: Mapping[str, ServiceStatus] = {}
    # Without a daemon no container runs.
    with suppress(DockerError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            services = (await composed.status()).services if composed.recorded else {}
    there = {name: each.port for name, each in services.items() if each.port and each.state != State.STOPPED}
    return _Running(there, in_containers=bool(there))


def _ports(running: Mapping[str, int]) -> Iterable[Finding]:
    wanted = {"backend": UpOptions.backend_port, "frontend": UpOptions.frontend_port}
    for name, port in {**wanted, **running}.items():
        if running.get(name) == port:
            yield Finding("Application", f"port {port}", PASSED, f"the {name} listens")
        elif ports.is_free(UpOptions.host, port):
            yield Finding("Application", f"port {port}", PASSED, f"free for the {name}")
        else:
            mend = f"invoke up --auto-port, or --{name}-port"
            detail = f"taken by {ports.holder(port)}"
            yield Finding("Application", f"port {port}", WARNING, detail, mend)


async def _docker(settings: Settings) -> Finding:
    program = shutil.which("docker", path=settings.environ.get("PATH"))
    mend = "install or start Docker where images are wanted; invoke up needs none"
    if program is None:
        return Finding(_MORE, "Docker", WARNING, "not installed", mend)
    command = [program, "version", "--format", "{{.Server.Version}}"]
    mark = f"doctor-{time.monotonic_ns()}"
    async with processes.running(
        command, cwd=settings.root, environ=settings.environ, mark=mark, grace=1
    ) as docker:
        output = []
        try:
            async with asyncio.timeout(_SECONDS):
                output = [line async for line in processes.lines(docker)]
                code = await docker.wait()
        except TimeoutError:
            code = 1
    if code != 0:
        return Finding(_MORE, "Docker", WARNING, "installed, but its engine does not answer", mend)
    return Finding(_MORE, "Docker", PASSED, " ".join(output))


async def _kubernetes(settings: Settings) -> tuple[Finding, ...]:
    """Find what `--engine cluster` needs, which is no more than a note where it is not there."""
    (kubectl, client), (helm, version) = await asyncio.gather(
        _asked(settings, "kubectl", "version", "--output=json", f"--request-timeout={_SECONDS - 1:.0f}s"),
        _asked(settings, "helm", "version", "--template={{.Version}}"),
    )
    described: dict[str, Any] = {}
    # Without a cluster kubectl fails, and prints what it is all the same.
    with suppress(ValueError):
        described = json.loads(client)
    found = [
        _tool(
            "kubectl", kubectl, described.get("clientVersion", {}).get("gitVersion", ""), "kubectl version"
        ),
        _tool("helm", helm, version.strip(), "helm version"),
    ]
    if not kubectl:
        return tuple(found)
    _, context = await _asked(settings, "kubectl", "config", "current-context")
    name, server = context.strip(), described.get("serverVersion", {}).get("gitVersion", "")
    if name and server:
        found.append(Finding(_MORE, "cluster", PASSED, f"{name}, Kubernetes {server}"))
    else:
        why = f"{name} does not answer" if name else "kubectl has no current context"
        mend = "minikube start, or   kubectl config use-context NAME"
        found.append(Finding(_MORE, "cluster", WARNING, f"{why}: {_FOR_CLUSTERS}", mend))
    return tuple(found)


def _tool(name: str, there: bool, version: str, mend: str) -> Finding:
    if not there:
        return Finding(_MORE, name, WARNING, f"not installed: {_FOR_CLUSTERS}", _INSTALL[name])
    if not version:
        return Finding(_MORE, name, WARNING, "installed, but does not tell its version", mend)
    return Finding(_MORE, name, PASSED, version)


async def _asked(settings: Settings, name: str, *arguments: str) -> tuple[bool, str]:
    """Return whether a program is there, and what it printed in the time that it has."""
    program = programs.find(name, settings.environ, settings.root)
    if program is None:
        return False, ""
    with suppress(TimeoutError, OSError):
        return True, (await program.complete(*arguments, seconds=_SECONDS)).output
    return True, ""


def _browser() -> Finding:
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    downloads = [
        Path.home() / folder / "ms-playwright" for folder in (".cache", "Library/Caches", "AppData/Local")
    ]
    own = next((each for folder in downloads if folder.is_dir() for each in folder.glob("chromium*")), None)
    if found or own:
        return Finding(_MORE, "browser", PASSED, str(found or own))
    detail = "neither Chrome nor Chromium; the end-to-end tests fetch one from the npm registry"
    mend = "install Chromium, if they cannot"
    return Finding(_MORE, "browser", WARNING, detail, mend)
