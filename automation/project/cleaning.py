"""Remove generated files, and the data only on request: that cannot be undone."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from automation.console import errors
from automation.settings import Settings

_CACHES = (
    ".run", ".nox", ".artifacts", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache",
    "frontend/.next", "frontend/out", "frontend/coverage", "frontend/node_modules", "frontend/next-env.d.ts",
)  # fmt: skip
# Not searched for byte code: foreign folders, and those that are removed as a whole.
_CLOSED = {".git", ".venv", ".nox", "node_modules", ".run", ".data"}


def removable(settings: Settings, *, data: bool) -> dict[Path, int]:
    """Return the existing generated files and folders, with `data` the data directory too: their bytes."""
    found = [settings.root / name for name in _CACHES]
    found += [settings.state_dir, *_byte_code(settings.root), *settings.root.glob("frontend/*.tsbuildinfo")]
    found += [settings.data_dir] if data else []
    return {path: _size(path) for path in found if path.exists()}


def remove(paths: Mapping[Path, int]) -> None:
    """Remove files and folders. Raises AutomationError at the first failure."""
    for path in paths:
        with errors.refused(f"{path} cannot be removed", "invoke down", "check its owner"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _byte_code(folder: Path) -> Iterator[Path]:
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink() and child.name not in _CLOSED:
            if child.name == "__pycache__":
                yield child
            else:
                yield from _byte_code(child)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in files if file.is_symlink() or not file.is_dir())
