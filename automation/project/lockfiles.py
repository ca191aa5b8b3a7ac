"""The lock files: what each is made from, and whether it still follows from that.

Everything is made in a copy and put in place at the end, so an interrupted run changes nothing. No lock names
a registry's host: the same files work behind a mirror.
"""

import difflib
import json
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from automation.console.errors import AutomationError
from automation.console.events import Emit, step
from automation.process import files, logs, processes
from automation.project import node

_COMPILE = (
    "pip", "compile", "--universal", "--generate-hashes", "--no-emit-index-url", "--python-version", "3.11",
    "--no-header", "-q",
)  # fmt: skip
_LONGEST_DIFF = 60
_MANIFEST, _FRONTEND_LOCK = "frontend/package.json", "frontend/package-lock.json"
_SYSTEMS = {
    "aix",
    "android",
    "darwin",
    "freebsd",
    "linux",
    "netbsd",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
}
_PROCESSORS = {"arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"}


@dataclass(frozen=True)
class _Requirements:
    """A lock of Python packages: the arguments that say what it is made from."""

    name: str
    output: str
    sources: tuple[str, ...]


# A lock that constrains another comes before it.
_REQUIREMENTS = (
    _Requirements("backend", "backend/requirements.txt", ("backend/pyproject.toml",)),
    _Requirements(
        "dev",
        "requirements/dev.txt",
        ("backend/pyproject.toml", "pyproject.toml", "--group", "dev", "-c", "backend/requirements.txt"),
    ),
    _Requirements(
        "test",
        "requirements/test.txt",
        ("backend/pyproject.toml", "pyproject.toml", "--group", "test", "-c", "requirements/dev.txt"),
    ),
    _Requirements(
        "distil",
        "requirements/distil.txt",
        ("pyproject.toml", "--group", "distil", "-c", "requirements/test.txt"),
    ),
    _Requirements("lint", "requirements/lint.txt", ("pyproject.toml", "--group", "lint")),
    _Requirements(
        "bootstrap",
        "requirements/bootstrap.txt",
        ("pyproject.toml", "--group", "bootstrap", "-c", "requirements/dev.txt"),
    ),
)
_INPUTS = ("pyproject.toml", "backend/pyproject.toml", _MANIFEST, "frontend/.npmrc")


async def lock(
    root: Path, environ: Mapping[str, str], emit: Emit, *, upgrade: str | bool, check: bool, dry_run: bool
) -> tuple[str, ...]:
    """Make every lock file anew from its source; return the names of those that changed.

    What is locked stays as it is where it still fits, except for the package named by `upgrade`, or for all
    when that is True. With `check`, or `dry_run`, nothing is written. Raises AutomationError; with `check`
    also when a lock does not follow from its source, with the difference.
    """
    with tempfile.TemporaryDirectory(prefix="locks-") as name:
        copy = Path(name)
        outputs = (*(each.output for each in _REQUIREMENTS), _FRONTEND_LOCK)
        for file in (*_INPUTS, *outputs):
            if (root / file).exists():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / file, copy / file)
        in_frontend = isinstance(upgrade, str) and upgrade in _frontend_packages(copy)
        python_upgrade = _upgrade_arguments("" if in_frontend else upgrade)
        for each in _REQUIREMENTS:
            with step(emit, each.name) as current:
                command = [uv.find_uv_bin(), *_COMPILE, *each.sources, *python_upgrade, "-o", each.output]
                await _run(command, copy, environ)
                current.detail = f"{each.output}, {_summary(root, copy, each.output)}"
        with step(emit, "packages") as current:
            await _lock_frontend(copy, environ, upgrade if in_frontend or upgrade is True else "")
            current.detail = f"{_FRONTEND_LOCK}, {_summary(root, copy, _FRONTEND_LOCK)}"
        changed = tuple(file for file in outputs if _difference(root, copy, file))
        if check and changed:
            lines = [line for file in changed for line in _difference(root, copy, file)]
            more = [f"… and {len(lines) - _LONGEST_DIFF} more lines"] if len(lines) > _LONGEST_DIFF else []
            raise AutomationError(
                f"{', '.join(changed)} does not follow from its source",
                details=[*lines[:_LONGEST_DIFF], *more],
                remedies=["invoke lock"],
            )
        if not check and not dry_run:
            for file in changed:
                _put(copy / file, root / file)
    return changed


def _upgrade_arguments(upgrade: str | bool) -> tuple[str, ...]:
    if upgrade is True:
        return ("--upgrade",)
    return ("--upgrade-package", str(upgrade)) if upgrade else ()


def _frontend_packages(copy: Path) -> set[str]:
    manifest = files.read_json(copy / _MANIFEST) or {}
    return {name for part in ("dependencies", "devDependencies") for name in manifest.get(part, {})}


async def _lock_frontend(copy: Path, environ: Mapping[str, str], upgrade: str | bool) -> None:
    verb = ["update"] if upgrade else ["install"]
    names = [upgrade] if isinstance(upgrade, str) and upgrade else []
    options = ["--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit"]
    command = node.npm(*verb, *names, *options, "--no-fund")
    folder = copy / "frontend"
    await _run(command, folder, node.environ(environ))
    if complete_platforms(copy / _FRONTEND_LOCK):
        # Once more, so that the file is as npm writes it.
        await _run(node.npm("install", *options, "--no-fund"), folder, node.environ(environ))


def complete_platforms(file: Path) -> int:
    """Add the packages for other systems that the registry did not serve; return how many those were.

    A mirror may carry the packages of one system only. npm leaves the others out of the lock without a word,
    and `npm ci` then refuses that lock everywhere. They are written by version, system and processor, without
    a hash, which nobody here can know.
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
    """Return the places where Node looks for what the package at the path requires, as prefixes."""
    parts = path.split("node_modules/")
    ancestors = ("node_modules/".join(parts[:count]) for count in range(2, len(parts) + 1))
    return ["", *(f"{ancestor.rstrip('/')}/" for ancestor in ancestors)]


def _platform(name: str) -> dict[str, list[str]]:
    parts = name.rpartition("/")[2].split("-")
    system = [part for part in parts if part in _SYSTEMS]
    processor = [part for part in parts if part in _PROCESSORS]
    return {**({"cpu": processor} if processor else {}), **({"os": system} if system else {})}


async def _run(command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
    async with processes.running(command, cwd=cwd, environ=environ, mark=uuid.uuid4().hex) as running:
        output = [logs.clean(line) async for line in processes.lines(running)]
        if await running.wait() != 0:
            raise AutomationError(
                "the packages cannot be resolved",
                details=output[-20:],
                remedies=["correct the versions that are asked for", "check the network"],
            )


def _difference(root: Path, copy: Path, file: str) -> list[str]:
    before, after = (
        (each / file).read_text(encoding="utf-8") if (each / file).exists() else "" for each in (root, copy)
    )
    return list(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), file, f"{file} (from its source)", lineterm="", n=1
        )
    )


def _summary(root: Path, copy: Path, file: str) -> str:
    changes = [line for line in _difference(root, copy, file)[2:] if line.startswith(("+", "-"))]
    return f"{len(changes)} lines differ" if changes else "unchanged"


def _put(source: Path, target: Path) -> None:
    files.write_text(target, source.read_text(encoding="utf-8"))
