"""Start, stop and observe the application, whichever engine runs it: what the tasks of that name do."""

from dataclasses import replace

from automation.console.errors import FAILED
from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm
from automation.console.values import unknown
from automation.contract.models import SERVICES
from automation.engines import selection
from automation.engines.compose import ComposeEngine
from automation.engines.engine import Status, UpOptions
from automation.engines.selection import latest, writer
from automation.process import ports
from automation.process.instance import State
from automation.settings import Settings

__all__ = ["UpOptions", "compose_down", "down", "logs", "status", "up"]

_UNREACHED = {"frontend": "not reached from here"}
"""Replaces the address of a service that has none and is not for the backend alone."""


async def up(settings: Settings, emit: Emit, options: UpOptions, *, engine: str, dry_run: bool) -> None:
    """Start the application with the engine of that name, or with the one that is available."""
    options = replace(options, host=options.host or UpOptions.host)
    choice = await selection.for_start(settings, engine)
    if dry_run:
        plan = await choice.engine.plan(options)
        emit(Notice(plan))
        emit(Result({"engine": choice.engine.name, "plan": plan}))
    else:
        await selection.start(settings, options, emit, choice=choice)


async def down(settings: Settings, emit: Emit, *, dry_run: bool) -> None:
    """Stop the application and clean up after a crash."""
    engine = await latest(settings)
    if dry_run:
        now = await engine.status()
        action = "do nothing" if now.state == State.STOPPED else "stop it"
        emit(Notice((f"The application is {now.state}: down would {action}.",)))
        emit(Result(now.to_mapping()))
        return
    await engine.down(emit)
    emit(Result((await engine.status()).to_mapping()))


async def status(settings: Settings, emit: Emit) -> int:
    """Show what runs; return a failure when it is unhealthy or crashed."""
    now = await (await latest(settings)).status()
    held = await selection.data(settings)
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


async def compose_down(settings: Settings, emit: Emit, *, volumes: bool, yes: bool, dry_run: bool) -> None:
    """Stop and remove the containers, with `volumes` the data too."""
    engine = ComposeEngine(settings)
    names = await engine.volumes() if volumes else ()
    if dry_run:
        now = await engine.status()
        data = f"delete {', '.join(names)}" if names else "keep the data"
        emit(Notice((f"The application is {now.state}: compose-down would stop it and {data}.",)))
        emit(Result({**now.to_mapping(), "volumes": names}))
        return
    if names and not yes:
        data = "every account, task and conversation in it"
        await confirm(f"Delete {', '.join(names)} with {data}? This cannot be undone.")
    await engine.down(emit)
    if names:
        await engine.remove_volumes(names, emit)
    emit(Result({**(await engine.status()).to_mapping(), "volumes": names}))


def _describe(status: Status) -> tuple[str, ...]:
    if status.state == State.STOPPED:
        return ("Nothing is running. Start it with   invoke up",)
    began = f" since {ports.since(status.since)}" if status.since else ""
    places = (f"{status.engine} engine", status.mode, status.place, status.address or "")
    head = " · ".join((f"{status.state}{began}", *filter(None, places)))
    addresses = {
        name: service.address or _UNREACHED.get(name, "for the backend only")
        for name, service in status.services.items()
    }
    width = max(24, *map(len, addresses.values())) if addresses else 0
    rows = [
        # A pod has no process of this machine.
        f"{name:<10} {addresses[name]:<{width}} {service.state:<10}"
        + (f" {service.detail}" if service.detail else "")
        + (f" {service.memory / 10**6:6.0f} MB   pid {service.pid}" if service.pid else "")
        for name, service in status.services.items()
    ]
    others = [
        f"output of {name}: invoke logs --service {name}" for name in status.services if name not in SERVICES
    ]
    fixes = [
        f"the {name} is {service.state}: {service.fix}"
        for name, service in status.services.items()
        if service.fix
    ]
    if status.state == State.CRASHED:
        fixes.append("It was killed. Clean up with   invoke down")
    return (head, *rows, *others, *fixes)
