"""The arguments and results of the tools for tasks, as models and other programs see them."""

from typing import Annotated

from pydantic import BaseModel, Field

from app.tasks import journal
from app.tasks.models import (
    DESCRIPTION_LENGTH,
    RECURRENCE_LENGTH,
    TAG_LENGTH,
    TAGS_PER_TASK,
    TITLE_LENGTH,
)
from app.tasks.schemas import TaskOut

Title = Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH, description="The task in a few words.")]
Description = Annotated[str, Field(max_length=DESCRIPTION_LENGTH, description="Optional details.")]
Due = Annotated[
    str,
    Field(
        max_length=40,
        description="When it is due, on the person's own clock: YYYY-MM-DD for a whole day, "
        "YYYY-MM-DDTHH:MM for a time. No offset is needed.",
    ),
]
RemindAt = Annotated[
    str, Field(max_length=40, description="When to remind, on the person's own clock: YYYY-MM-DDTHH:MM.")
]
Tags = Annotated[
    list[Annotated[str, Field(max_length=TAG_LENGTH)]],
    Field(max_length=TAGS_PER_TASK, description="Labels without #, such as home."),
]
Repeats = Annotated[
    str,
    Field(
        max_length=RECURRENCE_LENGTH,
        description="How it repeats: a rule of RFC 5545 such as FREQ=WEEKLY;BYDAY=MO. It needs a due date.",
    ),
]
TaskId = Annotated[str, Field(max_length=64, description="The id of a task, as list_tasks returns it.")]


class TaskResult(BaseModel):
    """The task after the change; for delete_task, the deleted task. `step` undoes the change."""

    task: TaskOut
    step: str | None = None


class UndoResult(journal.Undone):
    """The step that was undone, and what it had changed."""


class TasksResult(BaseModel):
    """The matching tasks, and their total number."""

    tasks: list[TaskOut]
    total: int
