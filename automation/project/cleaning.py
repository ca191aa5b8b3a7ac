"""Removing what the project can make again, and, only when told to, the data that it cannot."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from automation.console import errors
from automation.console.errors import AutomationError
from automation.settings import Settings

_CACHES = (
    ".run",
    ".nox",
    ".artifacts",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".import_linter_cache",
    "frontend/.next",
    "frontend/out",
    "frontend/coverage",
    "frontend/node_modules",
    "frontend/next-env.d.ts",
)
# Folders that are never looked into for byte code: not ours, or about to go as a whole.
_CLOSED = {".git", ".venv", ".nox", "node_modules", ".run", ".data"}


@dataclass(frozen=True)
class Removable:
    """A file or folder that may go."""

    path: Path
    size: int
    """Bytes."""


def removable(settings: Settings, *, data: bool) -> tuple[Removable, ...]:
    """Return what can be made again and is there; with `data` the database too."""
    found = [settings.root / name for name in _CACHES]
    found += [settings.state_dir, *_byte_code(settings.root), *settings.root.glob("frontend/*.tsbuildinfo")]
    if data:
        found.append(settings.data_dir)
    unique = dict.fromkeys(path for path in found if path.exists())
    return tuple(Removable(path, _size(path)) for path in unique)


def remove(things: tuple[Removable, ...]) -> int:
    """Remove them; return the bytes that became free. Raises AutomationError at the first that stays."""
    for thing in things:
        try:
            if thing.path.is_dir() and not thing.path.is_symlink():
                shutil.rmtree(thing.path)
            else:
                thing.path.unlink(missing_ok=True)
        except OSError as error:
            raise AutomationError(
                f"{error.filename or thing.path} cannot be removed",
                why=errors.reason(error),
                remedies=["invoke down", "check who owns it"],
            ) from error
    return sum(thing.size for thing in things)


def _byte_code(folder: Path) -> Iterator[Path]:
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink() and each.name not in _CLOSED:
            if each.name == "__pycache__":
                yield each
            else:
                yield from _byte_code(each)


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
