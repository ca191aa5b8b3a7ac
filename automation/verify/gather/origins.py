"""Reads which files the packages of the locks have, so that an image can be checked file by file."""

import json
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from automation import paths
from automation.console.errors import AutomationError
from automation.process.files import read_text
from automation.verify.facts import Locks, Packages

_PYTHON_LOCKS = ("dev", "lint", "test")
_COMPILED = re.compile(r"(?:\.(?:cpython|abi|cp)[\w-]*)?\.(so|pyc)$")
_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)


def locks(root: Path) -> Locks:
    """Return the packages that the lock files have for development only."""
    python = _python_packages(root, [f"requirements/{name}.txt" for name in _PYTHON_LOCKS])
    shipped, every = _shipped(root), _node_packages(root)
    # One version of a package may be for development, and another not.
    return Locks(python - shipped, frozenset(every) - {name for name, (kept, _) in every.items() if kept})


def packages(root: Path) -> Packages:
    """Return the packages that the images may have."""
    node = frozenset(name for name, (kept, _) in _node_packages(root).items() if kept)
    return Packages(frozenset(_files(_shipped(root))), node)


def plain(path: str) -> str:
    """Return the path of a file before it was compiled, and without the version that it was built for."""
    return _COMPILED.sub(lambda found: ".so" if found[1] == "so" else ".py", path.replace("__pycache__/", ""))


def _files(packages: Iterable[str]) -> Iterable[str]:
    """Yield the files of packages as they are installed beside this program, from the same lock."""
    for name in packages:
        try:
            files = metadata.distribution(name).files or ()
        except metadata.PackageNotFoundError:
            continue
        yield from (plain(str(file)) for file in files if not str(file).startswith(".."))


def _shipped(root: Path) -> frozenset[str]:
    return _python_packages(root, ["backend/requirements.txt"])


def node_versions(root: Path) -> dict[str, str]:
    """Return the version of each package that the frontend is built from."""
    return {name: version for name, (kept, version) in _node_packages(root).items() if kept}


def _node_packages(root: Path) -> dict[str, tuple[bool, str]]:
    """Return whether any version of a package is not for development only, and its first version."""
    try:
        lock = json.loads(read_text(root, paths.readable(paths.frontend(root) / "package-lock.json", root)))
        found: dict[str, tuple[bool, str]] = {}
        for key, package in lock["packages"].items():
            if name := key.rpartition("node_modules/")[2]:
                kept, version = found.get(name, (False, str(package.get("version", ""))))
                found[name] = (kept or "dev" not in package, version)
    except (ValueError, KeyError, AttributeError) as error:
        raise AutomationError("frontend/package-lock.json is not an npm lock file", why=str(error)) from error
    return found


def _python_packages(root: Path, names: Iterable[str]) -> frozenset[str]:
    found = {name for file in names for name in _LOCKED.findall(read_text(root, file))}
    return frozenset(name.lower().replace("_", "-") for name in found)
