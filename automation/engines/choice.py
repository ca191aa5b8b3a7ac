"""Which engine starts the application, which one runs it, and which one has this clone's data."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from automation.console.errors import AutomationError, unknown
from automation.contract import environment, profiles
from automation.docker.cli import Docker, DockerError
from automation.engines.cluster import ClusterEngine
from automation.engines.compose import ComposeEngine
from automation.engines.engine import Engine
from automation.engines.native import NativeEngine
from automation.settings import Settings

ENGINES: Mapping[str, type[Engine]] = {
    engine.name: engine for engine in (ComposeEngine, NativeEngine, ClusterEngine)
}
_VARIABLE = "TODO_ENGINE"
_ANSWER_SECONDS = 1.5
"""How long Docker may take to answer before the native engine starts."""


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
