"""The progress of a build, from what buildx writes with `--progress=rawjson`.

Each line is a JSON object with any of `vertexes`, `statuses`, `logs` and `warnings`; the last lines are the
error as text for people. A vertex is announced, started and completed by the same digest, and may start more
than once: its latest state counts. Texts of logs and warnings are base64.
"""

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from automation.process import logs

_KEPT_LINES = 200
_LONGEST_PARTIAL_LINE = 2**14
# [builder 3/6] RUN …, or [linux/arm64 builder 3/6] RUN …, or [2/3] RUN … in a file with one nameless stage.
_STAGED = re.compile(
    r"\[(?:[a-z]+/[\w/]+ )?(?:(?P<stage>[\w.-]+) +)?(?P<position>\d+/\d+)\] (?P<text>.*)", re.DOTALL
)
_MOUNTS = re.compile(r"(?<=RUN) (?:--\S+ +)+")
EXPORT = "export"
"""The name of what comes after the stages: writing the image."""
NAMELESS = "image"
"""The name of the stage of a file that names none."""


class Transfer(NamedTuple):
    """Something countable inside a step, in bytes."""

    current: int
    total: int
    done: bool


@dataclass
class Vertex:
    name: str = ""
    stage: str = ""
    """The stage it belongs to; empty for what belongs to none."""
    position: str = ""
    text: str = ""
    """The instruction without its mounts, on one line."""
    started: float | None = None
    """Seconds since 1970."""
    completed: float | None = None
    cached: bool = False
    error: str = ""
    seconds: float = 0.0
    """The time of all its runs so far."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    partial: str = ""
    transfers: dict[str, Transfer] = field(default_factory=dict)

    def update(self, given: Mapping[str, Any]) -> None:
        if name := str(given.get("name") or ""):
            found = _STAGED.fullmatch(name)
            outside = EXPORT if name.startswith(("exporting", "sending tarball")) else ""
            self.name = name
            self.stage = (found["stage"] or NAMELESS) if found else outside
            self.position = found["position"] if found else ""
            self.text = " ".join(_MOUNTS.sub(" ", found["text"] if found else name).split())
        started, completed = _time(given.get("started")), _time(given.get("completed"))
        if started is not None:
            self.started, self.completed = started, completed
            if completed is not None:
                self.seconds += completed - started
        self.cached = bool(given.get("cached")) or self.cached
        self.error = str(given.get("error") or "")

    @property
    def running(self) -> bool:
        return self.started is not None and self.completed is None

    @property
    def done(self) -> bool:
        """Whether it has completed without an error."""
        return self.completed is not None and not self.error

    @property
    def detail(self) -> str:
        """Current activity: the bytes it transfers, or the last line it wrote."""
        moving = {name: transfer for name, transfer in self.transfers.items() if not transfer.done}
        if known := [transfer for transfer in moving.values() if transfer.total]:
            current = sum(transfer.current for transfer in known) / 10**6
            return f"{self.text}: {current:.1f} of {sum(transfer.total for transfer in known) / 10**6:.1f} MB"
        if self.lines:
            return self.lines[-1].strip()
        return f"{self.text}: {[*moving][-1]}" if moving and self.stage == EXPORT else self.text


@dataclass(frozen=True)
class StageDone:
    name: str
    seconds: float
    steps: int
    cached: int


@dataclass(frozen=True)
class Lint:
    """A warning of Docker's own checks about the Dockerfile."""

    text: str
    line: int | None
    url: str


class Progress:
    """The state of a build, fed line by line."""

    def __init__(self, finished: Callable[[StageDone], None] = lambda _: None) -> None:
        self.vertexes: dict[str, Vertex] = {}
        self.lints: list[Lint] = []
        # The lines that are not JSON: the error for people.
        self.rest: deque[str] = deque(maxlen=_KEPT_LINES)
        self._finished = finished
        self._reported: set[str] = set()
        self._described = "starting"

    def feed(self, line: str) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            if line.strip():
                self.rest.append(logs.clean(line))
            return
        for given in _objects(message, "vertexes"):
            self.vertexes.setdefault(str(given.get("digest", "")), Vertex()).update(given)
        for given in _objects(message, "statuses"):
            if vertex := self.vertexes.get(str(given.get("vertex", ""))):
                current, total = (
                    n if isinstance(n := given.get(key), int) else 0 for key in ("current", "total")
                )
                done = given.get("completed") is not None
                vertex.transfers[str(given.get("id", ""))] = Transfer(current, total, done)
        for given in _objects(message, "logs"):
            if vertex := self.vertexes.get(str(given.get("vertex", ""))):
                # The end of one message may continue in the next.
                *whole, vertex.partial = (vertex.partial + _text(given.get("data"))).split("\n")
                # A carriage return draws over the line, as progress bars do.
                drawn = (logs.clean(part.rstrip("\r").rpartition("\r")[2]) for part in whole)
                vertex.lines.extend(part for part in drawn if part.strip())
                vertex.partial = vertex.partial[-_LONGEST_PARTIAL_LINE:]
        for given in _objects(message, "warnings"):
            starts = [covered.get("start") for covered in _objects(given, "range")[:1]]
            at = next((start.get("line") for start in starts if isinstance(start, dict)), None)
            self.lints.append(Lint(logs.clean(_text(given.get("short"))), at, str(given.get("url") or "")))
        self._report_stages()

    @property
    def steps(self) -> list[Vertex]:
        return [vertex for vertex in self.vertexes.values() if vertex.stage]

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def cached(self) -> int:
        return sum(step.cached for step in self.steps)

    @property
    def failed(self) -> Vertex | None:
        """The step that failed first; those that it cancelled do not count."""
        failed = [vertex for vertex in self.vertexes.values() if vertex.error]
        own = [vertex for vertex in failed if "context canceled" not in vertex.error]
        return min(own, key=lambda vertex: vertex.completed or 0.0, default=None)

    def stages(self) -> dict[str, float]:
        """Return the seconds that each stage took, in the order in which they began."""
        seconds: dict[str, float] = {}
        for step in sorted(self.steps, key=lambda step: step.started or float("inf")):
            if not step.cached and step.started is not None:
                seconds[step.stage] = seconds.get(step.stage, 0.0) + step.seconds
        return seconds

    def describe(self) -> str:
        """Return the stages that are being built and the detail of the oldest running step, in one line.

        Between two steps this is the previous description.
        """
        if running := [step for step in self.steps if step.running]:
            heads = dict.fromkeys(f"{step.stage} {step.position}".rstrip() for step in running)
            oldest = min(running, key=lambda step: step.started or 0.0)
            self._described = f"{' + '.join(heads)}   {oldest.detail}"
        elif other := [vertex for vertex in self.vertexes.values() if vertex.running]:
            self._described = other[-1].text
        return self._described

    def _report_stages(self) -> None:
        stages: dict[str, list[Vertex]] = {}
        for step in self.steps:
            stages.setdefault(step.stage, []).append(step)
        for stage, steps in stages.items():
            if not all(step.done for step in steps):
                self._reported.discard(stage)  # it may have started again
            elif stage not in self._reported:
                self._reported.add(stage)
                seconds = sum(step.seconds for step in steps if not step.cached)
                self._finished(StageDone(stage, seconds, len(steps), sum(step.cached for step in steps)))


def _objects(message: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = message.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _time(value: object) -> float | None:
    """Read a time of Go, which has nine digits of the second and any offset."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(value or ""))).timestamp()
    except ValueError:
        return None


def _text(value: object) -> str:
    try:
        return base64.b64decode(str(value or "")).decode("utf-8", "replace")
    except binascii.Error:
        return ""
