"""Remove generated files, and the data only on request: that cannot be undone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from automation import paths
from automation.console import errors
from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm
from automation.process.instance import Instance
from automation.settings import Settings

_CACHES = (
    ".run", ".nox", ".artifacts", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache",
    "frontend/.next", "frontend/out", "frontend/coverage", "frontend/node_modules", "frontend/next-env.d.ts",
)  # fmt: skip
# Not searched for byte code: foreign folders, and those that are removed as a whole.
_CLOSED = {".git", ".venv", ".nox", "node_modules", ".run", ".data"}


async def clean(settings: Settings, emit: Emit, *, data: bool, yes: bool, dry_run: bool) -> None:
    """Remove what can be built or installed again, and with `data` the database."""
    runs = Instance(settings.state_dir).read()
    if runs and not dry_run:
        raise AutomationError(
            f"the application is {runs.state} and needs what clean removes", remedies=["invoke down"]
        )
    removable = _removable(settings, data=data)
    names = [paths.readable(path, settings.root) for path in removable]
    total = sum(removable.values())
    if not removable:
        emit(Notice(("There is nothing to remove.",)))
    elif dry_run:
        emit(Notice((*names, f"{total / 10**6:.1f} MB would be removed.")))
    else:
        if data and settings.data_dir.exists() and not yes:
            await confirm(f"Delete {settings.data_dir} with every account, task and conversation?")
        for path in removable:
            _remove(path)
        emit(Notice((f"Removed {len(removable)} files and folders, {total / 10**6:.1f} MB.",)))
    emit(Result({"paths": names, "bytes": total, "removed": bool(removable) and not dry_run}))


def _removable(settings: Settings, *, data: bool) -> dict[Path, int]:
    """Return the existing generated files and folders, with `data` the data directory too: their bytes."""
    found = [settings.root / name for name in _CACHES]
    found += [settings.state_dir, *_byte_code(settings.root), *settings.root.glob("frontend/*.tsbuildinfo")]
    found += [settings.data_dir] if data else []
    return {path: _size(path) for path in found if path.exists()}


def _remove(path: Path) -> None:
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
