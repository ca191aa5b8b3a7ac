"""Run the application."""

from typing import Annotated

from automation.tasks import flags
from automation.tasks.flags import Flag
from automation.tasks.task import Run, task


@task
async def up(
    run: Run,
    profile: flags.Profile = "",
    engine: flags.Engine = "",
    prod: Annotated[bool, Flag("Run the production build, without reloading.")] = False,
    detach: flags.Detach = False,
    host: flags.Host = "127.0.0.1",
    frontend_port: flags.FrontendPort = 3000,
    backend_port: flags.BackendPort = 8000,
    auto_port: flags.AutoPort = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Start the application and stream its logs until Ctrl-C."""
    from automation.engines import lifecycle

    options = lifecycle.UpOptions(profile, prod, host, frontend_port, backend_port, auto_port, not detach)
    await lifecycle.up(*run, options, engine=engine, dry_run=dry_run)


@task
async def down(run: Run, dry_run: flags.DryRun = False) -> None:
    """Stop the application and clean up after a crash.

    It stops what was started last. In a cluster it uninstalls the release, whose data stays.
    """
    from automation.engines import lifecycle

    await lifecycle.down(*run, dry_run=dry_run)


@task
async def status(run: Run) -> int:
    """Show the state, address and health of each service."""
    from automation.engines import lifecycle

    return await lifecycle.status(*run)


@task
async def logs(
    run: Run,
    service: Annotated[str, Flag("Only this service: backend, frontend or postgresql.")] = "",
    lines: flags.Lines = 50,
    follow: Annotated[bool, Flag("Keep streaming new output until Ctrl-C.")] = False,
) -> None:
    """Show the latest output of the services."""
    from automation.engines import lifecycle

    await lifecycle.logs(*run, service=service, lines=lines, follow=follow)
