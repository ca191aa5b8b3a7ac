"""The tasks that run the application."""

import asyncio
import json
import uuid
from dataclasses import replace

from automation.console.errors import FAILED, AutomationError, UsageError
from automation.console.events import Emit, Failed, Notice, Result, StepFailed, from_mapping
from automation.console.runner import run
from automation.contract.models import SERVICES
from automation.engines.cluster import ClusterEngine
from automation.engines.compose import ComposeEngine
from automation.engines.engine import UNHEALTHY, Status, UpOptions
from automation.engines.native import NativeEngine, in_background
from automation.engines.selection import for_start, latest, writer
from automation.process import ports
from automation.process.instance import CRASHED, STOPPED
from automation.process.logs import Follower
from automation.settings import Settings

_POLL_SECONDS = 0.05
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
    elif isinstance(chosen, NativeEngine) and not options.foreground:
        await _up_detached(current, options, emit)
    else:
        await chosen.up(options, emit)


def down(*, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Stop the application."""

    async def work(current: Settings, emit: Emit) -> None:
        engine = await latest(current)
        if dry_run:
            now = await engine.status()
            what = "do nothing" if now.state == STOPPED else "end it"
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
        return FAILED if now.state in {UNHEALTHY, CRASHED} else 0

    return run(work, json_lines=json_lines, debug=debug)


def logs(*, service: str, lines: str, follow: bool, json_lines: bool, debug: bool) -> int:
    """Show the services' output."""

    async def work(current: Settings, emit: Emit) -> None:
        if not (lines.isascii() and lines.isdecimal() and len(lines) < 10):
            raise UsageError(
                f"--lines {lines!r} is not a number of lines", why="it is a whole number, 0 or more"
            )
        engine = await writer(current)
        known = engine.services if isinstance(engine, ComposeEngine | ClusterEngine) else SERVICES
        if service and service not in known:
            raise UsageError(f"there is no service {service!r}", why=f"the services are {', '.join(known)}")
        chosen = (service,) if service else SERVICES
        await engine.logs(chosen, int(lines), emit, follow=follow)

    return run(work, json_lines=json_lines, debug=debug)


async def _up_detached(current: Settings, options: UpOptions, emit: Emit) -> None:
    """Start in the background and show its events until it is healthy or has failed."""
    events = current.state_dir / "logs" / f"up-{uuid.uuid4().hex}.jsonl"
    process = in_background(current, options, events)
    follower = Follower(events, 0)
    other: list[str] = []
    failed = False
    try:
        while True:
            # Asked before reading, so that nothing written before the end is missed.
            code = process.poll()
            for line in follower.new_lines():
                try:
                    event = from_mapping(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    other.append(line)
                    continue
                emit(event)
                failed = failed or isinstance(event, Failed | StepFailed)
                if isinstance(event, Result):
                    return
            if code is not None:
                error = AutomationError(
                    "the application was not started", details=other, remedies=["invoke up"]
                )
                error.shown = failed
                raise error
            await asyncio.sleep(_POLL_SECONDS)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        events.unlink(missing_ok=True)


def _describe(status: Status) -> tuple[str, ...]:
    if status.state == STOPPED:
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
    if status.state == CRASHED:
        mend.append("It was killed. Clear away what is left with   invoke down")
    return (head, *rows, *others, *mend)
