"""Start, stop and observe the application with any engine.

The engine is the running one, the requested one, the one with this clone's data, or the default.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from automation.console.errors import FAILED, AutomationError, unknown
from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm
from automation.contract import environment, profiles
from automation.contract.models import SERVICES
from automation.docker.cli import Docker, DockerError
from automation.engines.cluster import ClusterEngine
from automation.engines.compose import ComposeEngine
from automation.engines.engine import Engine, Status, UpOptions
from automation.engines.native import NativeEngine
from automation.images.build_failure import BaseImageError
from automation.process import ports
from automation.process.instance import State
from automation.settings import Settings

__all__ = ["UpOptions", "compose_down", "down", "logs", "status", "up"]


async def up(settings: Settings, emit: Emit, options: UpOptions, *, engine: str, dry_run: bool) -> None:
    """Start the application with the engine of that name, or with the one that is available."""
    choice = await for_start(settings, engine)
    if dry_run:
        plan = await choice.engine.plan(options)
        emit(Notice(plan))
        emit(Result({"engine": choice.engine.name, "plan": plan}))
        return
    try:
        await choice.engine.up(replace(options, reason=choice.reason), emit)
    except BaseImageError as error:
        if not choice.replaceable:
            raise
        emit(Notice(("", f"Images cannot be built: {error.why}. Using the native engine, which needs none.")))
        reason = "images cannot be built; --engine compose tries again"
        await NativeEngine(settings).up(replace(options, reason=reason), emit)


async def down(settings: Settings, emit: Emit, *, dry_run: bool) -> None:
    """Stop the application and clean up after a crash."""
    engine = await latest(settings)
    if dry_run:
        now = await engine.status()
        action = "do nothing" if now.state == State.STOPPED else "stop it"
        emit(Notice((f"The application is {now.state}: down would {action}.",)))
    else:
        await engine.down(emit)
        now = await engine.status()
    emit(Result(now.to_mapping()))


async def compose_down(settings: Settings, emit: Emit, *, volumes: bool, yes: bool, dry_run: bool) -> None:
    """Stop and remove the containers, with `volumes` the data too."""
    engine = ComposeEngine(settings)
    names = await engine.volumes() if volumes else ()
    if names:
        verb = "would delete" if dry_run else "deletes"
        emit(Notice((f"compose-down {verb}:", *(f"  {name}   {engine.content(name)}" for name in names))))
    if dry_run:
        data = "delete these volumes" if names else "keep the data"
        state = (await engine.status()).state
        emit(Notice((f"The application is {state}: compose-down would stop it and {data}.",)))
    else:
        if names and not yes:
            await confirm("Delete these volumes? This cannot be undone.")
        await engine.down(emit)
        if names:
            await engine.remove_volumes(names, emit)
    emit(Result({**(await engine.status()).to_mapping(), "volumes": names}))


async def status(settings: Settings, emit: Emit) -> int:
    """Show what runs; return a failure when it is unhealthy or crashed."""
    now = await (await latest(settings)).status()
    held = await data(settings)
    places = tuple(f"data: {place} ({name} engine)" for name, place in held.items())
    emit(Notice((*_describe(now), *places)))
    emit(Result({**now.to_mapping(), "data": held}))
    return FAILED if now.state in {State.UNHEALTHY, State.CRASHED} else 0


async def logs(settings: Settings, emit: Emit, *, service: str, lines: int, follow: bool) -> None:
    """Show the services' output."""
    engine = await writer(settings)
    if service and service not in engine.services:
        raise unknown("service", service, engine.services)
    await engine.logs((service,) if service else SERVICES, lines, emit, follow=follow)


def _describe(status: Status) -> tuple[str, ...]:
    if status.state == State.STOPPED:
        return ("Nothing is running. Start it with   invoke up",)
    began = f" since {ports.since(status.since)}" if status.since else ""
    places = (f"{status.engine} engine", status.mode, status.place, status.address or "")
    rows, others, fixes = [], [], []
    absent = {"frontend": "not reached from here"}
    addresses = {
        name: service.address or absent.get(name, "for the backend only")
        for name, service in status.services.items()
    }
    width = max([24, *map(len, addresses.values())])
    for name, service in status.services.items():
        detail = f" {service.detail}" if service.detail else ""
        # A pod has no process of this machine.
        process = f" {service.memory / 10**6:6.0f} MB   pid {service.pid}" if service.pid else ""
        rows.append(f"{name:<10} {addresses[name]:<{width}} {service.state:<10}{detail}{process}")
        if name not in SERVICES:
            others.append(f"output of {name}: invoke logs --service {name}")
        if service.fix:
            fixes.append(f"the {name} is {service.state}: {service.fix}")
    if status.state == State.CRASHED:
        fixes.append("It was killed. Clean up with   invoke down")
    fixes += [f"changed since the installation: {line}" for line in status.drift]
    if status.drift:
        fixes.append(f"restore the release with   {status.restore}")
    return (" · ".join((f"{status.state}{began}", *filter(None, places))), *rows, *others, *fixes)


ENGINES: Mapping[str, type[Engine]] = {
    engine.name: engine for engine in (ComposeEngine, NativeEngine, ClusterEngine)
}
_VARIABLE = "TODO_ENGINE"

_ANSWER_SECONDS = 1.5


@dataclass(frozen=True)
class Choice:
    """The engine for a start, and why it was chosen; empty if it was requested or already runs."""

    engine: Engine
    reason: str = ""
    replaceable: bool = False
    """Whether another engine may be used instead: nobody requested this one, and it holds no data."""


async def for_start(settings: Settings, requested: str) -> Choice:
    """Return the engine that is to start the application.

    Raises UsageError for an unknown name, and AutomationError if another engine runs the application or the
    one with the data is not available.
    """
    name, origin = (requested, "--engine") if requested else (settings.environ.get(_VARIABLE, ""), _VARIABLE)
    if name and name not in ENGINES:
        raise unknown("engine", name, ENGINES, flag=origin)
    runs = await running(settings)
    if runs and name in {"", runs.name}:
        return Choice(runs)
    if runs:
        raise AutomationError(
            f"the application is already running, with the {runs.name} engine",
            why=f"it is at {runs.address()}",
            remedies=["invoke down, then the same command again"],
        )
    if name:
        return Choice(ENGINES[name](settings))
    obstacle, version = await _docker(settings)
    held = await data(settings, ask=not obstacle)
    holder, place = next(iter(held.items()), ("", ""))
    if holder == NativeEngine.name:
        reason = f"this clone's data is {place}; --engine compose starts without it"
        return Choice(NativeEngine(settings), obstacle or reason)
    if holder and obstacle:
        raise AutomationError(
            f"{obstacle}, and this clone's data is in {place}",
            remedies=[
                "start Docker, then the same command again",
                "--engine native   starts without the data",
            ],
        )
    if obstacle:
        return Choice(NativeEngine(settings), obstacle)
    reason = f"Docker {version} answers; --engine native runs without it"
    return Choice(ComposeEngine(settings), reason, replaceable=not holder)


async def data(settings: Settings, *, ask: bool = True) -> dict[str, str]:
    """Return where this clone's data is, by engine, the one that ran last first.

    Returns nothing if DATABASE_URL names a server, which every engine uses. `ask` allows querying Docker.
    """
    profile = profiles.load("", settings.root)
    if environment.read(settings, profile).values.get("DATABASE_URL"):
        return {}
    places = {engine.name: await engine.data(ask=ask) for engine in _latest_first(settings)}
    return {name: place for name, place in places.items() if place}


async def running(settings: Settings) -> Engine | None:
    """Return the engine that runs the application; None if none does."""
    for make in (NativeEngine, ComposeEngine, ClusterEngine):
        engine: Engine = make(settings)
        # Without a daemon no container runs.
        with suppress(DockerError):
            if await engine.running():
                return engine
    return None


async def latest(settings: Settings) -> Engine:
    """Return the engine that runs the application or did so last."""
    composed = ComposeEngine(settings)
    return await running(settings) or (composed if composed.recorded else NativeEngine(settings))


async def writer(settings: Settings) -> Engine:
    """Return the engine whose services write or wrote last, even if no trace of them is left."""
    return await running(settings) or _latest_first(settings)[0]


def _latest_first(settings: Settings) -> list[Engine]:
    """Return the engines of this machine."""
    engines: tuple[Engine, ...] = (NativeEngine(settings), ComposeEngine(settings))
    return sorted(engines, key=lambda engine: engine.written, reverse=True)


async def _docker(settings: Settings) -> tuple[str, str]:
    """Return why Docker cannot be used, empty if it can, and its version."""
    try:
        docker = Docker.find(settings)
    except DockerError:
        return "no Docker found", ""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            engine, compose = await asyncio.gather(docker.engine(), docker.complete("compose", "version"))
    except (DockerError, TimeoutError):
        return "Docker does not answer", ""
    if compose.code:
        return "Docker Compose is not installed", ""
    if engine.operating_system != "linux":
        return f"Docker runs {engine.operating_system} containers", ""
    return "", engine.version
