"""The edge: one function for each task, from what a person typed to an exit code.

Here flags become options, errors become messages, and signals end the work in order. The functions take plain
values and return exit codes, so they can be called without Invoke.
"""

import asyncio
import json
import signal
import sys
import traceback
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from automation import (
    cleaning,
    contract,
    diagnosis,
    environment,
    files,
    frontend,
    lockfiles,
    paths,
    ports,
    settings,
)
from automation.console import Console, open_console
from automation.engines import SERVICES, UNHEALTHY, Status, UpOptions
from automation.engines.native import NativeEngine, in_background
from automation.errors import FAILED, INTERRUPTED, AutomationError, InterruptedBySignalError, UsageError
from automation.events import Emit, Failed, Notice, Result, StepFailed, from_mapping, step
from automation.instance import CRASHED, STOPPED
from automation.logs import Follower
from automation.settings import Settings

_POLL_SECONDS = 0.05
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def up(
    *, profile: str, prod: bool, detach: bool, host: str, frontend_port: str, backend_port: str,
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
        )
        engine = NativeEngine(current)
        if dry_run:
            plan = engine.plan(options)
            emit(Notice(plan))
            emit(Result({"plan": plan}))
        elif detach:
            await _up_detached(current, options, emit)
        else:
            await engine.up(options, emit)

    return _run(work, json_lines=json_lines, debug=debug)


def down(*, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Stop the application."""

    async def work(current: Settings, emit: Emit) -> None:
        engine = NativeEngine(current)
        if dry_run:
            now = await engine.status()
            what = "do nothing" if now.state == STOPPED else "end it"
            emit(Notice((f"The application is {now.state}: down would {what}.",)))
            emit(Result(now.to_mapping()))
            return
        await engine.down(emit)
        emit(Result((await engine.status()).to_mapping()))

    return _run(work, json_lines=json_lines, debug=debug)


def status(*, json_lines: bool, debug: bool) -> int:
    """Show what runs. Fails when it runs and is not healthy, or was killed."""

    async def work(current: Settings, emit: Emit) -> int:
        now = await NativeEngine(current).status()
        emit(Notice(_describe(now)))
        emit(Result(now.to_mapping()))
        return FAILED if now.state in {UNHEALTHY, CRASHED} else 0

    return _run(work, json_lines=json_lines, debug=debug)


def logs(*, service: str, lines: str, follow: bool, json_lines: bool, debug: bool) -> int:
    """Show the services' output."""

    async def work(current: Settings, emit: Emit) -> None:
        if service and service not in SERVICES:
            raise UsageError(
                f"there is no service {service!r}", why=f"the services are {', '.join(SERVICES)}"
            )
        if not (lines.isascii() and lines.isdecimal() and len(lines) < 10):
            raise UsageError(
                f"--lines {lines!r} is not a number of lines", why="it is a whole number, 0 or more"
            )
        chosen = (service,) if service else SERVICES
        await NativeEngine(current).logs(chosen, int(lines), emit, follow=follow)

    return _run(work, json_lines=json_lines, debug=debug)


def env_init(*, profile: str, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Make the settings file."""

    async def work(current: Settings, emit: Emit) -> None:
        made = environment.initialise(current, contract.load(profile, current.root), dry_run=dry_run)
        name = current.env_file_name
        if made:
            done = "would be made" if dry_run else "made"
            text = f"{name} {done} from {environment.TEMPLATE}, with a generated {' and '.join(made)}."
        else:
            text = f"{name} is there already, and is left as it is."
        emit(Notice((text,)))
        emit(Result({"file": str(current.env_file), "made": bool(made), "generated": made}))

    return _run(work, json_lines=json_lines, debug=debug)


def env_check(*, profile: str, json_lines: bool, debug: bool) -> int:
    """Report everything that is wrong with the settings, at once and by name."""

    async def work(current: Settings, emit: Emit) -> int:
        chosen = contract.load(profile, current.root)
        values = environment.read(current, chosen)
        notes = [str(problem) for problem in values.problems if not problem.blocking]
        if notes:
            emit(Notice(tuple(f"note: {note}" for note in notes)))
        result = Result({"profile": chosen.name, "problems": [asdict(each) for each in values.problems]})
        if values.blocking:
            emit(result)
        values.require_valid(current.env_file_name)
        if values.from_shell:
            emit(Notice((f"From the shell, not from the file: {', '.join(values.from_shell)}.",)))
        emit(Notice((f"{current.env_file_name} is right for the {chosen.name} profile.",)))
        emit(result)
        return 0

    return _run(work, json_lines=json_lines, debug=debug)


def install(*, json_lines: bool, debug: bool) -> int:
    """Install the frontend's packages, unless they are there."""

    async def work(current: Settings, emit: Emit) -> None:
        environ = environment.without_application(current.environ, contract.load("", current.root))
        with step(emit, "packages") as running:
            await frontend.install_packages(current.root, environ, uuid.uuid4().hex, running)

    return _run(work, json_lines=json_lines, debug=debug)


def doctor(*, profile: str, json_lines: bool, debug: bool) -> int:
    """Look for what keeps the application from running."""

    async def work(current: Settings, emit: Emit) -> int:
        findings = await diagnosis.examine(current, contract.load(profile, current.root))
        emit(Notice(diagnosis.describe(findings)))
        emit(Result({"findings": [asdict(each) for each in findings]}))
        return FAILED if any(each.state == diagnosis.FAILED for each in findings) else 0

    return _run(work, json_lines=json_lines, debug=debug)


def clean(*, data: bool, yes: bool, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Remove what can be made again, and with `data` the database."""

    async def work(current: Settings, emit: Emit) -> None:
        now = await NativeEngine(current).status()
        if now.state != STOPPED and not dry_run:
            raise AutomationError(
                f"the application is {now.state}, and would lose what it runs from", remedies=["invoke down"]
            )
        things = cleaning.removable(current, data=data)
        names = [str(paths.readable(each.path, current.root)) for each in things]
        total = sum(each.size for each in things)
        if not things:
            emit(Notice(("There is nothing to remove.",)))
        elif dry_run:
            emit(Notice((*names, f"{total / 10**6:.1f} MB would be removed.")))
        else:
            if data and current.data_dir.exists() and not yes:
                await _confirm(f"Delete {current.data_dir} with every account, task and conversation?")
            cleaning.remove(things)
            emit(Notice((f"Removed {len(things)} files and folders, {total / 10**6:.1f} MB.",)))
        emit(Result({"paths": names, "bytes": total, "removed": bool(things) and not dry_run}))

    return _run(work, json_lines=json_lines, debug=debug)


def lock(*, check: bool, upgrade: str | bool, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Make the lock files from their sources."""

    async def work(current: Settings, emit: Emit) -> None:
        environ = environment.without_application(current.environ, contract.load("", current.root))
        changed = await lockfiles.lock(
            current.root, environ, emit, upgrade=upgrade, check=check, dry_run=dry_run
        )
        verb = "would change" if dry_run else "changed"
        emit(Notice((f"{', '.join(changed)} {verb}." if changed else "Every lock follows from its source.",)))
        emit(Result({"changed": changed}))

    return _run(work, json_lines=json_lines, debug=debug)


async def _confirm(question: str) -> None:
    """Ask a person; raise AutomationError unless the answer is yes."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is here to ask.", remedies=["--yes"])
    sys.stdout.write(f"  {question} [y/N] ")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    # Reading at once would keep Ctrl-C from ending the wait; Windows has no other way.
    with suppress(NotImplementedError):
        loop.add_reader(sys.stdin, answered.set)
        try:
            await answered.wait()
        finally:
            loop.remove_reader(sys.stdin)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise AutomationError("nothing was removed", why="the answer was not yes")


def perform(console: Console, work: Coroutine[Any, Any, int | None], *, debug: bool) -> int:
    """Run the work to its end or to a signal's; show what goes wrong and return the exit code."""
    code, failure = FAILED, None
    try:
        with console:
            return asyncio.run(_until_signal(work)) or 0
    except InterruptedBySignalError as error:
        code = error.exit_code
        with suppress(OSError, AutomationError):
            console(Notice(("", f"Stopped by {error.signal_name}.")))
    except AutomationError as error:
        code = error.exit_code
        if not error.shown:
            failure = Failed(error.what, error.why, error.details, error.remedies)
        _trace(error, debug=debug)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        subject = error.filename or "the output"
        failure = Failed(f"{subject}: {files.reason(error)}", remedies=files.remedies(error))
        _trace(error, debug=debug)
    except Exception as error:  # noqa: BLE001 - the edge: whatever is left is a defect, told without a traceback
        failure = Failed(
            "something went wrong that this project did not expect",
            why=f"{type(error).__name__}: {error}",
            remedies=("the same command with --debug, which shows where",),
        )
        _trace(error, debug=debug)
    if failure is not None:
        with suppress(OSError, AutomationError):
            console(failure)
    return code


def _trace(error: Exception, *, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)


async def _until_signal(work: Coroutine[Any, Any, int | None]) -> int | None:
    """Await the work. A signal cancels it; a further one cancels its clearing up, which is then brief."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        task.cancel()

    def handle(number: int, _frame: object) -> None:
        with suppress(RuntimeError):  # the loop has closed: everything has ended, and so does this process
            loop.call_soon_threadsafe(on_signal, number)

    # Unlike the loop's own handlers these outlive it, so that a late signal is no KeyboardInterrupt.
    for number in _SIGNALS:
        signal.signal(number, handle)
    try:
        return await task
    except asyncio.CancelledError:
        raise InterruptedBySignalError(received[0] if received else signal.SIGINT) from None


def _run(
    work: Callable[[Settings, Emit], Coroutine[Any, Any, int | None]], *, json_lines: bool, debug: bool
) -> int:
    current = settings.load()
    console = open_console(current, as_json=json_lines)
    return perform(console, work(current, console), debug=debug)


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
    head = f"{status.state}{began} · {status.engine} engine · {status.mode} · {status.address}"
    rows = [
        f"{name:<10} {each.address:<24} {each.state:<10} {each.memory / 10**6:6.0f} MB   pid {each.pid}"
        for name, each in status.services.items()
    ]
    mend = ["It was killed. Clear away what is left with   invoke down"] if status.state == CRASHED else []
    return (head, *rows, *mend)
