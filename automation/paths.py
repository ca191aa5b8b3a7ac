"""Paths in the project, relative to this file and never to the working directory."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def profiles(root: Path) -> Path:
    """Return the folder of profile contracts."""
    return root / "deploy" / "profiles"


def rules(root: Path) -> Path:
    """Return the file of the rules for every profile."""
    return root / "deploy" / "rules.toml"


def frontend(root: Path) -> Path:
    """Return the folder of the Next.js application."""
    return root / "frontend"


def backend_source(root: Path) -> Path:
    """Return the import root of the backend."""
    return root / "backend" / "src"


def readable(path: Path, root: Path) -> str:
    """Return the path as people write it: relative to the project if it is inside."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
