"""The releases that were installed from this clone, in its state directory."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from automation.kubernetes.request import PROFILE
from automation.process import files


@dataclass(frozen=True)
class KnownRelease:
    """A release, and where it is reached."""

    context: str
    namespace: str
    release: str
    profile: str = PROFILE
    address: str = ""
    since: float = 0
    """Seconds since the epoch."""

    def same(self, other: "KnownRelease") -> bool:
        """Return whether both are the same release of the same cluster."""
        return (self.context, self.namespace, self.release) == (other.context, other.namespace, other.release)


@dataclass(frozen=True)
class KnownReleases:
    """The file of the releases that were installed and not yet uninstalled, the newest last."""

    file: Path

    def read(self) -> list[KnownRelease]:
        """Return the releases."""
        found: Any = files.read_json(self.file)
        # An earlier version kept only the last release.
        listed = found.get("installed", [found]) if isinstance(found, dict) else []
        releases = []
        for document in listed:
            with suppress(TypeError):
                releases.append(KnownRelease(**document))
        return releases

    def find(self, release: KnownRelease) -> KnownRelease | None:
        """Return what is known of a release."""
        return next((known for known in self.read() if known.same(release)), None)

    def remember(self, release: KnownRelease) -> None:
        """Add or replace a release; it becomes the newest."""
        others = [known for known in self.read() if not known.same(release)]
        self._write([*others, replace(release, since=time.time())])

    def forget(self, release: KnownRelease) -> None:
        """Remove a release."""
        self._write([known for known in self.read() if not known.same(release)])

    def forget_context(self, context: str) -> None:
        """Remove the releases of a cluster that no longer exists."""
        self._write([known for known in self.read() if known.context != context])

    def _write(self, releases: Sequence[KnownRelease]) -> None:
        if not releases:
            self.file.unlink(missing_ok=True)
            return
        files.make_directory(self.file.parent)
        files.write_json(self.file, {"installed": [asdict(release) for release in releases]})
