"""Remove generated files, and the data only on request: that cannot be undone."""

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
# Not searched for byte code: foreign folders, and those that are removed as a whole.
_CLOSED = {".git", ".venv", ".nox", "node_modules", ".run", ".data"}


@dataclass(frozen=True)
class Removable:
    """A file or folder that can be removed."""

    path: Path
    size: int
    """Bytes."""


def removable(settings: Settings, *, data: bool) -> tuple[Removable, ...]:
    """Return the existing generated files and folders; with `data` the data directory, too."""
    found = [settings.root / name for name in _CACHES]
    found += [settings.state_dir, *_byte_code(settings.root), *settings.root.glob("frontend/*.tsbuildinfo")]
    if data:
        found.append(settings.data_dir)
    unique = dict.fromkeys(path for path in found if path.exists())
    return tuple(Removable(path, _size(path)) for path in unique)


def remove(things: tuple[Removable, ...]) -> int:
    """Remove files and folders; return the freed bytes. Raises AutomationError at the first failure."""
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
                remedies=["invoke down", "check its owner"],
            ) from error
    return sum(thing.size for thing in things)


def _byte_code(folder: Path) -> Iterator[Path]:
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink() and child.name not in _CLOSED:
            if child.name == "__pycache__":
                yield child
            else:
                yield from _byte_code(child)


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
