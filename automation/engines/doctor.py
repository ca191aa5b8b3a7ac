"""Diagnoses startup problems: small checks in groups, each with the fix beside the problem.

A check changes nothing. Only a failure sets the exit code: a warning names what is missing for something
optional.
"""

import asyncio
import importlib.metadata
import json
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from automation.contract import environment
from automation.contract.models import Profile
from automation.docker.cli import Docker, DockerError
from automation.engines import selection
from automation.engines.engine import Status, UpOptions
from automation.engines.native import NativeEngine
from automation.process import ports, programs
from automation.process.instance import State
from automation.project import frontend, node
from automation.settings import Settings

PASSED, WARNING, FAILED = "passed", "warning", "failed"
NEEDED_PYTHON = (3, 11)
NEEDED_BYTES = 2 * 10**9
"""The size of the frontend's packages, a build and the caches, with room to work."""

_SECONDS = 5.0
_FOR_CLUSTERS = "only needed for --engine cluster"
_INSTALL = {
    "kubectl": "install it: https://kubernetes.io/docs/tasks/tools/",
    "helm": "install it: https://helm.sh/docs/intro/install/",
}
_BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "msedge")


@dataclass(frozen=True)
class Diagnosis:
    """The outcome of one check, and the fix."""

    group: str
    name: str
    state: str
    detail: str
    fix: str = ""


_machine = partial(Diagnosis, "This machine")
_application = partial(Diagnosis, "Application")
_optional = partial(Diagnosis, "Optional")


async def examine(settings: Settings, profile: Profile) -> tuple[Diagnosis, ...]:
    """Run every check and return the diagnoses in their order."""
    values = environment.read(settings, profile)
    docker, kubernetes, database, running = await asyncio.gather(
        _docker(settings), _kubernetes(settings), _database(settings, values), _running(settings)
    )
    return (
        _python(),
        _packages(settings.root),
        _node(settings.root, in_containers=running.engine != NativeEngine.name),
        _disk(settings.root),
        _clock(settings.root),
        _settings_file(settings, values),
        database,
        *_ports({name: status.port for name, status in running.services.items() if status.port}),
        docker,
        *kubernetes,
        _browser(),
    )


def describe(diagnoses: Iterable[Diagnosis]) -> tuple[str, ...]:
    """Return the diagnoses as lines for a person, under the names of their groups."""
    marks = {PASSED: "ok  ", WARNING: "note", FAILED: "FAIL"}
    lines: list[str] = []
    group, failures = "", 0
    for diagnosis in diagnoses:
        if diagnosis.group != group:
            group = diagnosis.group
            lines += ["", group]
        lines.append(f"  {marks[diagnosis.state]}  {diagnosis.name:<12} {diagnosis.detail}")
        if diagnosis.fix and diagnosis.state != PASSED:
            lines.append(f"{'':<20} fix   {diagnosis.fix}")
        failures += diagnosis.state == FAILED
    problems = f"{failures} problem{'s' * (failures != 1)} to fix." if failures else "No problems found."
    return (*lines, "", problems)


def _python() -> Diagnosis:
    detail = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < NEEDED_PYTHON:
        return _machine("Python", FAILED, detail, "install Python 3.11 or newer, then   ./dev")
    return _machine("Python", PASSED, detail)


def _packages(root: Path) -> Diagnosis:
    """Compare the installed names and versions with the lock."""
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
        return _machine("environment", FAILED, "; ".join(wrong[:3]) + more, "./dev")
    return _machine("environment", PASSED, "matches requirements/dev.txt")


def _node(root: Path, *, in_containers: bool) -> Diagnosis:
    if in_containers:
        return _machine("Node", PASSED, f"{node.version()}, the frontend's packages are in its container")
    if not frontend.packages_current(root):
        detail = f"Node {node.version()}; the frontend's packages do not match the lock"
        return _machine("Node", WARNING, detail, "invoke install, or invoke up, which installs them too")
    return _machine("Node", PASSED, f"{node.version()}, the frontend's packages are installed")


def _disk(root: Path) -> Diagnosis:
    free = shutil.disk_usage(root).free
    detail = f"{free / 10**9:.1f} GB free"
    if free < NEEDED_BYTES:
        detail += f", {NEEDED_BYTES / 10**9:.0f} needed"
        return _machine("disk", FAILED, detail, "free some space: invoke clean removes builds and caches")
    return _machine("disk", PASSED, detail)


def _clock(root: Path) -> Diagnosis:
    now = time.strftime("%Y-%m-%d %H:%M %Z")
    if time.time() < (root / "pyproject.toml").stat().st_mtime:
        detail = f"{now} is before pyproject.toml was written"
        return _machine("clock", FAILED, detail, "set the clock: sessions and certificates depend on it")
    return _machine("clock", PASSED, now)


def _settings_file(settings: Settings, values: environment.Environment) -> Diagnosis:
    name = settings.env_file_name
    if not settings.env_file.exists():
        return _application("settings", WARNING, f"no {name} yet", "invoke up makes it")
    problems = "; ".join(map(str, values.problems))
    if values.blocking:
        return _application("settings", FAILED, problems, f"correct {name}")
    if problems:
        return _application("settings", WARNING, problems, "invoke env-check")
    return _application("settings", PASSED, name)


async def _database(settings: Settings, values: environment.Environment) -> Diagnosis:
    url = values.values.get("DATABASE_URL", "")
    if not url:
        held = await selection.data(settings)
        places = "; ".join(f"{place} ({name} engine)" for name, place in held.items())
        return _application("database", PASSED, places or "none yet; invoke up creates it")
    if any(problem.name == "DATABASE_URL" for problem in values.blocking):
        return _application("database", FAILED, "DATABASE_URL is not valid", "invoke env-check")
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
        fix = "check DATABASE_URL and the network"
        return _application("database", FAILED, f"PostgreSQL: {why}", fix)
    return _application("database", PASSED, f"PostgreSQL answers in {time.monotonic() - began:.2f} s")


async def _running(settings: Settings) -> Status:
    """Return the status of the application, or of the native engine if none runs on this machine."""
    with suppress(DockerError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            engine = await selection.running(settings)
            if engine and engine.name != "cluster":
                return await engine.status()
    return Status(NativeEngine.name, State.STOPPED)


def _ports(running: Mapping[str, int]) -> Iterator[Diagnosis]:
    for name, port in {**UpOptions().ports, **running}.items():
        if running.get(name) == port:
            yield _application(f"port {port}", PASSED, f"the {name} listens")
        elif ports.is_free(UpOptions.host, port):
            yield _application(f"port {port}", PASSED, f"free for the {name}")
        else:
            fix = f"invoke up --auto-port, or --{name}-port"
            yield _application(f"port {port}", WARNING, f"taken by {ports.holder_process(port)}", fix)


async def _docker(settings: Settings) -> Diagnosis:
    fix = "install or start Docker to build images; invoke up does not need it"
    if not programs.find("docker", settings.environ, settings.root):
        return _optional("Docker", WARNING, "not installed", fix)
    try:
        async with asyncio.timeout(_SECONDS):
            return _optional("Docker", PASSED, (await Docker.find(settings).engine()).version)
    except (DockerError, TimeoutError):
        return _optional("Docker", WARNING, "installed, but its engine does not answer", fix)


async def _kubernetes(settings: Settings) -> tuple[Diagnosis, ...]:
    """Check the requirements of `--engine cluster`."""
    (kubectl, client), (helm, version) = await asyncio.gather(
        _output(settings, "kubectl", "version", "--output=json", f"--request-timeout={_SECONDS - 1:.0f}s"),
        _output(settings, "helm", "version", "--template={{.Version}}"),
    )
    described: dict[str, Any] = {}
    # Without a cluster kubectl fails, and prints its own version all the same.
    with suppress(ValueError):
        described = json.loads(client)
    tools = (
        _tool("kubectl", kubectl, described.get("clientVersion", {}).get("gitVersion", "")),
        _tool("helm", helm, version.strip()),
    )
    if not kubectl:
        return tools
    _, context = await _output(settings, "kubectl", "config", "current-context")
    name, server = context.strip(), described.get("serverVersion", {}).get("gitVersion", "")
    if name and server:
        return (*tools, _optional("cluster", PASSED, f"{name}, Kubernetes {server}"))
    why = f"{name} does not answer" if name else "kubectl has no current context"
    fix = "minikube start, or   kubectl config use-context NAME"
    return (*tools, _optional("cluster", WARNING, f"{why}: {_FOR_CLUSTERS}", fix))


def _tool(name: str, installed: bool, version: str) -> Diagnosis:
    if not installed:
        return _optional(name, WARNING, f"not installed: {_FOR_CLUSTERS}", _INSTALL[name])
    if not version:
        return _optional(name, WARNING, "installed, but does not report its version", f"{name} version")
    return _optional(name, PASSED, version)


async def _output(settings: Settings, name: str, *arguments: str) -> tuple[bool, str]:
    """Return whether a program is installed, and its output within the time limit."""
    program = programs.find(name, settings.environ, settings.root)
    if program is None:
        return False, ""
    with suppress(TimeoutError, OSError):
        return True, (await program.complete(*arguments, seconds=_SECONDS)).output
    return True, ""


def _browser() -> Diagnosis:
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    caches = (
        Path.home() / folder / "ms-playwright" for folder in (".cache", "Library/Caches", "AppData/Local")
    )
    downloaded = next((file for cache in caches if cache.is_dir() for file in cache.glob("chromium*")), None)
    if found or downloaded:
        return _optional("browser", PASSED, str(found or downloaded))
    detail = "no Chrome or Chromium; the end-to-end tests download one from the npm registry"
    return _optional("browser", WARNING, detail, "install Chromium, if they cannot")
