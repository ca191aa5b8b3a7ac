"""The tasks that people type: names and flags. What they do is in `automation`."""

from functools import partial

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from automation import commands

# A short flag that is made up from the names would change its meaning when a flag is added.
task = partial(invoke_task, auto_shortflags=False)

JSON = "Print events and the result as lines of JSON."
DEBUG = "Show the traceback of an error."
DRY_RUN = "Say what would be done, and do nothing."
PROFILE = "The profile whose rules apply: standalone unless named."


def end(code: int) -> None:
    """End with this exit code, as Invoke expects it."""
    if code:
        raise Exit(code=code)


@task(
    help={
        "profile": PROFILE,
        "prod": "Run the built frontend, and a backend that does not reload.",
        "detach": "Return when everything is healthy, and leave it running.",
        "host": "The address the frontend listens on: 127.0.0.1, or 0.0.0.0 for other machines too.",
        "frontend-port": "The frontend's port: 3000 unless given.",
        "backend-port": "The backend's port: 8000 unless given.",
        "auto-port": "Take the next free port instead of failing on one that is taken.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def up(
    _: Context,
    profile: str = "",
    prod: bool = False,
    detach: bool = False,
    host: str = "",
    frontend_port: str = "",
    backend_port: str = "",
    auto_port: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Start the application, and show its address and its logs until Ctrl-C."""
    end(
        commands.application.up(
            profile=profile,
            prod=prod,
            detach=detach,
            host=host,
            frontend_port=frontend_port,
            backend_port=backend_port,
            auto_port=auto_port,
            dry_run=dry_run,
            json_lines=json,
            debug=debug,
        )
    )


@task(help={"dry-run": DRY_RUN, "json": JSON, "debug": DEBUG})
def down(_: Context, dry_run: bool = False, json: bool = False, debug: bool = False) -> None:
    """Stop the application, and clear away what a crash left."""
    end(commands.application.down(dry_run=dry_run, json_lines=json, debug=debug))


@task(help={"json": JSON, "debug": DEBUG})
def status(_: Context, json: bool = False, debug: bool = False) -> None:
    """Show what runs, where, and whether it is healthy."""
    end(commands.application.status(json_lines=json, debug=debug))


@task(
    help={
        "service": "Only this one: backend or frontend.",
        "lines": "How many of the last lines to show of each service.",
        "follow": "Go on with what comes, until Ctrl-C.",
        "json": JSON,
        "debug": DEBUG,
    }
)
def logs(
    _: Context,
    service: str = "",
    lines: str = "50",
    follow: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Show what the backend and the frontend have written."""
    end(commands.application.logs(service=service, lines=lines, follow=follow, json_lines=json, debug=debug))


@task(help={"profile": PROFILE, "dry-run": DRY_RUN, "json": JSON, "debug": DEBUG})
def env_init(
    _: Context, profile: str = "", dry_run: bool = False, json: bool = False, debug: bool = False
) -> None:
    """Make .env from .env.example, with a generated secret."""
    end(commands.upkeep.env_init(profile=profile, dry_run=dry_run, json_lines=json, debug=debug))


@task(help={"profile": PROFILE, "json": JSON, "debug": DEBUG})
def env_check(_: Context, profile: str = "", json: bool = False, debug: bool = False) -> None:
    """Name everything that is wrong with .env, at once and without a value."""
    end(commands.upkeep.env_check(profile=profile, json_lines=json, debug=debug))


@task(help={"json": JSON, "debug": DEBUG})
def install(_: Context, json: bool = False, debug: bool = False) -> None:
    """Install the frontend's packages, unless they are there; `up` does so itself."""
    end(commands.upkeep.install(json_lines=json, debug=debug))


@task(help={"profile": PROFILE, "json": JSON, "debug": DEBUG})
def doctor(_: Context, profile: str = "", json: bool = False, debug: bool = False) -> None:
    """Look for what keeps the application from running, and say how to mend it."""
    end(commands.upkeep.doctor(profile=profile, json_lines=json, debug=debug))


@task(
    help={
        "profile": "Only this one.",
        "schema": "Write the JSON Schemas beside the files instead, for completion in an editor.",
        "json": JSON,
        "debug": DEBUG,
    }
)
def profiles(
    _: Context, profile: str = "", schema: bool = False, json: bool = False, debug: bool = False
) -> None:
    """Show side by side what the profiles require."""
    end(commands.profiles.show(profile=profile, schema=schema, json_lines=json, debug=debug))


@task(
    help={
        "data": "Delete the embedded database too, which nothing can make again.",
        "yes": "Do not ask.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    }
)
def clean(
    _: Context,
    data: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Remove builds, caches and packages: what can be made again."""
    end(commands.upkeep.clean(data=data, yes=yes, dry_run=dry_run, json_lines=json, debug=debug))


@task(
    optional=["upgrade"],
    help={
        "check": "Write nothing; fail with the difference when a lock does not follow from its source.",
        "upgrade": "Take the newest versions that fit: of the package that is named, or of all.",
        "dry-run": DRY_RUN,
        "json": JSON,
        "debug": DEBUG,
    },
)
def lock(
    _: Context,
    check: bool = False,
    upgrade: str = "",
    dry_run: bool = False,
    json: bool = False,
    debug: bool = False,
) -> None:
    """Make the lock files from what pyproject.toml and package.json ask for."""
    end(commands.upkeep.lock(check=check, upgrade=upgrade, dry_run=dry_run, json_lines=json, debug=debug))


namespace = Collection(up, down, status, logs, install, doctor, env_init, env_check, profiles, clean, lock)
