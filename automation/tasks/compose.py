"""Run the images with Docker Compose."""

from typing import Annotated

from automation.tasks import flags
from automation.tasks.flags import Flag
from automation.tasks.task import Run, task


@task
async def compose_up(
    run: Run,
    profile: flags.Profile = "",
    dev: Annotated[bool, Flag("Run the development images: mounted sources, reload on change.")] = False,
    database: Annotated[str, Flag("sqlite, or postgres in a container (default: by DATABASE_URL).")] = "",
    detach: flags.Detach = False,
    host: flags.Host = "127.0.0.1",
    frontend_port: flags.FrontendPort = 3000,
    backend_port: flags.BackendPort = 8000,
    auto_port: flags.AutoPort = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Start the containers and build missing images first."""
    from automation.engines import lifecycle

    ports = (frontend_port, backend_port, auto_port)
    options = lifecycle.UpOptions(profile, not dev, host, *ports, not detach, database)
    await lifecycle.up(*run, options, engine="compose", dry_run=dry_run)


@task
async def compose_down(
    run: Run,
    volumes: Annotated[bool, Flag("Delete the data too; this cannot be undone.")] = False,
    yes: flags.Yes = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Stop and remove the containers; keep the data."""
    from automation.engines import lifecycle

    await lifecycle.compose_down(*run, volumes=volumes, yes=yes, dry_run=dry_run)
