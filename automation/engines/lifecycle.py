"""Start, stop and observe the application with any engine."""

from dataclasses import replace

from automation.console.errors import FAILED, unknown
from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm
from automation.contract.models import SERVICES
from automation.engines import choice
from automation.engines.compose import ComposeEngine
from automation.engines.engine import Status, UpOptions
from automation.engines.native import NativeEngine
from automation.images.build_failure import BaseImageError
from automation.process import ports
from automation.process.instance import State
from automation.settings import Settings

_DATABASES = {"postgres", "postgresql"}
"""The names of the database's service, with Docker Compose and in a cluster."""

__all__ = ["UpOptions", "compose_down", "down", "logs", "status", "up"]


async def up(settings: Settings, emit: Emit, options: UpOptions, *, engine: str, dry_run: bool) -> None:
    """Start the application with the engine of that name, or with the one that is available."""
    chosen = await choice.for_start(settings, engine)
    if dry_run:
        plan = await chosen.engine.plan(options)
        emit(Notice(plan))
        emit(Result({"engine": chosen.engine.name, "plan": plan}))
        return
    try:
        await chosen.engine.up(replace(options, reason=chosen.reason), emit)
    except BaseImageError as error:
        if not chosen.replaceable:
            raise
        emit(Notice(("", f"Images cannot be built: {error.why}. Using the native engine, which needs none.")))
        reason = "images cannot be built; --engine compose tries again"
        await NativeEngine(settings).up(replace(options, reason=reason), emit)


async def down(settings: Settings, emit: Emit, *, dry_run: bool) -> None:
    """Stop the application and clean up after a crash."""
    engine = await choice.latest(settings)
    if dry_run:
        now = await engine.status()
        emit(Notice((_plan_of_down(now),)))
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
        action = f"compose-down would stop it and {data}"
        if state == State.STOPPED:
            action = f"compose-down would {data}" if names else "nothing to do"
        emit(Notice((f"The application is {state}: {action}.",)))
    else:
        if names and not yes:
            await confirm("Delete these volumes? This cannot be undone.")
        await engine.down(emit)
        if names:
            await engine.remove_volumes(names, emit)
    emit(Result({**(await engine.status()).to_mapping(), "volumes": names}))


async def status(settings: Settings, emit: Emit) -> int:
    """Show what runs; return a failure when it is unhealthy or crashed."""
    now = await (await choice.latest(settings)).status()
    held = await choice.data(settings)
    in_use = held.keys() if now.state == State.STOPPED else {now.engine}
    places = tuple(
        f"{'data' if name in in_use else 'not in use'}: {place} ({name} engine)"
        for name, place in held.items()
    )
    emit(Notice((*_describe(now), *places)))
    emit(Result({**now.to_mapping(), "data": held}))
    return FAILED if now.state in {State.UNHEALTHY, State.CRASHED} else 0


async def logs(settings: Settings, emit: Emit, *, service: str, lines: int, follow: bool) -> None:
    """Show the services' output."""
    engine = await choice.writer(settings)
    if service in _DATABASES:
        service = next((name for name in engine.services if name in _DATABASES), service)
    if service and service not in engine.services:
        raise unknown("service", service, engine.services)
    await engine.logs((service,) if service else SERVICES, lines, emit, follow=follow)


def _plan_of_down(now: Status) -> str:
    if now.state == State.STOPPED:
        return "Already stopped; nothing to do."
    action = f"uninstall the release {now.place} and keep its data" if now.place else "stop it"
    return f"The application is {now.state}: down would {action}."


def _describe(status: Status) -> tuple[str, ...]:
    if status.state == State.STOPPED:
        return ("Nothing is running. Start it with   invoke up",)
    word = " since" if status.state == State.RUNNING else ", started"
    began = f"{word} {ports.since(status.since)}" if status.since else ""
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
