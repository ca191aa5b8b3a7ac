"""Set up and maintain."""

from typing import Annotated

from automation.tasks import flags
from automation.tasks.flags import Flag
from automation.tasks.task import Run, task


@task
async def doctor(
    run: Run,
    profile: flags.Profile = "",
    fix: Annotated[bool, Flag("Create .env and its secrets and install packages, if missing.")] = False,
) -> int:
    """Diagnose startup problems and suggest fixes."""
    from automation.engines import doctor as diagnosis

    return await diagnosis.doctor(*run, profile=profile, fix=fix)


@task
async def env_init(run: Run, profile: flags.Profile = "", dry_run: flags.DryRun = False) -> None:
    """Create .env from .env.example with generated secrets."""
    from automation.contract import environment

    await environment.initialise_file(*run, profile=profile, dry_run=dry_run)


@task
async def env_check(run: Run, profile: flags.Profile = "") -> None:
    """Validate .env and report every problem, without values."""
    from automation.contract import environment

    await environment.check_file(*run, profile=profile)


@task
async def install(run: Run) -> None:
    """Install the frontend's packages; `up` does this itself."""
    from automation.project import frontend

    await frontend.install(*run)


@task
async def lock(
    run: Run,
    check: Annotated[bool, Flag("Write nothing; fail with the difference if a lock is out of date.")] = False,
    upgrade: Annotated[str, Flag("Upgrade this package, or all without a name.", optional=True)] = "",
    dry_run: flags.DryRun = False,
) -> None:
    """Update the lock files of Python and Node packages."""
    from automation.project import lockfiles

    await lockfiles.lock(*run, check=check, upgrade=upgrade, dry_run=dry_run)


@task
async def backup(
    run: Run,
    to: Annotated[str, Flag("File to write (default: backups/todo-DATE.gz).", "FILE")] = "",
) -> None:
    """Write every account, task and conversation to a file."""
    from automation.engines import maintenance

    await maintenance.backup(*run, to=to)


@task
async def restore(
    run: Run,
    from_: Annotated[str, Flag("Backup to restore; required.", "FILE")] = "",
    yes: flags.Yes = False,
) -> None:
    """Replace the data with a backup; save a copy first."""
    from automation.engines import maintenance

    await maintenance.restore(*run, source=from_, yes=yes)


@task
async def reset_password(
    run: Run, email: Annotated[str, Flag("Email address of the account; required.", "ADDRESS")] = ""
) -> None:
    """Print a link that sets a new password for a person."""
    from automation.engines import maintenance

    await maintenance.reset_password(*run, email=email)


@task
async def data_copy(
    run: Run,
    from_: Annotated[str, Flag("Engine to copy from: native or compose.", "ENGINE")] = "",
    to: Annotated[str, Flag("Engine whose database is replaced: compose or native.", "ENGINE")] = "",
    yes: flags.Yes = False,
) -> None:
    """Copy the data from one engine's database to the other's."""
    from automation.engines import data_copy as copying

    await copying.copy(*run, source=from_, target=to, yes=yes)


@task
async def bench(
    run: Run,
    kind: Annotated[flags.Names, Flag("Measure only this kind; repeatable.", "KIND", many=True)] = (),
    runs: Annotated[int, flags.Number("Runs of each.", "COUNT", unit="a count", lowest=1, highest=999)] = 5,
    compare: Annotated[str, Flag("Measure this commit too, alternating with the sources.", "REF")] = "",
) -> int:
    """Measure times, memory and sizes against their budgets."""
    from automation.project import benchmarks

    return await benchmarks.bench(*run, kinds=kind, runs=runs, compare=compare)


@task
async def clean(
    run: Run,
    data: Annotated[bool, Flag("Delete the embedded database too; this cannot be undone.")] = False,
    images: Annotated[
        bool,
        Flag("Remove only outdated images of this project that nothing uses and that have no other tag."),
    ] = False,
    yes: flags.Yes = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Remove builds, caches and packages, or unused images."""
    from automation.images import outdated
    from automation.project import cleaning

    if images:
        await outdated.clean(*run, yes=yes, dry_run=dry_run)
    else:
        await cleaning.clean(*run, data=data, yes=yes, dry_run=dry_run)
