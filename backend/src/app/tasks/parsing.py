"""The endpoint that reads a task from a sentence, with the grammar of the chat."""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from app.accounts.dependencies import ReaderId
from app.database import utc_now
from app.instants import Instant
from app.language.days import ImpossibleDateError
from app.tasks.models import Priority
from app.tasks.recurring import Zone

if TYPE_CHECKING:
    from app.language.details import Field as FieldName
    from app.language.details import NewTask

router = APIRouter(prefix="/api/tasks", tags=["tasks"])
_EXAMPLE: JsonDict = {
    "text": "pay rent every month on the 1st at 9am #home !high",
    "time_zone": "Europe/Berlin",
}


class ParseRequest(BaseModel):
    """A task as typed, and the time zone for its dates."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    text: Annotated[str, StringConstraints(max_length=500), Field(pattern=r"^[^\x00]*$")]
    time_zone: Zone | None = Field(
        default=None, description="Defaults to that of your preferences, otherwise UTC."
    )


class ParsedSpan(BaseModel):
    """Place of a field in the text, from `start` to before `end`.

    `start` and `end` count code points, as Python does; `utf16_start` and `utf16_end` count UTF-16 code
    units, the positions of JavaScript's strings.
    """

    field: Literal["priority", "tag", "due", "description", "reminder"]
    start: int
    end: int
    utf16_start: int
    utf16_end: int


class ParsedTask(BaseModel):
    """The fields of a task. The words of no field are the title.

    `notes` say what was left out or decided. `problem` says that a date does not exist; then the whole text
    is the title.
    """

    title: str
    description: str = ""
    priority: Priority = Priority.MEDIUM
    tags: list[str] = []
    due_at: Instant | None = None
    all_day: bool = False
    recurrence: str | None = None
    remind_at: Instant | None = None
    remind_before: int | None = None
    spans: list[ParsedSpan] = []
    notes: list[str] = []
    problem: str | None = None


@router.post("/parse")
async def parse_task(user_id: ReaderId, http: Request, request: ParseRequest) -> ParsedTask:
    """Read the fields of a task from a sentence. Nothing is stored.

    The same grammar reads messages in the chat.
    """
    zone = await http.app.state.zone_of(user_id, request.time_zone)
    # The grammar takes a fifth of the server's start, and no other request waits for its import.
    grammar = await asyncio.to_thread(import_module, "app.language.details")
    try:
        task: NewTask | None = grammar.read_task(request.text, utc_now().astimezone(zone))
    except ImpossibleDateError as error:
        return ParsedTask(title=request.text.strip(), problem=str(error))
    if task is None:
        return ParsedTask(title="")
    due, reminder = task.due, task.reminder
    return ParsedTask(
        title=task.title,
        description=task.description,
        priority=Priority(task.priority or Priority.MEDIUM),
        tags=list(task.tags),
        due_at=due.instant_in(zone) if due else None,
        all_day=due is not None and due.at is None,
        recurrence=due.recurrence if due else None,
        remind_at=None if isinstance(reminder, int | None) else reminder.instant_in(zone),
        remind_before=reminder if isinstance(reminder, int) else None,
        spans=[_placed(request.text, span.field, span.start, span.end) for span in task.spans],
        notes=list(task.notes),
    )


def _placed(text: str, field: "FieldName", start: int, end: int) -> ParsedSpan:
    utf16_start, utf16_end = (
        len(text[:place].encode("utf-16-le", "surrogatepass")) // 2 for place in (start, end)
    )
    return ParsedSpan(field=field, start=start, end=end, utf16_start=utf16_start, utf16_end=utf16_end)
