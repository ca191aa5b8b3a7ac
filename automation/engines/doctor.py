"""Diagnoses startup problems: small checks in groups, each with the fix beside the problem.

A check changes nothing; with --fix, `doctor` then makes the repairs that lose nothing. Only a failure sets
the exit code: a warning names what is missing for something optional.
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
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from automation.console import errors
from automation.console.events import Emit, Notice, Result
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import Profile
from automation.docker.cli import Docker, DockerError
from automation.engines import choice
from automation.engines.engine import Status, UpOptions
from automation.engines.native import NativeEngine
from automation.kubernetes.commands import INSTALL
from automation.process import ports, processes
from automation.process.instance import State
from automation.project import frontend, node
from automation.settings import Settings

PASSED, WARNING, FAILED = "passed", "warning", "failed"
NEEDED_PYTHON = (3, 11)
NEEDED_BYTES = 2 * 10**9
"""The size of the frontend's packages, a build and the caches, with room to work."""

_SECONDS = 5.0
_FOR_CLUSTERS = "only needed for --engine cluster"
_BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "msedge")


async def _repair_settings(settings: Settings, emit: Emit, profile: str) -> None:
    await environment.initialise_file(settings, emit, profile=profile, dry_run=False)


async def _repair_packages(settings: Settings, emit: Emit, _profile: str) -> None:
    await frontend.install(settings, emit)


_REPAIRS = {"settings": _repair_settings, "Node": _repair_packages}
"""The repair of a check, by its name: each changes nothing that exists."""


@dataclass(frozen=True)
class Diagnosis:
    """The outcome of one check, and the fix unless it passed."""

    group: str
    name: str
    state: str
    detail: str
    fix: str = ""


def _diagnosis(group: str, name: str, detail: str, fix: str = "", state: str = FAILED) -> Diagnosis:
    return Diagnosis(group, name, state if fix else PASSED, detail, fix)


_machine = partial(_diagnosis, "This machine")
_application = partial(_diagnosis, "Application")
_optional = partial(_diagnosis, "Optional", state=WARNING)


async def doctor(settings: Settings, emit: Emit, *, profile: str, fix: bool) -> int:
    """Diagnose startup problems, and with `fix` repair what can be; return a failure if any are left."""
    chosen = profiles.load(profile, settings.root)
    findings = await examine(settings, chosen)
    wrong = {finding.name for finding in findings if finding.state != PASSED}
    if fix and (repairs := [repair for name, repair in _REPAIRS.items() if name in wrong]):
        for repair in repairs:
            # The only result is that of the doctor.
            await repair(settings, lambda event: None if isinstance(event, Result) else emit(event), profile)
        findings = await examine(settings, chosen)
    emit(Notice(describe(findings)))
    emit(Result({"findings": [asdict(finding) for finding in findings]}))
    return errors.FAILED if any(finding.state == FAILED for finding in findings) else 0


async def examine(settings: Settings, profile: Profile) -> tuple[Diagnosis, ...]:
    """Run every check and return the diagnoses in their order."""
    values = environment.read(settings, profile)
    docker, kubernetes, database, running = await asyncio.gather(
        _docker(settings), _kubernetes(settings), _database(settings, values), _running(settings)
    )
    return (
        *_this_machine(settings.root, in_containers=running.engine != NativeEngine.name),
        _settings_file(settings, values),
        database,
        *_services(running),
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
        if diagnosis.fix:
            lines.append(f"{'':<20} fix   {diagnosis.fix}")
        failures += diagnosis.state == FAILED
    problems = f"{failures} problem{'s' * (failures != 1)} to fix." if failures else "No problems found."
    return (*lines, "", problems)


def _this_machine(root: Path, *, in_containers: bool) -> Iterator[Diagnosis]:
    fix = "" if sys.version_info >= NEEDED_PYTHON else "install Python 3.11 or newer, then   ./dev"
    yield _machine("Python", f"{platform.python_version()} at {sys.executable}", fix)
    if wrong := list(_wrong_packages(root / "requirements" / "dev.txt")):
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        yield _machine("environment", "; ".join(wrong[:3]) + more, "./dev")
    else:
        yield _machine("environment", "matches requirements/dev.txt")
    if in_containers:
        yield _machine("Node", f"{node.version()}, the frontend's packages are in its container")
    elif frontend.packages_current(root):
        yield _machine("Node", f"{node.version()}, the frontend's packages are installed")
    else:
        detail = f"Node {node.version()}; the frontend's packages do not match the lock"
        yield _machine("Node", detail, "invoke install, or invoke up, which installs them too", WARNING)
    free = shutil.disk_usage(root).free
    detail, fix = f"{free / 10**9:.1f} GB free", ""
    if free < NEEDED_BYTES:
        detail += f", {NEEDED_BYTES / 10**9:.0f} needed"
        fix = "free some space: invoke clean removes builds and caches"
    yield _machine("disk", detail, fix)
    detail, fix = time.strftime("%Y-%m-%d %H:%M %Z"), ""
    if time.time() < (root / "pyproject.toml").stat().st_mtime:
        detail += " is before pyproject.toml was written"
        fix = "set the clock: sessions and certificates depend on it"
    yield _machine("clock", detail, fix)


def _wrong_packages(lock: Path) -> Iterator[str]:
    """Compare the installed names and versions with the lock."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        requirement, _, marker = line.partition(" ; ")
        name, pinned, version = requirement.rstrip(" \\").partition("==")
        if pinned and not marker and not line.startswith((" ", "#")):
            installed = "missing"
            with suppress(importlib.metadata.PackageNotFoundError):
                installed = importlib.metadata.version(name)
            if installed != version:
                yield f"{name} {installed} instead of {version}"


def _settings_file(settings: Settings, values: Environment) -> Diagnosis:
    name = settings.env_file_name
    if not settings.env_file.exists():
        return _application("settings", f"no {name} yet", "invoke up creates it", WARNING)
    problems = "; ".join(map(str, values.problems))
    if values.blocking:
        return _application("settings", problems, f"correct {name}")
    return _application("settings", problems or name, "invoke env-check" if problems else "", WARNING)


async def _database(settings: Settings, values: Environment) -> Diagnosis:
    url = values.values.get("DATABASE_URL", "")
    if not url:
        held = await choice.data(settings)
        places = "; ".join(f"{place} ({name} engine)" for name, place in held.items())
        return _application("database", places or "none yet; invoke up creates it")
    if any(problem.name == "DATABASE_URL" for problem in values.blocking):
        return _application("database", "DATABASE_URL is not valid", "invoke env-check")
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
        return _application("database", f"PostgreSQL: {why}", "check DATABASE_URL and the network")
    return _application("database", f"PostgreSQL answers in {time.monotonic() - began:.2f} s")


async def _running(settings: Settings) -> Status:
    """Return the status of the application, or of the native engine if none runs on this machine."""
    with suppress(DockerError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            engine = await choice.running(settings)
        if engine and engine.name != "cluster":
            # A service that does not answer is asked for long.
            return await engine.status()
    return Status(NativeEngine.name, State.STOPPED)


def _services(running: Status) -> Iterator[Diagnosis]:
    for name, service in running.services.items():
        if service.state not in {State.HEALTHY, State.STARTING}:
            detail = f"{service.state}: {service.detail}" if service.detail else service.state
            yield _application(name, detail, service.fix or f"invoke logs --service {name}")


def _ports(running: Mapping[str, int]) -> Iterator[Diagnosis]:
    for name, port in {**UpOptions().ports, **running}.items():
        detail, fix = f"free for the {name}", ""
        if running.get(name) == port:
            detail = f"the {name} listens"
        elif not ports.is_free(UpOptions.host, port):
            detail = f"taken by {ports.holder_process(port)}"
            fix = f"invoke up --auto-port, or --{name}-port"
        yield _application(f"port {port}", detail, fix, WARNING)


async def _docker(settings: Settings) -> Diagnosis:
    fix = "install or start Docker to build images; invoke up does not need it"
    if not processes.find("docker", settings.environ, settings.root):
        return _optional("Docker", "not installed", fix)
    with suppress(DockerError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            return _optional("Docker", (await Docker.find(settings).engine()).version)
    return _optional("Docker", "installed, but its engine does not answer", fix)


async def _kubernetes(settings: Settings) -> list[Diagnosis]:
    """Check the requirements of `--engine cluster`."""
    client, helm, context = await asyncio.gather(
        _output(settings, "kubectl", "version", "--output=json", f"--request-timeout={_SECONDS - 1:.0f}s"),
        _output(settings, "helm", "version", "--template={{.Version}}"),
        _output(settings, "kubectl", "config", "current-context"),
    )
    described: dict[str, Any] = {}
    # Without a cluster kubectl fails, and prints its own version all the same.
    with suppress(ValueError):
        described = json.loads(client or "")
    version, server = (
        described.get(f"{side}Version", {}).get("gitVersion", "") for side in ("client", "server")
    )
    found = [
        _tool("kubectl", client if client is None else version),
        _tool("helm", helm),
    ]
    if client is None:
        return found
    if context and server:
        return [*found, _optional("cluster", f"{context}, Kubernetes {server}")]
    why = f"{context} does not answer" if context else "kubectl has no current context"
    fix = "minikube start, or   kubectl config use-context NAME"
    return [*found, _optional("cluster", f"{why}: {_FOR_CLUSTERS}", fix)]


def _tool(name: str, version: str | None) -> Diagnosis:
    if version is None:
        return _optional(name, f"not installed: {_FOR_CLUSTERS}", f"install it: {INSTALL[name]}")
    detail = version or "installed, but does not report its version"
    return _optional(name, detail, "" if version else f"{name} version")


async def _output(settings: Settings, name: str, *arguments: str) -> str | None:
    """Return the output of a program within the time limit; None if it is not installed."""
    program = processes.find(name, settings.environ, settings.root)
    if program is None:
        return None
    with suppress(TimeoutError, OSError):
        return (await program.complete(*arguments, seconds=_SECONDS)).output.strip()
    return ""


def _browser() -> Diagnosis:
    caches = (
        Path.home() / folder / "ms-playwright" for folder in (".cache", "Library/Caches", "AppData/Local")
    )
    found = [path for name in _BROWSERS if (path := shutil.which(name))]
    found += [str(file) for cache in caches for file in cache.glob("chromium*")]
    if found:
        return _optional("browser", found[0])
    detail = "no Chrome or Chromium; the end-to-end tests download one from the npm registry"
    return _optional("browser", detail, "install Chromium, if they cannot")
