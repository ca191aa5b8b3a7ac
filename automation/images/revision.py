"""The origin of the files of a build: the commit that last touched them, and the project's address."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automation.project import git
from automation.settings import Settings

_PROJECT_URLS = ("source", "repository", "homepage")


@dataclass(frozen=True)
class Revision:
    name: str
    """The commit, with `-dirty` if files differ from it; without a commit, the name of the content."""
    epoch: int
    """Seconds since 1970 of that commit; without one, of the youngest file."""
    source: str
    """The address of the project, without credentials; empty if unknown."""

    @property
    def created(self) -> str:
        """The time as RFC 3339, for labels."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def dirty(self) -> bool:
        """Whether files differ from the commit, or there is no commit."""
        return re.fullmatch(r"[0-9a-f]{40,64}", self.name) is None


async def find(settings: Settings, paths: Sequence[str], files: Sequence[str], content: str) -> Revision:
    """Return the revision of the paths, which are relative to the root and may be patterns.

    Without git or a checkout, the name of the content and the time of the files stand in.
    """
    specified = [f":(glob){path}" if any(c in path for c in "*?[") else path for path in paths]
    remote = await git.ask(settings, "remote", "get-url", "origin")
    source = _address(remote.strip()) or _declared_source(settings.root)
    commit = await git.ask(settings, "log", "-1", "--format=%H %ct", "--", *specified)
    if not commit:
        times = (int((settings.root / file).lstat().st_mtime) for file in files)
        return Revision(f"unversioned-{content}", max(times, default=0), source)
    changes = await git.ask(settings, "status", "--porcelain", "--untracked-files=all", "--", *specified)
    name, seconds = commit.split()
    return Revision(f"{name}-dirty" if changes else name, int(seconds), source)


def _address(remote: str) -> str:
    """Return the web address of a remote: no user, no password, no token."""
    if found := re.fullmatch(r"(?:[^@/\s]+@)?([\w.-]+\.[\w-]+):(?!//)(\S+)", remote):
        return f"https://{found[1]}/{found[2].removesuffix('.git').lstrip('/')}"
    parts = urlsplit(remote)
    if parts.scheme not in {"http", "https", "ssh", "git"} or not parts.hostname:
        return ""
    scheme = parts.scheme if parts.scheme in {"http", "https"} else "https"
    port = f":{parts.port}" if parts.port and scheme == parts.scheme else ""
    return f"{scheme}://{parts.hostname}{port}{parts.path.removesuffix('.git')}"


def project(root: Path) -> dict[str, Any]:
    """Return the project's table of pyproject.toml, empty if there is none."""
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return dict(document.get("project", {}))
    except (OSError, ValueError):
        return {}


def _declared_source(root: Path) -> str:
    urls = {name.lower(): str(url) for name, url in project(root).get("urls", {}).items()}
    return next((urls[name] for name in _PROJECT_URLS if name in urls), "")
