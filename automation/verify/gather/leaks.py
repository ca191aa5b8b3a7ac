"""Searches files for secrets with Kingfisher, whose rules `deploy/secrets.toml` completes.

Nothing here returns a secret: findings name its kind, because they go into reports and logs.
"""

import importlib.util
import json
import re
import sys
import tempfile
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self

from automation.console.errors import AutomationError
from automation.process.processes import Program
from automation.settings import Settings

SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:SECRET|TOKEN|(?:PG)?PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?"
    r"|(?:API|ACCESS|PRIVATE|SIGNING|ENCRYPTION|MASTER)[_-]?KEY)(?:$|[_.-])|(?<!proxy)_PASS$",
    re.IGNORECASE,
)
_RULES = "deploy/secrets.toml"
_SCAN = (
    *(
        "-m",
        "kingfisher",
        "scan",
        "--no-validate",
        "--no-update-check",
        "--no-ignore",
        "--git-history",
        "none",
    ),
    *("--no-limits", "--no-dedup", "--redact", "--format", "jsonl"),
)
_FOUND, _NOTHING = 200, 0  # exit codes
_MOST_SECONDS = 300.0
_BLOCK_BYTES = 2**24
_OVERLAP_BYTES = 2**12
BY_OTHERS = re.compile(r"/(?:site-packages|dist-packages|node_modules|python3\.\d+|share|lib/dpkg|lib/apk)/")
"""Folders of files that others wrote, with their examples."""
_IN_EXAMPLES = {"generic-credential-uri", "jwt"}
"""Rules of the scanner that the documentation of packages breaks; the project's own rules remain."""
_SHORTEST = 12  # characters; a shorter value would be found by chance


@dataclass(frozen=True)
class Leak:
    """A secret that was found; never the secret."""

    kind: str
    place: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.kind} in {self.place}"


class Scan:
    """Files laid out in a temporary folder, each in a folder of its own.

    So neither a file's path nor an ignore file beside it changes what the scanner sees. What this machine
    keeps secret is searched here: the scanner would store its rules, and with them the values, in its cache.
    """

    def __init__(self, settings: Settings, known: Mapping[str, str]) -> None:
        self._settings = settings
        self._known = {name: value.encode() for name, value in known.items() if len(value) >= _SHORTEST}
        self._folder = tempfile.TemporaryDirectory()
        self._files: list[tuple[Hashable, str]] = []
        self._found: dict[Hashable, dict[Leak, None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, owner: Hashable, place: str, content: IO[bytes], *, area: str, name: str = "") -> None:
        """Lay out a file.

        Args:
            owner: What its leaks are returned for.
            area: The folder that rules for such files name: `image`, `context` or `declared`.
            name: The name that rules see, if it is not the place's.
        """
        folder = Path(self._folder.name, area, str(len(self._files)))
        folder.mkdir(parents=True)
        self._files.append((owner, place))
        tail = b""
        with (folder / (name or _name(place))).open("wb") as file:
            while block := content.read(_BLOCK_BYTES):
                file.write(block)
                for setting, value in self._known.items():
                    if value in tail + block:
                        self._found.setdefault(owner, {})[Leak(f"the value of {setting}", place)] = None
                tail = block[-_OVERLAP_BYTES:]

    async def leaks(self) -> Mapping[Hashable, tuple[Leak, ...]]:
        """Return the leaks of each owner that has any. Raises AutomationError."""
        if self._files:
            await self._search()
        return {owner: tuple(leaks) for owner, leaks in self._found.items()}

    async def _search(self) -> None:
        if importlib.util.find_spec("kingfisher") is None:
            raise AutomationError(
                "Kingfisher, which searches for secrets, is not installed",
                why="the environment is older than its lock, or there is no wheel for this platform",
                remedies=[
                    "./dev   updates the environment",
                    "pip download kingfisher-bin   says whether there is a wheel for this platform",
                ],
            )
        scanner = Program(sys.executable, self._settings.environ, Path(self._folder.name))
        rules = str(self._settings.root / _RULES)
        try:
            done = await scanner.complete(*_SCAN, "--rules-path", rules, ".", seconds=_MOST_SECONDS)
        except TimeoutError:
            raise AutomationError(f"Kingfisher did not finish within {_MOST_SECONDS:.0f} s") from None
        if done.code not in {_FOUND, _NOTHING}:
            raise AutomationError(
                f"Kingfisher ended with exit code {done.code}", details=done.errors.strip().splitlines()[-5:]
            )
        for document in map(json.loads, filter(lambda line: line.startswith("{"), done.output.splitlines())):
            if found := document.get("finding"):
                number = PurePosixPath(found["path"]).parts[1]
                owner, place = self._files[int(number)]
                origin, _, rule = document["rule"]["id"].partition(".")
                if rule in _IN_EXAMPLES and BY_OTHERS.search(place):
                    continue
                kind = document["rule"]["description"] if origin == "custom" else rule.replace("-", " ")
                self._found.setdefault(owner, {})[Leak(kind, place, int(found["line"]))] = None


def _name(place: str) -> str:
    name = PurePosixPath(place).name
    return "file" if name in {"", ".."} else name
