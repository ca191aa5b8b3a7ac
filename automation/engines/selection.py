"""Which engine is meant: the one that runs, the one that is asked for, or the one that this machine has."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from automation.console.errors import AutomationError
from automation.console.values import unknown
from automation.docker.cli import Docker, DockerError
from automation.engines.cluster import ClusterEngine
from automation.engines.compose import ComposeEngine
from automation.engines.engine import Engine
from automation.engines.native import NativeEngine
from automation.settings import Settings

ENGINES: Mapping[str, Callable[[Settings], Engine]] = {
    ComposeEngine.name: ComposeEngine,
    NativeEngine.name: NativeEngine,
    ClusterEngine.name: ClusterEngine,
}
VARIABLE = "TODO_ENGINE"

_ANSWER_SECONDS = 1.5


async def for_start(settings: Settings, asked: str) -> tuple[Engine, str]:
    """Return the engine that is to start the application, and why, unless it was asked for or runs already.

    Raises UsageError for an unknown name, and AutomationError when the other engine runs the application.
    """
    name, origin = (asked, "--engine") if asked else (settings.environ.get(VARIABLE, ""), VARIABLE)
    if name and name not in ENGINES:
        raise unknown("engine", name, ENGINES, flag=origin)
    runs = await running(settings)
    if runs and name in {"", runs.name}:
        return runs, ""
    if runs:
        raise AutomationError(
            f"the application runs already, with the {runs.name} engine",
            why=f"it is at {runs.address()}",
            remedies=["invoke down, then the same command again"],
        )
    if name:
        return ENGINES[name](settings), ""
    obstacle, version = await _docker(settings)
    if obstacle:
        return NativeEngine(settings), obstacle
    return ComposeEngine(settings), f"Docker {version} answers; --engine native does without"


async def running(settings: Settings) -> Engine | None:
    """Return the engine that runs the application; None when none does, or one was killed."""
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
    """Return the engine whose services write, or did so last, also when all trace of them has gone."""
    engines: tuple[Engine, ...] = (NativeEngine(settings), ComposeEngine(settings))
    return await running(settings) or max(engines, key=lambda engine: engine.written)


async def _docker(settings: Settings) -> tuple[str, str]:
    """Return what keeps Docker from being used, empty when nothing does, and its version."""
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
        return "Docker has no Compose here", ""
    if engine.operating_system != "linux":
        return f"Docker runs {engine.operating_system} containers", ""
    return "", engine.version
