"""Files that a reader never sees half-written, locks, and errors that name what the file system refuses."""

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar

from filelock import AsyncFileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from automation.console import errors

_T = TypeVar("_T")


class Store(Generic[_T]):
    """One value in a JSON file. A damaged file, or one of another version, counts as absent."""

    def __init__(self, file: Path, kind: type[_T]) -> None:
        self.file = file
        self._adapter = TypeAdapter(kind)

    def read(self) -> _T | None:
        """Return the value; None if there is none."""
        try:
            return self._adapter.validate_json(self.file.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, value: _T) -> None:
        """Replace the value. Raises AutomationError."""
        make_directory(self.file.parent)
        write_private(self.file, self._adapter.dump_json(value, indent=2).decode() + "\n")

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)


def make_directory(directory: Path) -> None:
    """Make the directory and its parents. Raises AutomationError."""
    with errors.refused(f"the folder {directory} cannot be created", "set TODO_STATE_DIR to another folder"):
        directory.mkdir(parents=True, exist_ok=True)


def read_text(root: Path, name: str, what: str = "") -> str:
    """Return the text of a file of the project. Raises AutomationError, by default `NAME cannot be read`."""
    try:
        return (root / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.AutomationError(
            what or f"{name} cannot be read", why=errors.reason(error), remedies=[f"git checkout -- {name}"]
        ) from error


def write_text(target: Path, text: str) -> None:
    """Write the whole file or nothing; it keeps its permissions. Raises AutomationError."""
    _write(target, text, target.stat().st_mode & 0o777 if target.exists() else 0o644)


def write_private(target: Path, text: str, *, exclusive: bool = False) -> None:
    """Write the whole file or nothing, readable only by its owner (mode 0600). Raises AutomationError.

    With `exclusive`, a file that appeared in the meantime is kept.
    """
    _write(target, text, 0o600, exclusive=exclusive)


def _write(target: Path, text: str, mode: int, *, exclusive: bool = False) -> None:
    # In a folder beside it, so that moving it is atomic and nobody else reads it before.
    with (
        errors.refused(f"{target} cannot be written"),
        TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder,
    ):
        partial = Path(folder, target.name)
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(mode)
        if exclusive and os.name == "posix":
            with suppress(FileExistsError):
                os.link(partial, target)
        else:
            partial.replace(target)


def write_json(target: Path, data: Mapping[str, Any]) -> None:
    """Write the data as JSON, the whole file or nothing. Raises AutomationError."""
    write_private(target, json.dumps(data, indent=2) + "\n")


def read_json(source: Path) -> dict[str, Any] | None:
    """Return the mapping in the file; None if there is none."""
    return Store(source, dict[str, Any]).read()


def modified(file: Path) -> float:
    """Return when the file was last changed, in seconds since the epoch; 0 if there is none."""
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0


@asynccontextmanager
async def locked(file: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock on the file for the block. Calls `waiting` once when another process has it.

    The system releases the lock when its owner dies, however it dies.
    """
    make_directory(file.parent)
    lock = AsyncFileLock(file, run_in_executor=False)
    try:
        await lock.acquire(timeout=0)
    except Timeout:
        waiting()
        await lock.acquire()
    try:
        yield
    finally:
        await lock.release()
