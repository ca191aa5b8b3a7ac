"""Replaces the project's own Dockerfile with a candidate, without losing anybody's work."""

from contextlib import suppress
from pathlib import Path

from automation import paths
from automation.console import errors
from automation.console.errors import AutomationError
from automation.process import files
from automation.project import git
from automation.settings import Settings


def present(file: Path, root: Path) -> str:
    """Return the text of the project's own file, empty if there is none. Raises AutomationError."""
    shown = paths.readable(file, root)
    if file.is_symlink():
        raise AutomationError(
            f"{shown} is a link",
            why="a review compares with the project's own file",
            remedies=[f"ls -l {shown}"],
        )
    try:
        return file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise AutomationError(f"{shown} cannot be read", why=errors.reason(error)) from error


async def uncommitted(file: Path, settings: Settings) -> bool:
    """Return whether the file has changes that are not committed; False without git."""
    return bool(await git.ask(settings, "status", "--porcelain", "--", str(file)))


def adopt(text: str, file: Path, seen: str, root: Path) -> None:
    """Replace the file atomically; it keeps its permissions.

    Raises AutomationError if it no longer has the text that was `seen`.
    """
    shown = paths.readable(file, root)
    if present(file, root) != seen:
        raise AutomationError(
            f"{shown} has changed since the review began",
            why="the review compared with another text",
            remedies=["the same command again"],
        )
    with suppress(FileExistsError):
        file.parent.mkdir(parents=True)
    files.write_text(file, text)
