"""The licences of the packages that the images contain, from the packages' own metadata.

The production packages of both locks are a superset of what an image contains. An expression that ALLOWED
does not cover is an error: read the licence, then add it, or replace the package.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ALLOWED = {
    *(
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BlueOak-1.0.0",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
    ),
    "CC-BY-4.0",  # data about browsers
    "MPL-2.0",  # its files are shipped unmodified
}
LINKED = {
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "@img/sharp": "LGPL-3.0-or-later",
}
"""Weak copyleft that is allowed to these packages alone, which are loaded as they are and can be replaced."""
CLASSIFIERS = {"MIT License": "MIT", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause"}
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "python_version": "3.13"}
PROCESSORS = {"x64", "arm64"}


class Licensed(NamedTuple):
    """A package and the expression of its licence; empty if it names none."""

    part: str
    name: str
    expression: str


def packages(root: Path = ROOT) -> list[Licensed]:
    """Return the production packages of both parts."""
    lock = json.loads((root / "frontend/package-lock.json").read_text(encoding="utf-8"))
    requirements = (root / "backend/requirements.txt").read_text(encoding="utf-8")
    return sorted({*_python_packages(requirements), *_node_packages(lock)})


def refused(found: list[Licensed]) -> list[Licensed]:
    """Return the packages whose licences are not allowed."""
    return [package for package in found if not is_allowed(package)]


def is_allowed(package: Licensed) -> bool:
    """Return whether one of the alternatives of a package's licence is allowed."""
    linked = next((given for name, given in LINKED.items() if package.name.startswith(name)), None)
    alternatives = [alternative.split(" AND ") for alternative in package.expression.split(" OR ")]
    return any(all(name in ALLOWED or name == linked for name in names) for names in alternatives)


def _python_packages(requirements: str) -> Iterator[Licensed]:
    for line in re.findall(r"(?m)^([\w.-]+==[^\\\n]+)", requirements):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(LINUX):
            yield Licensed("backend", requirement.name, _python_licence(requirement.name))


def _python_licence(name: str) -> str:
    found = metadata(name)
    for field in ("License-Expression", "License"):
        if given := (found.get_all(field) or [""])[0]:
            return str(given)
    classes = (value.rpartition(" :: ")[2] for value in found.get_all("Classifier") or ())
    return next((CLASSIFIERS[value] for value in classes if value in CLASSIFIERS), "")


def _node_packages(lock: dict[str, Any]) -> Iterator[Licensed]:
    for path, package in lock["packages"].items():
        is_for_images = "linux" in package.get("os", ["linux"]) and PROCESSORS & {
            *package.get("cpu", PROCESSORS)
        }
        if path and is_for_images and not package.get("dev"):
            yield Licensed("frontend", path.rpartition("node_modules/")[2], package.get("license", ""))
