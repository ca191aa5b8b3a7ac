"""The tasks that look after the project and this machine: settings, packages, locks, what can be removed."""

import uuid
from dataclasses import asdict

from automation import paths
from automation.console.errors import FAILED, AutomationError
from automation.console.events import Emit, Notice, Result, step
from automation.console.runner import confirm, run
from automation.contract import environment, profiles
from automation.engines import doctor as diagnosis
from automation.engines.native import NativeEngine
from automation.process.instance import State
from automation.project import cleaning, frontend, lockfiles
from automation.settings import Settings


def env_init(*, profile: str, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Make the settings file."""

    async def work(current: Settings, emit: Emit) -> None:
        chosen = profiles.load(profile, current.root)
        made = environment.initialise(current, chosen, dry_run=dry_run)
        added = () if made or dry_run else environment.complete(current, chosen)
        name = current.env_file_name
        if made:
            done = "would be made" if dry_run else "made"
            text = f"{name} {done} from {environment.TEMPLATE}, with a generated {' and '.join(made)}."
        elif added:
            text = f"{name} is there already; {' and '.join(added)} generated, the rest is left as it is."
        else:
            text = f"{name} is there already, and is left as it is."
        emit(Notice((text,)))
        emit(Result({"file": str(current.env_file), "made": bool(made), "generated": made or added}))

    return run(work, json_lines=json_lines, debug=debug)


def env_check(*, profile: str, json_lines: bool, debug: bool) -> int:
    """Report everything that is wrong with the settings, at once and by name."""

    async def work(current: Settings, emit: Emit) -> int:
        chosen = profiles.load(profile, current.root)
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

    return run(work, json_lines=json_lines, debug=debug)


def install(*, json_lines: bool, debug: bool) -> int:
    """Install the frontend's packages, unless they are there."""

    async def work(current: Settings, emit: Emit) -> None:
        environ = environment.without_application(current.environ, profiles.load("", current.root))
        with step(emit, "packages") as running:
            await frontend.install_packages(current.root, environ, uuid.uuid4().hex, running)

    return run(work, json_lines=json_lines, debug=debug)


def doctor(*, profile: str, json_lines: bool, debug: bool) -> int:
    """Look for what keeps the application from running."""

    async def work(current: Settings, emit: Emit) -> int:
        findings = await diagnosis.examine(current, profiles.load(profile, current.root))
        emit(Notice(diagnosis.describe(findings)))
        emit(Result({"findings": [asdict(each) for each in findings]}))
        return FAILED if any(each.state == diagnosis.FAILED for each in findings) else 0

    return run(work, json_lines=json_lines, debug=debug)


def clean(*, data: bool, yes: bool, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Remove what can be made again, and with `data` the database."""

    async def work(current: Settings, emit: Emit) -> None:
        now = await NativeEngine(current).status()
        if now.state != State.STOPPED and not dry_run:
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
                await confirm(f"Delete {current.data_dir} with every account, task and conversation?")
            cleaning.remove(things)
            emit(Notice((f"Removed {len(things)} files and folders, {total / 10**6:.1f} MB.",)))
        emit(Result({"paths": names, "bytes": total, "removed": bool(things) and not dry_run}))

    return run(work, json_lines=json_lines, debug=debug)


def lock(*, check: bool, upgrade: str | bool, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Make the lock files from their sources."""

    async def work(current: Settings, emit: Emit) -> None:
        environ = environment.without_application(current.environ, profiles.load("", current.root))
        changed = await lockfiles.lock(
            current.root, environ, emit, upgrade=upgrade, check=check, dry_run=dry_run
        )
        verb = "would change" if dry_run else "changed"
        emit(Notice((f"{', '.join(changed)} {verb}." if changed else "Every lock follows from its source.",)))
        emit(Result({"changed": changed}))

    return run(work, json_lines=json_lines, debug=debug)
