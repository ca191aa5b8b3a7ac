"""What an operator does with the data, by the backend's own modules and with any engine."""

import gzip
import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from automation import paths
from automation.console.errors import AutomationError, UsageError, refused
from automation.console.events import Emit, Notice, Result, step
from automation.console.runner import confirm
from automation.engines import choice
from automation.engines.engine import Python
from automation.process import files, logs
from automation.process.processes import Completed
from automation.settings import Settings

FOLDER = "backups"
_LINK_SECONDS = 60.0
_ARCHIVE_SECONDS = 3600.0
_EMPTY = 4
"""The exit code of the backend's archive module for a database without a schema."""
_LAST_LINES = 8


async def reset_password(settings: Settings, emit: Emit, *, email: str) -> None:
    """Print a link that sets a new password once, within an hour."""
    if not email:
        raise UsageError("no account is given", remedies=["invoke reset-password --email ada@example.com"])
    engine = await choice.latest(settings)
    python, address = await engine.backend_python(), engine.address()
    words = (email, *(("--address", address) if address else ()))
    done = await python.run("app.accounts.reset_link", *words, seconds=_LINK_SECONDS)
    _check(done, f"no link was created with the {engine.name} engine")
    link = done.output.strip()
    emit(Notice((link, f"The link sets a new password for {email}. It works once, within an hour.")))
    emit(Result({"email": email, "link": link}))


async def backup(settings: Settings, emit: Emit, *, to: str) -> None:
    """Write an archive of the data, also while the application runs."""
    engine = await choice.latest(settings)
    python = await engine.backend_python()
    target = settings.root / (to or f"{FOLDER}/todo-{_now()}.gz")
    with step(emit, "backup") as current:
        counts = await _write(python, target)
        current.detail = f"{_counted(counts)}, {paths.readable(target, settings.root)}"
    emit(Result({"file": str(target), "engine": engine.name, "rows": counts}))


async def restore(settings: Settings, emit: Emit, *, source: str, yes: bool) -> None:
    """Replace the data with a backup after confirmation, and keep a copy of the current data."""
    if not source:
        raise UsageError("no backup is given", remedies=["invoke restore --from FILE"])
    file = settings.root / source
    header = _header(file)
    engine = await choice.latest(settings)
    python = await engine.backend_python()
    kept = settings.root / FOLDER / f"before-restore-{_now()}.gz"
    if not yes:
        emit(Notice((f"A copy of the current data will be saved as {paths.readable(kept, settings.root)}.",)))
        created = str(header.get("created", ""))[:16].replace("T", " ")
        await confirm(
            f"Replace the data of the {engine.name} engine with the backup of {created} UTC?",
            otherwise="nothing was restored",
        )
    with step(emit, "copy") as current:
        present = await _write(python, kept, may_be_empty=True)
        current.detail = "there is no data yet"
        if present is not None:
            current.detail = f"{_counted(present)}, {paths.readable(kept, settings.root)}"
    with step(emit, "restore") as current, refused(f"{source} cannot be read"), file.open("rb") as archive:
        done = await python.run("app.archive", "restore", seconds=_ARCHIVE_SECONDS, stdin=archive)
        _check(done, f"{source} was not restored")
        counts = _counts(done)
        current.detail = _counted(counts)
    emit(Result({"engine": engine.name, "kept": str(kept) if present is not None else None, "rows": counts}))


async def _write(python: Python, target: Path, *, may_be_empty: bool = False) -> dict[str, int] | None:
    """Write an archive whole or not at all, for nobody else to read; None for an empty database."""
    with _private(target) as output:
        done = await python.run("app.archive", "backup", seconds=_ARCHIVE_SECONDS, output=output)
        if may_be_empty and done.code == _EMPTY:
            return None
        _check(done, "no backup was made")
        output.flush()
        os.fsync(output.fileno())
        _part(target).replace(target)
    return _counts(done)


@contextmanager
def _private(target: Path) -> Iterator[IO[bytes]]:
    """Yield a new file beside the target, which is removed unless it was renamed."""
    with refused(f"{target} cannot be written"):
        files.make_directory(target.parent)
        part = _part(target)
        part.unlink(missing_ok=True)
        try:
            part.touch(mode=0o600, exist_ok=False)
            with part.open("wb") as output:
                yield output
        finally:
            part.unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _header(file: Path) -> dict[str, Any]:
    """Return the first line of an archive. Raises AutomationError for another file."""
    with refused(f"{file} cannot be read"), file.open("rb") as opened, gzip.open(opened) as archive:
        try:
            header = json.loads(archive.readline(10_000))
        except (gzip.BadGzipFile, zlib.error, EOFError, ValueError):
            header = None
    if isinstance(header, dict) and "revision" in header:
        return header
    raise AutomationError(f"{file} is not a backup", why="invoke backup did not write it")


def _check(done: Completed, what: str) -> None:
    if done.code:
        lines = [logs.clean(line) for line in done.errors.splitlines() if line.strip()]
        raise AutomationError(what, details=lines[-_LAST_LINES:])


def _counts(done: Completed) -> dict[str, int]:
    """Return the number of rows by table, which the module writes last."""
    counts: dict[str, int] = json.loads(done.errors.strip().splitlines()[-1])
    return counts


def _counted(counts: dict[str, int] | None) -> str:
    found = counts or {}
    named = {"account": "user", "task": "task", "conversation": "conversation"}
    return ", ".join(
        f"{found.get(table, 0)} {word}{'s' * (found.get(table, 0) != 1)}" for word, table in named.items()
    )


def _now() -> str:
    return time.strftime("%Y%m%d-%H%M%S")
