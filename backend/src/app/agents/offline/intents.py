"""The intents of the offline agent, with their parameters."""

from dataclasses import dataclass
from typing import Literal

from app.language.dates import When
from app.language.details import NewTask, Priority
from app.language.windows import Window

DESCRIPTION_LIMIT = 1000
TITLE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to tasks: a position in the last list, "it", a name, or all tasks of a kind."""

    positions: tuple[int, ...] = ()
    first: int | None = None
    it: bool = False
    name: str | None = None
    everything: Literal["all", "open", "completed", "overdue"] | None = None
    tag: str | None = None
    query: str | None = None
    kind: str | None = None
    """All tasks of a kind, as the sentence says it: "due today", "high priority"."""

    def __bool__(self) -> bool:
        return bool(self.positions or self.first or self.it or self.name or self.everything)


@dataclass(frozen=True, slots=True)
class Add:
    """Add tasks. `left` tasks exceed the limit of one message."""

    tasks: tuple[NewTask, ...]
    left: int = 0


@dataclass(frozen=True, slots=True)
class ListTasks:
    """List matching tasks."""

    status: Literal["open", "completed", "all"] = "open"
    priority: Priority | None = None
    tag: str | None = None
    query: str | None = None
    window: Window | None = None
    """The days on which they are due; for completed tasks, on which they were completed."""
    overdue: bool = False
    undated: bool = False
    count_only: bool = False


@dataclass(frozen=True, slots=True)
class Statistics:
    """Count the tasks."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask about the state or the date of one task."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Complete:
    """Mark tasks as done. `is_implied` when the sentence only says what was done ("I bought milk")."""

    target: Reference
    is_implied: bool = False


@dataclass(frozen=True, slots=True)
class Reopen:
    """Mark tasks as not done."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete tasks. `is_sure` is false when the sentence only suggests it."""

    target: Reference
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """Undo the last change or, with `just_made`, the changes of the last reply, if there are any."""

    just_made: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Change a task, without a word about what to change."""

    target: Reference
    field: str = ""


@dataclass(frozen=True, slots=True)
class Reminder:
    """When to remind of a task: minutes before it is due, a time, or both ("the day before at 18:00")."""

    minutes: int | None = None
    at: When | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Change the fields that are not None. `delay` moves the existing due date by (count, unit)."""

    target: Reference
    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    due: When | None = None
    clear_due: bool = False
    delay: tuple[int, str] | None = None
    clear_recurrence: bool = False
    otherwise: tuple[NewTask, ...] = ()
    """Task to add if there is no such task."""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    reminder: Reminder | None = None
    clear_reminder: bool = False


@dataclass(frozen=True, slots=True)
class Choose:
    """Select tasks in answer to "which one?", or by a position alone."""

    target: Reference


@dataclass(frozen=True, slots=True)
class Confirm:
    """Answer yes or no."""

    yes: bool


@dataclass(frozen=True, slots=True)
class Small:
    """Small talk."""

    kind: Literal["greeting", "thanks", "help", "nothing"]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A verb without its object, such as "add" alone."""

    verb: Literal["add", "complete", "reopen", "delete", "update"]


@dataclass(frozen=True, slots=True)
class TooLong:
    """A sentence above the length limit."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A sentence that the grammar does not recognise, and the part of it that is to blame."""

    text: str
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Several:
    """Commands in one sentence, in order."""

    intents: "tuple[Intent, ...]"


Intent = (
    Add
    | ListTasks
    | Statistics
    | Ask
    | Complete
    | Reopen
    | Delete
    | Update
    | Edit
    | Undo
    | Several
    | Choose
    | Confirm
    | Small
    | Incomplete
    | TooLong
    | NotUnderstood
)
