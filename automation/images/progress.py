"""Reading what buildx says with `--progress=rawjson`, and telling how far a build is and why it failed.

Each line is one JSON object with any of `vertexes`, `statuses`, `logs` and `warnings`; the last lines are the
error as text for people. A vertex is announced, started and completed by the same digest, and may start more
than once: what counts is its latest state. Texts of logs and warnings are base64.
"""

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automation.process import logs

_KEPT_LINES = 200
# [builder 3/6] RUN …, or [linux/arm64 builder 3/6] RUN …, or [2/3] RUN … in a file with one nameless stage.
_STAGED = re.compile(
    r"\[(?:[a-z]+/[\w/]+ )?(?:(?P<stage>[\w.-]+) +)?(?P<at>\d+)/(?P<of>\d+)\] (?P<text>.*)", re.DOTALL
)
_MOUNTS = re.compile(r"(?<=RUN) (?:--\S+ +)+")
EXPORT = "export"
"""The name of what comes after the stages: writing the image."""
NAMELESS = "image"
"""The name of the one stage of a file that names none."""


@dataclass
class Vertex:
    """One step of the build."""

    digest: str
    name: str = ""
    started: float | None = None
    """Seconds since 1970."""
    completed: float | None = None
    cached: bool = False
    error: str = ""
    seconds: float = 0.0
    """The time of all its runs so far."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    """The last lines that it wrote."""
    partial: str = ""
    statuses: dict[str, "Transfer"] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """The stage it belongs to; empty for what belongs to none."""
        found = _STAGED.fullmatch(self.name)
        if found:
            return found["stage"] or NAMELESS
        return EXPORT if self.name.startswith(("exporting", "sending tarball")) else ""

    @property
    def position(self) -> str:
        """Where in its stage it stands, as in 3/6."""
        found = _STAGED.fullmatch(self.name)
        return f"{found['at']}/{found['of']}" if found else ""

    @property
    def text(self) -> str:
        """The instruction, without the mounts, in one line."""
        found = _STAGED.fullmatch(self.name)
        return " ".join(_MOUNTS.sub(" ", found["text"] if found else self.name).split())

    @property
    def running(self) -> bool:
        """Whether it is being done."""
        return self.started is not None and self.completed is None


@dataclass
class Transfer:
    """Something countable inside a step, in bytes."""

    name: str
    current: int
    total: int
    done: bool


@dataclass(frozen=True)
class StageDone:
    """A stage has been built."""

    name: str
    seconds: float
    steps: int
    cached: int


@dataclass(frozen=True)
class Lint:
    """What Docker's own checks say about the Dockerfile."""

    text: str
    line: int | None
    url: str


class Progress:
    """A build as told so far."""

    def __init__(self, finished: Callable[[StageDone], None] = lambda _: None) -> None:
        """Call `finished` for each stage when all that is known of it has been done."""
        self.vertexes: dict[str, Vertex] = {}
        self.lints: list[Lint] = []
        self.rest: deque[str] = deque(maxlen=_KEPT_LINES)
        """The lines that are not progress: the error for people."""
        self._finished = finished
        self._reported: set[str] = set()
        self._described = "starting"

    def feed(self, line: str) -> None:
        """Take one line of the output."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            if line.strip():
                self.rest.append(logs.clean(line))
            return
        for each in _listed(message, "vertexes"):
            self._vertex(each)
        for each in _listed(message, "statuses"):
            self._status(each)
        for each in _listed(message, "logs"):
            self._log(each)
        for each in _listed(message, "warnings"):
            self._warning(each)
        self._report_stages()

    @property
    def steps(self) -> list[Vertex]:
        """The steps of the stages and of the export."""
        return [each for each in self.vertexes.values() if each.stage]

    @property
    def done(self) -> int:
        """How many of the steps are done."""
        return sum(1 for each in self.steps if each.completed is not None and not each.error)

    @property
    def cached(self) -> int:
        """How many of the steps were taken from the cache."""
        return sum(1 for each in self.steps if each.cached)

    @property
    def failed(self) -> Vertex | None:
        """The step that failed; what was cancelled because of it did not."""
        failed = [each for each in self.vertexes.values() if each.error]
        own = [each for each in failed if "context canceled" not in each.error]
        return min(own, key=lambda each: each.completed or 0.0, default=None)

    def stages(self) -> dict[str, float]:
        """Return the seconds that each stage took, in the order in which they began."""
        seconds: dict[str, float] = {}
        for each in sorted(self.steps, key=lambda each: each.started or float("inf")):
            if not each.cached and each.started is not None:
                seconds[each.stage] = seconds.get(each.stage, 0.0) + each.seconds
        return seconds

    def describe(self) -> str:
        """Return what is being done now, in one line; between two steps, what was before."""
        if now := [each for each in self.steps if each.running]:
            # Every stage at work, and of the longest-running step what it does.
            heads = dict.fromkeys(f"{each.stage} {each.position}".rstrip() for each in now)
            first = min(now, key=lambda each: each.started or 0.0)
            self._described = f"{' + '.join(heads)}   {_detail(first)}"
        elif other := [each for each in self.vertexes.values() if each.running]:
            self._described = other[-1].text
        return self._described

    def _vertex(self, given: dict[str, Any]) -> None:
        digest = str(given.get("digest", ""))
        vertex = self.vertexes.setdefault(digest, Vertex(digest))
        vertex.name = str(given.get("name") or vertex.name)
        started, completed = _time(given.get("started")), _time(given.get("completed"))
        if started is not None:
            vertex.started, vertex.completed = started, completed
            if completed is not None:
                vertex.seconds += completed - started
        vertex.cached = bool(given.get("cached")) or vertex.cached
        vertex.error = str(given.get("error") or "")

    def _status(self, given: dict[str, Any]) -> None:
        vertex = self.vertexes.get(str(given.get("vertex", "")))
        if vertex is not None:
            name = str(given.get("id", ""))
            numbers = [given.get(key) for key in ("current", "total")]
            current, total = (number if isinstance(number, int) else 0 for number in numbers)
            vertex.statuses[name] = Transfer(name, current, total, given.get("completed") is not None)

    def _log(self, given: dict[str, Any]) -> None:
        vertex = self.vertexes.get(str(given.get("vertex", "")))
        if vertex is not None:
            # What is cut off at the end of one message goes on in the next.
            *whole, vertex.partial = (vertex.partial + _text(given.get("data"))).split("\n")
            # A carriage return draws over the line, as progress bars do.
            drawn = (logs.clean(line.rstrip("\r").rpartition("\r")[2]) for line in whole)
            vertex.lines.extend(line for line in drawn if line.strip())
            vertex.partial = vertex.partial[-(2**14) :]

    def _warning(self, given: dict[str, Any]) -> None:
        line = None
        for covered in _listed(given, "range")[:1]:
            start = covered.get("start")
            line = start.get("line") if isinstance(start, dict) else None
        self.lints.append(Lint(logs.clean(_text(given.get("short"))), line, str(given.get("url") or "")))

    def _report_stages(self) -> None:
        steps: dict[str, list[Vertex]] = {}
        for each in self.steps:
            steps.setdefault(each.stage, []).append(each)
        for stage, members in steps.items():
            over = all(each.completed is not None and not each.error for each in members)
            # One that begins anew has not been reported.
            if not over:
                self._reported.discard(stage)
            elif stage not in self._reported:
                self._reported.add(stage)
                seconds = sum(each.seconds for each in members if not each.cached)
                cached = sum(1 for each in members if each.cached)
                self._finished(StageDone(stage, seconds, len(members), cached))


def _listed(message: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = message.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _detail(vertex: Vertex) -> str:
    moving = [each for each in vertex.statuses.values() if not each.done]
    known = [each for each in moving if each.total]
    if known:
        current, total = sum(each.current for each in known), sum(each.total for each in known)
        return f"{vertex.text}: {current / 10**6:.1f} of {total / 10**6:.1f} MB"
    if vertex.lines:
        return vertex.lines[-1].strip()
    return f"{vertex.text}: {moving[-1].name}" if moving and vertex.stage == EXPORT else vertex.text


def _time(value: object) -> float | None:
    """Read a time of Go: nine digits of the second, any offset."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value)).timestamp()
    except ValueError:
        return None


def _text(value: object) -> str:
    try:
        return base64.b64decode(str(value or "")).decode("utf-8", "replace")
    except binascii.Error:
        return ""
