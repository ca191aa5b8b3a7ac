"""What long work says while it happens, as data: a console decides how that looks.

Work takes an `Emit` and never prints. The events of a background run cross a file as JSON lines, so each
event can be written to and read from a plain mapping.
"""

import dataclasses
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from automation.console.errors import AutomationError


@dataclass(frozen=True)
class StepStarted:
    """A named piece of work begins."""

    kind: ClassVar[str] = "step-started"
    step: str


@dataclass(frozen=True)
class StepProgress:
    """The piece of work says where it stands; `done` of `total` where it can be counted."""

    kind: ClassVar[str] = "step-progress"
    step: str
    detail: str
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class StepFinished:
    """The piece of work is done, after `seconds`."""

    kind: ClassVar[str] = "step-finished"
    step: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class StepFailed:
    """The piece of work failed; the parts are those of an `AutomationError`."""

    kind: ClassVar[str] = "step-failed"
    step: str
    seconds: float
    what: str
    why: str = ""
    details: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepStopped:
    """The piece of work was given up, because of an interruption or of another step's failure."""

    kind: ClassVar[str] = "step-stopped"
    step: str
    seconds: float


@dataclass(frozen=True)
class Line:
    """One line of a service's output."""

    kind: ClassVar[str] = "line"
    source: str
    text: str


@dataclass(frozen=True)
class Notice:
    """Lines for a person to read, when a stage is complete."""

    kind: ClassVar[str] = "notice"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """The lines of a unified diff."""

    kind: ClassVar[str] = "difference"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """The whole command failed, outside any step."""

    kind: ClassVar[str] = "failed"
    what: str
    why: str = ""
    details: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


_TASK = re.compile(r"\binvoke (?=[a-z])")


def as_typed(event: "Event", command: str) -> "Event":
    """Return the event with the tasks that it tells people to run as they type them: `./dev up`."""

    def typed(lines: Iterable[str]) -> tuple[str, ...]:
        return tuple(_TASK.sub(f"{command} ", line) for line in lines)

    match event:
        case Notice(lines):
            return replace(event, lines=typed(lines))
        case StepFailed(why=why, remedies=remedies) | Failed(why=why, remedies=remedies):
            return replace(event, why=typed([why])[0], remedies=typed(remedies))
        case _:
            return event


@dataclass(frozen=True)
class Result:
    """What a program asked for: the data of the command. A person reads the notices instead."""

    kind: ClassVar[str] = "result"
    data: Mapping[str, Any] = field(default_factory=dict)


Event = (
    StepStarted
    | StepProgress
    | StepFinished
    | StepFailed
    | StepStopped
    | Line
    | Notice
    | Difference
    | Failed
    | Result
)
Emit = Callable[[Event], None]

_KINDS: Mapping[str, type[Any]] = {
    event.kind: event
    for event in (
        StepStarted, StepProgress, StepFinished, StepFailed, StepStopped, Line, Notice,
        Difference, Failed, Result,
    )
}  # fmt: skip


def to_mapping(event: Event) -> dict[str, Any]:
    """Return the event as plain data; a result's fields stand beside its kind, within easy reach."""
    if isinstance(event, Result):
        return {"event": event.kind, **event.data}
    return {"event": event.kind, **dataclasses.asdict(event)}


def from_mapping(mapping: Mapping[str, Any]) -> Event:
    """Read what `to_mapping` wrote. Raises KeyError or TypeError when it is something else."""
    fields = dict(mapping)
    kind = _KINDS[fields.pop("event")]
    if kind is Result:
        return Result(fields)
    # JSON has no tuples.
    event: Event = kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
    return event


class Step:
    """A running step, as the work inside it sees it."""

    def __init__(self, name: str, emit: Emit) -> None:
        """Start with nothing to say."""
        self.name = name
        self.detail = ""
        self._emit = emit

    def progress(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        """Say where the work stands."""
        self._emit(StepProgress(self.name, detail, done, total))


@contextmanager
def step(emit: Emit, name: str) -> Iterator[Step]:
    """Frame work as one step: started, then finished with the `detail` set inside, or failed, or stopped."""
    began = time.monotonic()
    running = Step(name, emit)
    emit(StepStarted(name))
    try:
        yield running
    except AutomationError as error:
        emit(StepFailed(name, time.monotonic() - began, error.what, error.why, error.details, error.remedies))
        error.shown = True
        raise
    except BaseException:
        emit(StepStopped(name, time.monotonic() - began))
        raise
    emit(StepFinished(name, running.detail, time.monotonic() - began))
