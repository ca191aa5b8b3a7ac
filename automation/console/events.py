"""The events that a task reports while it runs, as data; a console shows them.

Work takes an `Emit` and never prints. The events of a background run cross a file as JSON lines, so each
event can be written to and read from a plain mapping.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

from automation.console.errors import AutomationError


@dataclass(frozen=True)
class StepStarted:
    """A named piece of work begins."""

    step: str


@dataclass(frozen=True)
class StepProgress:
    """The state of a running step; `done` of `total` if it can be counted."""

    step: str
    detail: str
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class StepFinished:
    """A step is complete."""

    step: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class StepFailed:
    """A step failed with an `AutomationError`."""

    step: str
    seconds: float
    what: str
    why: str = ""
    details: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepStopped:
    """A step was given up because of an interruption or another step's failure."""

    step: str
    seconds: float


@dataclass(frozen=True)
class Line:
    """One line of a service's output."""

    source: str
    text: str


@dataclass(frozen=True)
class Notice:
    """Lines for a person to read."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """The lines of a unified diff."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """The whole task failed, outside any step."""

    what: str
    why: str = ""
    details: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """The data of the task, for a program; a person reads the notices instead."""

    data: Mapping[str, Any] = field(default_factory=dict)


Steps = StepStarted | StepProgress | StepFinished | StepFailed | StepStopped
Event = Steps | Line | Notice | Difference | Failed | Result
Emit = Callable[[Event], None]

_KINDS: Mapping[str, type[Any]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower(): kind for kind in get_args(Event)
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_TASK = re.compile(r"\binvoke (?=[a-z-])")


def to_mapping(event: Event) -> dict[str, Any]:
    """Return the event as plain data; a result's fields stand beside its name."""
    fields = event.data if isinstance(event, Result) else asdict(event)
    return {"event": _NAMES[type(event)], **fields}


def from_mapping(mapping: Mapping[str, Any]) -> Event:
    """Read what `to_mapping` wrote. Raises KeyError or TypeError for anything else."""
    fields = dict(mapping)
    kind = _KINDS[fields.pop("event")]
    # JSON has no tuples.
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    event: Event = Result(fields) if kind is Result else kind(**given)
    return event


def as_typed(event: Event, command: str) -> Event:
    """Return the event with the commands in it as the person types them: `./dev up` for `invoke up`."""

    def typed(*lines: str) -> tuple[str, ...]:
        return tuple(_TASK.sub(f"{command} ", line) for line in lines)

    match event:
        case Notice(lines):
            return Notice(typed(*lines))
        case StepFailed(why=why, remedies=remedies) | Failed(why=why, remedies=remedies):
            return replace(event, why=typed(why)[0], remedies=typed(*remedies))
        case _:
            return event


@dataclass
class Step:
    """A running step, as the work inside it sees it."""

    name: str
    emit: Emit
    detail: str = ""
    """Shown when the step is complete."""

    def progress(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        """Report the state of the work."""
        self.emit(StepProgress(self.name, detail, done, total))


@contextmanager
def step(emit: Emit, name: str) -> Iterator[Step]:
    """Report the work inside as one step: started, then finished, failed or stopped."""
    began = time.monotonic()
    running = Step(name, emit)
    emit(StepStarted(name))
    try:
        yield running
    except AutomationError as error:
        emit(StepFailed(name, time.monotonic() - began, *error.parts))
        error.shown = True
        raise
    except BaseException:
        emit(StepStopped(name, time.monotonic() - began))
        raise
    emit(StepFinished(name, running.detail, time.monotonic() - began))
