"""Request and response bodies of tasks."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from app.instants import Instant
from app.tasks.models import (
    DESCRIPTION_LENGTH,
    TAG_LENGTH,
    TAGS_PER_TASK,
    TITLE_LENGTH,
    Priority,
    Status,
    Task,
)
from app.tasks.recurring import Recurrence, Zone
from app.tasks.reminding import MinutesBefore
from app.text import any_text, lines, one_line, refuse_controls, some_text

_FIRST_YEAR, _LAST_YEAR = 1900, 9998
"""Every instant in this range exists in every time zone."""


def _tag(text: str) -> str:
    """Normalise a tag: the characters that may follow a `#`, in lower case."""
    tag = "-".join(unicodedata.normalize("NFC", text).lower().lstrip("#").split())
    if not tag:
        raise ValueError("a tag needs at least one character")
    if len(tag) > TAG_LENGTH:
        raise ValueError(f"a tag has at most {TAG_LENGTH} characters")
    return tag


def _distinct(tags: list[str]) -> list[str]:
    distinct = list(dict.fromkeys(tags))
    if len(distinct) > TAGS_PER_TASK:
        raise ValueError(f"a task has at most {TAGS_PER_TASK} tags")
    return distinct


def _iso_only(value: object) -> object:
    # A text of digits alone would be read as seconds since 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[Tt ]", value)):
        return value
    raise ValueError("must be an ISO 8601 date and time such as 2026-12-24T17:00:00Z")


def _utc_in_range(value: datetime) -> datetime:
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        instant = value.replace(year=1)
    # In UTC, in which it is returned and may be sent again.
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise ValueError(f"must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return instant


# The constraints come first, so that they belong to the type; the validators after them run before or after
# it.
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TITLE_LENGTH),
    BeforeValidator(one_line),
    some_text(),
]
Description = Annotated[
    str, StringConstraints(max_length=DESCRIPTION_LENGTH), BeforeValidator(lines), any_text()
]
Tag = Annotated[
    str,
    StringConstraints(max_length=TAG_LENGTH),
    BeforeValidator(refuse_controls),
    AfterValidator(_tag),
    some_text(but="#"),
]
Tags = Annotated[list[Tag], Field(max_length=200), AfterValidator(_distinct)]
Due = Annotated[AwareDatetime, BeforeValidator(_iso_only), AfterValidator(_utc_in_range)]


class TaskCreate(BaseModel):
    """A task to create."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    description: Description = ""
    priority: Priority = Priority.MEDIUM
    tags: Tags = []
    due_at: Due | None = None
    all_day: StrictBool = False
    recurrence: Recurrence | None = None
    time_zone: Zone | None = None
    remind_at: Due | None = None
    remind_before: MinutesBefore | None = None


class TaskUpdate(BaseModel):
    """The changes to a task. Omitted fields remain unchanged; `due_at: null` removes the due date."""

    model_config = ConfigDict(extra="forbid")

    # The defaults only allow fields to be omitted without allowing null. They are never used.
    title: Title = ""
    description: Description = ""
    priority: Priority = Priority.MEDIUM
    tags: Tags = []
    due_at: Due | None = None
    all_day: StrictBool = False
    recurrence: Recurrence | None = None
    time_zone: Zone | None = None
    remind_at: Due | None = None
    remind_before: MinutesBefore | None = None


class TaskOut(BaseModel):
    """A task."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    description: str
    priority: Priority
    tags: list[str]
    due_at: Instant | None
    all_day: bool
    recurrence: str | None
    time_zone: str | None
    # Outcomes that an earlier version stored have none.
    remind_at: Instant | None = None
    remind_before: int | None = None
    position: int = Field(default=0, description="The place in the order by hand; see `sort=hand`.")
    status: Status
    created_at: Instant
    updated_at: Instant
    completed_at: Instant | None

    @classmethod
    def of(cls, task: Task) -> "TaskOut":
        """Return the response body of a stored task."""
        return cls.model_validate(task)


class TaskMove(BaseModel):
    """The new place of a task in the order by hand: before another task, or last with null."""

    model_config = ConfigDict(extra="forbid")

    before: Annotated[str, StringConstraints(max_length=64), Field(pattern=r"^[^\x00]*$")] | None


class TaskPage(BaseModel):
    """A page of tasks; `next_cursor` is null on the last page."""

    items: list[TaskOut]
    next_cursor: str | None


class TaskQuery(BaseModel):
    """The filters and the order of a list of tasks.

    Without `order`, each sort has its natural direction: newest, most urgent, earliest due or last completed
    first.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "completed", "all"] = "all"
    priority: Priority | None = None
    tag: Tag | None = None
    q: Annotated[
        str,
        StringConstraints(max_length=TITLE_LENGTH),
        BeforeValidator(one_line),
        any_text(),
    ] = ""
    due_after: Due | None = None
    due_before: Due | None = None
    undated: bool = False
    completed_after: Due | None = None
    completed_before: Due | None = None
    reminds_after: Due | None = None
    reminds_before: Due | None = None
    sort: Literal["created", "due", "priority", "title", "completed", "hand"] = "created"
    order: Literal["asc", "desc"] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 100
    cursor: Annotated[str, StringConstraints(max_length=2000)] | None = None
