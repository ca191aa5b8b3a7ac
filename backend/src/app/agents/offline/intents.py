"""What a person may want: one class for each kind of wish, and what it needs to be carried out."""

from dataclasses import dataclass
from typing import Literal

from app.agents.offline.dates import When, Window

Priority = Literal["high", "medium", "low"]
DESCRIPTION_LIMIT = 1000
TITLE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """How a person points at tasks: by position in the last list, by "it", by name, or all of a kind."""

    positions: tuple[int, ...] = ()
    first: int | None = None
    it: bool = False
    name: str | None = None
    everything: Literal["all", "open", "completed"] | None = None
    tag: str | None = None

    def __bool__(self) -> bool:
        return bool(self.positions or self.first or self.it or self.name or self.everything)


@dataclass(frozen=True, slots=True)
class NewTask:
    """One task to add."""

    title: str
    description: str = ""
    priority: Priority | None = None
    tags: tuple[str, ...] = ()
    due: When | None = None


@dataclass(frozen=True, slots=True)
class Add:
    """Add these tasks; `left` more were named than one message may add."""

    tasks: tuple[NewTask, ...]
    left: int = 0


@dataclass(frozen=True, slots=True)
class ListTasks:
    """Show tasks that match."""

    status: Literal["open", "completed", "all"] = "open"
    priority: Priority | None = None
    tag: str | None = None
    query: str | None = None
    window: Window | None = None
    overdue: bool = False
    count_only: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """Mark as done."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Reopen:
    """Mark as not done."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Update:
    """Change what is not None. `delay` moves the due date that the task has by (count, unit)."""

    target: Reference
    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    due: When | None = None
    clear_due: bool = False
    delay: tuple[int, str] | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choose:
    """An answer to "which one?", or a position said alone."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Confirm:
    """Yes or no."""

    yes: bool


@dataclass(frozen=True, slots=True)
class Small:
    """Talk that asks for nothing."""

    kind: Literal["greeting", "thanks", "help"]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A verb without its object, such as "add" alone."""

    verb: Literal["add", "complete", "reopen", "delete", "update"]


@dataclass(frozen=True, slots=True)
class TooLong:
    """A sentence that is longer than any command."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Nothing that the grammar knows."""

    text: str


Intent = (
    Add
    | ListTasks
    | Complete
    | Reopen
    | Delete
    | Update
    | Choose
    | Confirm
    | Small
    | Incomplete
    | TooLong
    | NotUnderstood
)
