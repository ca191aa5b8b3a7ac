"""The tasks that run the application."""

from dataclasses import replace

from automation.console.errors import FAILED, UsageError
from automation.console.events import Emit, Notice, Result
from automation.console.runner import run
from automation.contract.models import SERVICES
from automation.engines.engine import Status, UpOptions
from automation.engines.selection import for_start, latest, writer
from automation.process import ports
from automation.process.instance import State
from automation.settings import Settings

_UNREACHED = {"frontend": "not reached from here"}
"""What stands for the address of a service that has none, and that is not for the backend."""


def up(
    *, profile: str, engine: str, prod: bool, detach: bool, host: str, frontend_port: str, backend_port: str,
    auto_port: bool, dry_run: bool, json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Start the application."""

    async def work(current: Settings, emit: Emit) -> None:
        options = UpOptions(
            profile=profile,
            production=prod,
            host=host or UpOptions.host,
            frontend_port=ports.parse(frontend_port, "--frontend-port", UpOptions.frontend_port),
            backend_port=ports.parse(backend_port, "--backend-port", UpOptions.backend_port),
            auto_port=auto_port,
            foreground=not detach,
        )
        await start(current, options, emit, engine=engine, dry_run=dry_run)

    return run(work, json_lines=json_lines, debug=debug)


async def start(current: Settings, options: UpOptions, emit: Emit, *, engine: str, dry_run: bool) -> None:
    """Start the application with the engine of that name, or with the one that is there."""
    chosen, reason = await for_start(current, engine)
    options = replace(options, reason=reason)
    if dry_run:
        plan = await chosen.plan(options)
        emit(Notice(plan))
        emit(Result({"engine": chosen.name, "plan": plan}))
    else:
        await chosen.up(options, emit)


def down(*, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Stop the application."""

    async def work(current: Settings, emit: Emit) -> None:
        engine = await latest(current)
        if dry_run:
            now = await engine.status()
            what = "do nothing" if now.state == State.STOPPED else "end it"
            emit(Notice((f"The application is {now.state}: down would {what}.",)))
            emit(Result(now.to_mapping()))
            return
        await engine.down(emit)
        emit(Result((await engine.status()).to_mapping()))

    return run(work, json_lines=json_lines, debug=debug)


def status(*, json_lines: bool, debug: bool) -> int:
    """Show what runs. Fails when it runs and is not healthy, or was killed."""

    async def work(current: Settings, emit: Emit) -> int:
        now = await (await latest(current)).status()
        emit(Notice(_describe(now)))
        emit(Result(now.to_mapping()))
        return FAILED if now.state in {State.UNHEALTHY, State.CRASHED} else 0

    return run(work, json_lines=json_lines, debug=debug)


def logs(*, service: str, lines: str, follow: bool, json_lines: bool, debug: bool) -> int:
    """Show the services' output."""

    async def work(current: Settings, emit: Emit) -> None:
        if not (lines.isascii() and lines.isdecimal() and len(lines) < 10):
            raise UsageError(
                f"--lines {lines!r} is not a number of lines", why="it is a whole number, 0 or more"
            )
        engine = await writer(current)
        if service and service not in engine.services:
            known = ", ".join(engine.services)
            raise UsageError(f"there is no service {service!r}", why=f"the services are {known}")
        chosen = (service,) if service else SERVICES
        await engine.logs(chosen, int(lines), emit, follow=follow)

    return run(work, json_lines=json_lines, debug=debug)


def _describe(status: Status) -> tuple[str, ...]:
    if status.state == State.STOPPED:
        return ("Nothing is running. Start it with   invoke up",)
    began = f" since {ports.since(status.since)}" if status.since else ""
    places = (f"{status.engine} engine", status.mode, status.place, status.address or "")
    head = " · ".join((f"{status.state}{began}", *filter(None, places)))
    addresses = {
        name: each.address or _UNREACHED.get(name, "for the backend only")
        for name, each in status.services.items()
    }
    width = max(24, *map(len, addresses.values())) if addresses else 0
    rows = [
        # A pod has no process of this machine.
        f"{name:<10} {addresses[name]:<{width}} {each.state:<10}"
        + (f" {each.detail}" if each.detail else "")
        + (f" {each.memory / 10**6:6.0f} MB   pid {each.pid}" if each.pid else "")
        for name, each in status.services.items()
    ]
    others = [
        f"what {name} writes: invoke logs --service {name}"
        for name in status.services
        if name not in SERVICES
    ]
    mend = [f"the {name} is {each.state}: {each.mend}" for name, each in status.services.items() if each.mend]
    if status.state == State.CRASHED:
        mend.append("It was killed. Clear away what is left with   invoke down")
    return (head, *rows, *others, *mend)
