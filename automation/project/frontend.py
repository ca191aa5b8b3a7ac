"""The frontend's packages and production build, each updated only when its sources have changed."""

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from automation import paths
from automation.console import errors
from automation.console.errors import AutomationError
from automation.console.events import Emit, Step, step
from automation.contract import environment, profiles
from automation.process import files, logs, processes
from automation.project import node
from automation.settings import Settings

_LAST_LINES = 12
_KEPT_BUILDS = 2
_STAMP = ".packages.json"
# Not read by a build, or written by it.
_NOT_SOURCES = {"node_modules", ".next", "out", "coverage", "test-results", "next-env.d.ts"}


def packages_current(root: Path) -> bool:
    """Return whether the installed packages match the lock file and this Node."""
    return files.read_json(paths.frontend(root) / "node_modules" / _STAMP) == _packages_wanted(root)


def clean_environ(settings: Settings) -> dict[str, str]:
    """Return this process's environment without the application's settings and secrets."""
    return environment.without_application(settings.environ, profiles.load("", settings.root))


async def install(settings: Settings, emit: Emit) -> None:
    """Install the frontend's packages unless they are current. Raises AutomationError."""
    await install_packages(settings.root, clean_environ(settings), emit)


async def install_packages(root: Path, environ: Mapping[str, str], emit: Emit) -> None:
    """Install the packages of the lock file unless they are current. Raises AutomationError."""
    with step(emit, "packages") as current:
        if packages_current(root):
            current.detail = "up to date"
            return
        lock = root / ".run" / "packages.lock"
        async with files.locked(lock, lambda: current.progress("another run is installing them")):
            if packages_current(root):
                current.detail = "another run has installed them"
                return
            wanted = _packages_wanted(root)
            current.detail = f"{await _install(root, environ, current)} installed"
            files.write_json(paths.frontend(root) / "node_modules" / _STAMP, wanted)


async def _install(root: Path, environ: Mapping[str, str], current: Step) -> int:
    """Run `npm ci`; return the number of packages. Raises AutomationError."""
    lock = files.read_json(paths.frontend(root) / "package-lock.json") or {}
    packages = lock.get("packages", {})
    # Optional packages are mostly for other systems.
    total = sum(bool(name) and not package.get("optional") for name, package in packages.items())
    count = 0
    output: list[str] = []

    def show(line: str) -> None:
        nonlocal count
        if line.startswith("npm http"):
            count += 1
            current.progress("installing", min(count, total), total)
        else:
            output.append(logs.clean(line))

    current.progress("querying the registry", 0, total)
    command = node.npm("ci", "--no-audit", "--no-fund", "--loglevel=http")
    if await processes.follow(command, show, cwd=paths.frontend(root), environ=node.environ(environ)):
        raise npm_failed(output)
    return total


def _packages_wanted(root: Path) -> dict[str, str]:
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        with suppress(FileNotFoundError):
            digest.update((paths.frontend(root) / name).read_bytes())
    return {"packages": digest.hexdigest(), "node": node.version()}


def npm_failed(output: list[str]) -> AutomationError:
    """Return the error for npm's output."""
    # npm reports the cause first, and then its usage.
    messages = [line.removeprefix("npm error").strip() for line in output if line.startswith("npm error")]
    # Without npm's own stack trace.
    shown = [line for line in messages if line and not line.startswith("at ")][:_LAST_LINES]
    shown = shown or output[-_LAST_LINES:]
    text = "\n".join(shown)
    remedies = ["check the network and npm's settings, then retry"]
    if "ENOSPC" in text:
        remedies = ["free some disk space, then retry"]
    elif "EUSAGE" in text or "in sync" in text:
        remedies = ["invoke lock"]
    return AutomationError("npm ci failed", why="npm says:", details=shown, remedies=remedies)


async def build(root: Path, environ: Mapping[str, str], emit: Emit) -> Path:
    """Return the folder of the current sources' production build; build it if it does not exist.

    The folder is named after a hash of its sources and contains `server.js` with everything it needs.
    Raises AutomationError.
    """
    builds = root / ".run" / "frontend"
    with step(emit, "build") as current:
        target = builds / _source_hash(root)
        if target.is_dir():
            current.detail = "already built"
            return target
        async with files.locked(builds / "lock", lambda: current.progress("another run is building")):
            while not (target := builds / _source_hash(root)).is_dir():
                await _build_once(root, environ, current)
                # Sources that changed during the build belong to another build.
                if target == builds / _source_hash(root):
                    _collect(paths.frontend(root), target)
            current.detail = "built"
            _prune(builds, target)
        return target


async def _build_once(root: Path, environ: Mapping[str, str], current: Step) -> None:
    last: deque[str] = deque(maxlen=_LAST_LINES)

    def show(line: str) -> None:
        if line.strip():
            last.append(logs.clean(line))
            current.progress(f"building: {last[-1].strip()}")

    current.progress("building")
    command = node.npm("run", "--silent", "build")
    settings = {**node.environ(environ), "NODE_ENV": "production"}
    if await processes.follow(command, show, cwd=paths.frontend(root), environ=settings):
        raise AutomationError("the frontend cannot be built", why="its last lines:", details=list(last))


def _collect(frontend: Path, target: Path) -> None:
    """Copy the server and its files to the target, as a whole or not at all."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with errors.refused("the production build cannot be stored", "free some disk space"):
            shutil.copytree(frontend / ".next" / "standalone", partial, symlinks=True)
            partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prune(builds: Path, current: Path) -> None:
    """Remove old builds, except the newest and those that a server still uses."""
    old = [build for build in builds.iterdir() if build.is_dir() and build != current]
    old.sort(key=files.modified, reverse=True)
    used = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            used.add(Path(process.cwd()))
    for build in old[_KEPT_BUILDS - 1 :]:
        if build not in used:
            shutil.rmtree(build, ignore_errors=True)


def _source_hash(root: Path) -> str:
    """Return the hash of everything a build depends on: sources, packages, Node."""
    digest = hashlib.sha256(json.dumps(_packages_wanted(root)).encode())
    frontend = paths.frontend(root)
    for file in sorted(_sources(frontend)):
        digest.update(file.relative_to(frontend).as_posix().encode("utf-8", "surrogateescape") + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _sources(frontend: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(frontend):
        subfolders[:] = [name for name in subfolders if name not in _NOT_SOURCES]
        for name in names:
            if name not in _NOT_SOURCES and not name.endswith(".tsbuildinfo"):
                yield Path(folder, name)
