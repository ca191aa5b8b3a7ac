"""Copies this clone's tasks, accounts and conversations from one engine's SQLite database to the other's."""

import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Result, step
from automation.console.runner import confirm
from automation.contract import profiles
from automation.docker.cli import Docker
from automation.engines import choice
from automation.engines.compose import ComposeEngine
from automation.engines.native import NativeEngine
from automation.images import build
from automation.images.plan import Options, Plan, plan_all
from automation.process import files
from automation.settings import Settings

_DATABASE = "todo.db"
_JOURNALS = (f"{_DATABASE}-wal", f"{_DATABASE}-shm")
_ENGINES = (NativeEngine.name, ComposeEngine.name)
_LABEL = "com.docker.compose"
# Run as root, for `docker cp` gives the file to root; the journals belong to the database that it replaced.
_ADOPT = f"""
import os
folder = os.stat("/data")
os.chown("/data/{_DATABASE}", folder.st_uid, folder.st_gid)
for name in {_JOURNALS!r}:
    if os.path.exists("/data/" + name):
        os.remove("/data/" + name)
"""


async def copy(settings: Settings, emit: Emit, *, source: str, target: str, yes: bool) -> None:
    """Replace the target engine's database with a copy of the source engine's, after confirmation."""
    if source and source == target:
        raise UsageError(
            "--from and --to must differ", remedies=["invoke data-copy --from native --to compose"]
        )
    if {source, target} != set(_ENGINES):
        raise UsageError(
            f"data cannot be copied from {source or 'nothing'} to {target or 'nothing'}",
            why="only the native and the compose engine have a SQLite database",
            remedies=["invoke data-copy --from native --to compose"],
        )
    if running := await choice.running(settings):
        raise AutomationError(
            f"the application is running, with the {running.name} engine", remedies=["invoke down"]
        )
    held = await choice.data(settings)
    if "SQLite" not in held.get(source, ""):
        places = ", ".join(held.values())
        raise AutomationError(
            f"the {source} engine has no SQLite database in this clone",
            why=f"the data is {places}" if places else "there is no data yet, or DATABASE_URL names a server",
        )
    if target in held and not yes:
        question = f"Replace the data of the {target} engine, {held[target]}? This cannot be undone."
        await confirm(question, otherwise="nothing was copied")
    docker = Docker.find(settings)
    profile = profiles.load("", settings.root)
    [plan] = await plan_all(settings, [profile], ["backend"], Options(development=True))
    if any(state.missing_work for state in await build.look(docker, [plan])):
        await build.converge(docker, [plan], emit)
    project = ComposeEngine(settings).project_name
    with step(emit, "data") as current, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if source == NativeEngine.name:
            copied = _snapshot(settings.data_dir, folder / "copy")
            labels = ("--label", f"{_LABEL}.project={project}", "--label", f"{_LABEL}.volume=data")
            await docker.run("volume", "create", *labels, f"{project}_data")
            async with _container(docker, plan, project) as container:
                await docker.run("container", "cp", str(copied), f"{container}:/data/{_DATABASE}")
                await docker.run("container", "start", "--attach", container)
        else:
            async with _container(docker, plan, project) as container:
                await docker.run("container", "cp", f"{container}:/data/.", name)
            copied = _snapshot(folder, settings.data_dir / ".copy")
            for journal in _JOURNALS:
                (settings.data_dir / journal).unlink(missing_ok=True)
            copied.replace(settings.data_dir / _DATABASE)
        current.detail = f"copied from the {source} engine to the {target} engine"
    emit(Result({"from": source, "to": target}))


def _snapshot(source: Path, target: Path) -> Path:
    """Copy a folder's database with what its journal holds, and return the copy."""
    database = source / _DATABASE
    if not database.is_file():
        raise AutomationError(f"{database} does not exist")
    files.make_directory(target.parent)
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with closing(sqlite3.connect(database)) as original, closing(sqlite3.connect(target)) as copied:
        original.backup(copied)
    return target


@asynccontextmanager
async def _container(docker: Docker, plan: Plan, project: str) -> AsyncIterator[str]:
    """Create a container on the volume, which gives a new volume the owner that the image says."""
    mount = ("--volume", f"{project}_data:/data")
    words = ("--user", "0", "--entrypoint", "python", *mount, plan.reference, "-c", _ADOPT)
    container = (await docker.run("container", "create", *words)).strip()
    try:
        yield container
    finally:
        await docker.run("container", "rm", "--force", container)
