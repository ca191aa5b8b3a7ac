"""Write lock files from their sources and copies from their originals, or check that they are up to date.

Locks are written in a temporary copy and moved at the end, so an interrupted run changes nothing. No lock
names a registry's host: the same files work behind a mirror.
"""

import difflib
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import uv

from automation.console.errors import AutomationError
from automation.console.events import Emit, Notice, Result, Step, step
from automation.process import files, logs, processes
from automation.project import frontend, node
from automation.settings import Settings

_COMPILE = (
    "pip", "compile", "--universal", "--generate-hashes", "--no-emit-index-url", "--python-version", "3.11",
    "--no-header", "-q",
)  # fmt: skip
_LONGEST_DIFF = 60
_MANIFEST, _FRONTEND_LOCK = "frontend/package.json", "frontend/package-lock.json"
_SYSTEMS = (
    "aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32",
)  # fmt: skip
_PROCESSORS = ("arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64")
# By name the file of each Python lock and its sources. A lock that constrains another comes before it.
_REQUIREMENTS: Mapping[str, tuple[str, str]] = {
    "backend": ("backend/requirements.txt", "backend/pyproject.toml"),
    "dev": (
        "requirements/dev.txt",
        "backend/pyproject.toml pyproject.toml --group dev -c backend/requirements.txt",
    ),
    "test": (
        "requirements/test.txt",
        "backend/pyproject.toml pyproject.toml --group test -c requirements/dev.txt",
    ),
    "lint": ("requirements/lint.txt", "pyproject.toml --group lint"),
    "bootstrap": ("requirements/bootstrap.txt", "pyproject.toml --group bootstrap -c requirements/dev.txt"),
    "distil": ("backend/image/distil.txt", "pyproject.toml --group distil -c requirements/test.txt"),
}
_COPIES = {
    "backend/image/bootstrap.txt": "requirements/bootstrap.txt",
    "frontend/image/distil.txt": "backend/image/distil.txt",
    "frontend/image/distil": "backend/image/distil",
}
"""Copies of files and folders, with their originals: a build sees only the folder of its service."""
_INPUTS = ("pyproject.toml", "backend/pyproject.toml", _MANIFEST, "frontend/.npmrc")


async def lock(settings: Settings, emit: Emit, *, check: bool, upgrade: str | bool, dry_run: bool) -> None:
    """Write every lock file from its sources, or check them.

    Locked versions that still fit stay, except for the package named by `upgrade`, or for all packages if
    it is True. With `check` or `dry_run` nothing is written.

    Raises:
        AutomationError: a package cannot be resolved, or with `check` a lock is out of date.
    """
    root, environ = settings.root, frontend.clean_environ(settings)
    with tempfile.TemporaryDirectory(prefix="locks-") as name:
        copy = Path(name)
        outputs = (*(output for output, _ in _REQUIREMENTS.values()), _FRONTEND_LOCK)
        for file in (*_INPUTS, *outputs):
            if (root / file).exists():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / file, copy / file)
        manifest = files.read_json(copy / _MANIFEST) or {}
        in_frontend = upgrade in {*manifest.get("dependencies", ()), *manifest.get("devDependencies", ())}
        differences: dict[str, list[str]] = {}
        for lock_name, (output, sources) in _REQUIREMENTS.items():
            command = [uv.find_uv_bin(), *_COMPILE, *sources.split(), "-o", output]
            if upgrade and not in_frontend:
                command += ["--upgrade"] if upgrade is True else ["--upgrade-package", str(upgrade)]
            with step(emit, lock_name) as current:
                await _run(command, copy, environ)
                differences[output] = _difference(root, copy, output, current)
        with step(emit, "packages") as current:
            await _lock_frontend(copy, environ, upgrade if in_frontend or upgrade is True else "")
            differences[_FRONTEND_LOCK] = _difference(root, copy, _FRONTEND_LOCK, current)
        with step(emit, "copies") as current:
            for target, source in copies(root):
                (copy / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy((copy if (copy / source).exists() else root) / source, copy / target)
                differences[target] = _difference(root, copy, target, current)
            current.detail = f"{', '.join(_COPIES)}"
        changed = tuple(file for file, lines in differences.items() if lines)
        if check and changed:
            lines = [line for file in changed for line in differences[file]]
            more = [f"… and {len(lines) - _LONGEST_DIFF} more lines"] if len(lines) > _LONGEST_DIFF else []
            raise AutomationError(
                f"{', '.join(changed)} {'is' if len(changed) == 1 else 'are'} out of date",
                details=[*lines[:_LONGEST_DIFF], *more],
                remedies=["invoke lock"],
            )
        if not check and not dry_run:
            for file in changed:
                files.write_text(root / file, (copy / file).read_text(encoding="utf-8"))
    verb = "would change" if dry_run else "changed"
    emit(Notice((f"{', '.join(changed)} {verb}." if changed else "Every lock file is up to date.",)))
    emit(Result({"changed": changed}))


def copies(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each file that is a copy, and its original."""
    for target, source in _COPIES.items():
        if (root / source).is_dir():
            for file in sorted((root / source).glob("*.py")):
                yield f"{target}/{file.name}", f"{source}/{file.name}"
        elif (root / source).exists():
            yield target, source


async def _lock_frontend(copy: Path, environ: Mapping[str, str], upgrade: str | bool) -> None:
    verb = ["update" if upgrade else "install", *([upgrade] if isinstance(upgrade, str) and upgrade else [])]
    options = ["--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit"]
    folder, environ = copy / "frontend", node.environ(environ)
    await _run(node.npm(*verb, *options, "--no-fund"), folder, environ)
    if complete_platforms(copy / _FRONTEND_LOCK):
        # Once more, for npm's own order and form.
        await _run(node.npm("install", *options, "--no-fund"), folder, environ)


def complete_platforms(file: Path) -> int:
    """Add the packages for other systems that the registry lacks to a package lock; return their number.

    A mirror may carry the packages of one system only. npm then leaves the others out of the lock silently,
    and `npm ci` refuses that lock on every system. Their hashes are unknown here, and are left out.
    """
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    packages: dict[str, Any] = document["packages"]
    missing: dict[str, Any] = {}
    for path, package in packages.items():
        for name, version in package.get("optionalDependencies", {}).items():
            if not any(f"{place}node_modules/{name}" in packages for place in _lookups(path)):
                dev = {"dev": True} if package.get("dev") else {}
                missing[f"node_modules/{name}"] = {
                    "version": version, **_platform(name), **dev, "optional": True
                }  # fmt: skip
    if missing:
        packages.update(missing)
        files.write_text(file, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return len(missing)


def _lookups(path: str) -> list[str]:
    """Return the prefixes of the folders where Node looks for the dependencies of the package at the path."""
    parts = path.split("node_modules/")
    ancestors = ("node_modules/".join(parts[:count]) for count in range(2, len(parts) + 1))
    return ["", *(f"{ancestor.rstrip('/')}/" for ancestor in ancestors)]


def _platform(name: str) -> dict[str, list[str]]:
    parts = name.rpartition("/")[2].split("-")
    system = [part for part in parts if part in _SYSTEMS]
    processor = [part for part in parts if part in _PROCESSORS]
    return {**({"cpu": processor} if processor else {}), **({"os": system} if system else {})}


async def _run(command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
    output: deque[str] = deque(maxlen=20)
    if await processes.follow(command, output.append, cwd=cwd, environ=environ):
        raise AutomationError(
            "the packages cannot be resolved",
            details=[logs.clean(line) for line in output],
            remedies=["correct the required versions", "check the network"],
        )


def _difference(root: Path, copy: Path, file: str, current: Step) -> list[str]:
    """Return the lines of the difference between a lock and its new version, and report their number."""
    before, after = (
        (folder / file).read_text(encoding="utf-8").splitlines() if (folder / file).exists() else []
        for folder in (root, copy)
    )
    lines = list(difflib.unified_diff(before, after, file, f"{file} (new)", lineterm="", n=1))
    count = sum(line.startswith(("+", "-")) for line in lines[2:])
    current.detail = f"{file}, {f'{count} lines differ' if count else 'unchanged'}"
    return lines
