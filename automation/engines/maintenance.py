"""Maintain this clone: diagnosis, packages, locks and cleanup."""

from dataclasses import asdict

from automation import paths
from automation.console.errors import FAILED, AutomationError
from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm
from automation.contract import environment, profiles
from automation.engines import doctor as diagnosis
from automation.engines.native import NativeEngine
from automation.process.instance import State
from automation.project import cleaning, frontend, lockfiles
from automation.settings import Settings


async def doctor(settings: Settings, emit: Emit, *, profile: str) -> int:
    """Diagnose startup problems; return a failure if there are any."""
    findings = await diagnosis.examine(settings, profiles.load(profile, settings.root))
    emit(Notice(diagnosis.describe(findings)))
    emit(Result({"findings": [asdict(finding) for finding in findings]}))
    return FAILED if any(finding.state == diagnosis.FAILED for finding in findings) else 0


async def install_packages(settings: Settings, emit: Emit) -> None:
    """Install the frontend's packages unless they are installed."""
    await frontend.install_packages(settings.root, _environ(settings), emit)


async def lock(settings: Settings, emit: Emit, *, check: bool, upgrade: str | bool, dry_run: bool) -> None:
    """Write the lock files from their sources, or check them."""
    changed = await lockfiles.lock(
        settings.root, _environ(settings), emit, upgrade=upgrade, check=check, dry_run=dry_run
    )
    verb = "would change" if dry_run else "changed"
    emit(Notice((f"{', '.join(changed)} {verb}." if changed else "Every lock file is up to date.",)))
    emit(Result({"changed": changed}))


async def clean(settings: Settings, emit: Emit, *, data: bool, yes: bool, dry_run: bool) -> None:
    """Remove what can be built or installed again, and with `data` the database."""
    now = await NativeEngine(settings).status()
    if now.state != State.STOPPED and not dry_run:
        raise AutomationError(
            f"the application is {now.state} and needs what clean removes", remedies=["invoke down"]
        )
    removable = cleaning.removable(settings, data=data)
    names = [paths.readable(path, settings.root) for path in removable]
    total = sum(removable.values())
    if not removable:
        emit(Notice(("There is nothing to remove.",)))
    elif dry_run:
        emit(Notice((*names, f"{total / 10**6:.1f} MB would be removed.")))
    else:
        if data and settings.data_dir.exists() and not yes:
            await confirm(f"Delete {settings.data_dir} with every account, task and conversation?")
        cleaning.remove(removable)
        emit(Notice((f"Removed {len(removable)} files and folders, {total / 10**6:.1f} MB.",)))
    emit(Result({"paths": names, "bytes": total, "removed": bool(removable) and not dry_run}))


def _environ(settings: Settings) -> dict[str, str]:
    return environment.without_application(settings.environ, profiles.load("", settings.root))
