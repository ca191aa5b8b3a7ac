"""The releases that were installed from this clone, in its state directory."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from automation.kubernetes.target import PROFILE
from automation.process import files


@dataclass(frozen=True)
class KnownRelease:
    """A release, and where it is reached; equal if it has the same name in the same cluster."""

    context: str
    namespace: str
    release: str
    profile: str = field(default=PROFILE, compare=False)
    address: str = field(default="", compare=False)
    since: float = field(default=0, compare=False)
    """Seconds since the epoch."""


@dataclass(frozen=True)
class KnownReleases:
    """The file of the releases that were installed and not yet uninstalled, the newest last."""

    file: Path

    def read(self) -> list[KnownRelease]:
        found = files.read_json(self.file) or {}
        with suppress(ValidationError):
            # An earlier version kept only the last release.
            return TypeAdapter(list[KnownRelease]).validate_python(found.get("installed", [found]))
        return []

    def find(self, release: KnownRelease) -> KnownRelease | None:
        return next((known for known in self.read() if known == release), None)

    def remember(self, release: KnownRelease) -> None:
        """Add or replace a release; it becomes the newest."""
        others = [known for known in self.read() if known != release]
        self._write([*others, replace(release, since=time.time())])

    def forget(self, release: KnownRelease) -> None:
        self._write([known for known in self.read() if known != release])

    def forget_context(self, context: str) -> None:
        """Remove the releases of a cluster that no longer exists."""
        self._write([known for known in self.read() if known.context != context])

    def _write(self, releases: Sequence[KnownRelease]) -> None:
        if not releases:
            self.file.unlink(missing_ok=True)
            return
        files.make_directory(self.file.parent)
        files.write_json(self.file, {"installed": [asdict(release) for release in releases]})
