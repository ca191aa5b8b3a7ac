"""Reading the services' output: the last lines, and what comes after them."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

LARGEST_BYTES = 50 * 10**6
"""A larger log is truncated."""

_POLL_SECONDS = 0.1
_BLOCK_BYTES = 2**20
# Escape sequences could move the cursor or set the title of the terminal that shows a line.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f]"
)


def clean(line: str) -> str:
    """Return the line without control characters."""
    return _CONTROL.sub("", line)


def tail(file: Path, count: int) -> tuple[str, ...]:
    """Return the last lines of the file; none when there is no file."""
    try:
        with file.open(encoding="utf-8", errors="replace") as log:
            return tuple(clean(line.rstrip("\n")) for line in deque(log, count))
    except FileNotFoundError:
        return ()


class Follower:
    """Reads what is appended to one log, line by line, also after it was truncated."""

    def __init__(self, file: Path) -> None:
        """Begin at the end of the file."""
        self._file = file
        self._rest = b""
        self._position = file.stat().st_size if file.exists() else 0

    def new_lines(self) -> Iterator[str]:
        """Yield the complete lines that were added since the last call."""
        try:
            with self._file.open("rb") as log:
                if log.seek(0, 2) < self._position:
                    self._position, self._rest = 0, b""
                log.seek(self._position)
                added = log.read(_BLOCK_BYTES)
        except FileNotFoundError:
            return
        self._position += len(added)
        *complete, self._rest = (self._rest + added).split(b"\n")
        for line in complete:
            yield clean(line.decode("utf-8", "replace"))


async def follow(followers: Mapping[str, Follower]) -> AsyncIterator[tuple[str, str]]:
    """Yield service and line for ever, as they come."""
    while True:
        for service, follower in followers.items():
            for line in follower.new_lines():
                yield service, line
        await asyncio.sleep(_POLL_SECONDS)
