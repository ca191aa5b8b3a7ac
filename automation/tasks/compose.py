"""The tasks that run the images with Docker Compose."""

from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm, run
from automation.engines.compose import ComposeEngine
from automation.engines.engine import UpOptions
from automation.process import ports
from automation.settings import Settings
from automation.tasks.application import start


def up(
    *, profile: str, dev: bool, database: str, detach: bool, host: str, frontend_port: str,
    backend_port: str, auto_port: bool, dry_run: bool, json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Start the application in containers."""

    async def work(current: Settings, emit: Emit) -> None:
        options = UpOptions(
            profile=profile,
            production=not dev,
            host=host or UpOptions.host,
            frontend_port=ports.parse(frontend_port, "--frontend-port", UpOptions.frontend_port),
            backend_port=ports.parse(backend_port, "--backend-port", UpOptions.backend_port),
            auto_port=auto_port,
            foreground=not detach,
            database=database,
        )
        await start(current, options, emit, engine=ComposeEngine.name, dry_run=dry_run)

    return run(work, json_lines=json_lines, debug=debug)


def down(*, volumes: bool, yes: bool, dry_run: bool, json_lines: bool, debug: bool) -> int:
    """Stop the containers and remove them, with `volumes` the data too."""

    async def work(current: Settings, emit: Emit) -> None:
        engine = ComposeEngine(current)
        names = await engine.volumes() if volumes else ()
        if dry_run:
            now = await engine.status()
            data = f"delete {', '.join(names)}" if names else "keep the data"
            emit(Notice((f"The application is {now.state}: compose-down would end it and {data}.",)))
            emit(Result({**now.to_mapping(), "volumes": names}))
            return
        if names and not yes:
            data = "every account, task and conversation in it"
            await confirm(f"Delete {', '.join(names)} with {data}? Nothing can make it again.")
        await engine.down(emit)
        if names:
            await engine.remove_volumes(names, emit)
        emit(Result({**(await engine.status()).to_mapping(), "volumes": names}))

    return run(work, json_lines=json_lines, debug=debug)
