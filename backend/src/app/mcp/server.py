"""An MCP server with the tools for tasks, bound to one user.

The server binds the user from the session. No tool has an argument that identifies a user, and unknown
arguments are rejected, so a model cannot reach another user's tasks. Import this module lazily: the MCP
library takes a second to load.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, partial
from types import MethodType
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.mcp.arguments import (
    Description,
    Due,
    RemindAt,
    Repeats,
    Tags,
    TaskId,
    TaskResult,
    TasksResult,
    Title,
    UndoResult,
)
from app.tasks import journal, service
from app.tasks.idempotency import Once
from app.tasks.models import TAG_LENGTH, Priority
from app.tasks.queries import Overdue
from app.tasks.reminding import MinutesBefore
from app.tasks.schemas import TaskCreate, TaskOut, TaskQuery, TaskUpdate

LIST_LIMIT = 100
CALL_ID = "todo/callId"
"""The member of a request's `_meta` that identifies a call, so that a repeated call runs only once."""
DATABASE_UNAVAILABLE = -32050
"""The error code of a call that may or may not have taken effect."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that its client may repeat."""

    id: str
    name: str
    arguments: dict[str, Any]


_CALL: ContextVar[_Call | None] = ContextVar("call", default=None)


class _Server(MCPServer[Any]):
    """An MCP server with readable error messages."""

    read_only = False

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        if self.read_only and name in _TOOLS and not _TOOLS[name][1].read_only_hint:
            raise ToolError(
                "read_only_token: the access token can only read. A change needs one that can write."
            )
        meta = context.request_context.meta if context is not None else None
        call_id = meta.get(CALL_ID) if meta else None
        call = _CALL.set(_Call(call_id, name, arguments) if isinstance(call_id, str) else None)
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                raise ToolError(_sentence(cause)) from None
            if isinstance(cause, ToolError):
                raise ToolError(str(cause)) from None
            if isinstance(cause, journal.NothingToUndoError | journal.CannotUndoError):
                raise ToolError(str(cause)) from None
            if isinstance(cause, service.TaskNotFoundError):
                raise ToolError("There is no task with this id; list_tasks returns the ids.") from None
            if isinstance(cause, SQLAlchemyError | TimeoutError):
                message = "The tasks cannot be reached at the moment."
                raise MCPError(DATABASE_UNAVAILABLE, message) from cause
            raise
        finally:
            _CALL.reset(call)


def _sentence(error: ValidationError) -> str:
    """Describe an invalid argument without its value, which may be large or hostile."""
    problems = []
    for item in error.errors(include_url=False, include_input=False)[:5]:
        name = ".".join(str(part) for part in item["loc"] if part != "body")
        problems.append(f"{name}: {item['msg'].removeprefix('Value error, ')}".removeprefix(": "))
    return "; ".join(problems)


def _closed(tool: Tool) -> Tool:
    """Return the tool with a schema that rejects unknown arguments.

    They would be ignored otherwise, and a misspelt `due` would have no effect.
    """
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def parse_due(text: str, time_zone: tzinfo) -> tuple[datetime, bool]:
    """Convert a date or time on the user's clock to an instant, and return whether it is a whole day.

    A time that the clock skips moves forward by the skipped duration. For a time that occurs twice, the
    first occurrence counts.

    Raises:
        ToolError: when the format is invalid.
    """
    try:
        # `date.fromisoformat` also accepts week dates, and `datetime.fromisoformat` dates without a time.
        all_day = len(text) == len("2026-12-24")
        wall = datetime.combine(date.fromisoformat(text), time()) if all_day else datetime.fromisoformat(text)
        return (wall if wall.tzinfo else wall.replace(tzinfo=time_zone)).astimezone(UTC), all_day
    except (ValueError, OverflowError):
        raise ToolError("due: must have the form YYYY-MM-DD or YYYY-MM-DDTHH:MM") from None


def _end_of(text: str, time_zone: tzinfo) -> datetime:
    """Return the first instant after a day or a minute."""
    instant, all_day = parse_due(text, time_zone)
    try:
        if not all_day:
            return instant + timedelta(minutes=1)
        following = date.fromisoformat(text) + timedelta(days=1)
    except OverflowError:
        raise ToolError("due: must lie between the years 1900 and 9998") from None
    return parse_due(following.isoformat(), time_zone)[0]


@dataclass(frozen=True, slots=True)
class Person:
    """The user of the tools, with their clock and the reply that calls the tools.

    With `read_only`, tools that change something are neither listed nor run.
    """

    database: Database
    user_id: str
    time_zone: tzinfo
    now: Callable[[], datetime]
    reply_id: str | None = None
    read_only: bool = False


async def _changed(person: Person, change: Callable[..., Awaitable[TaskOut]]) -> TaskResult:
    """Make a change, or return the stored result of the same call."""
    call = _CALL.get()
    once = None
    if call is not None and person.reply_id is not None:
        key = f"reply {person.reply_id} {call.id}"
        once = Once(key, {"tool": call.name, "arguments": call.arguments})
    task = await change(once=once)
    step = None
    if person.reply_id is not None:
        step = await journal.join_step(person.database, person.user_id, task.id, f"reply {person.reply_id}")
    return TaskResult(task=task, step=step)


async def add_task(
    person: Person,
    title: Title,
    description: Description = "",
    priority: Literal["high", "medium", "low"] = "medium",
    tags: Tags | None = None,
    due: Due | None = None,
    recurrence: Repeats | None = None,
    remind_at: RemindAt | None = None,
    remind_before: MinutesBefore | None = None,
) -> TaskResult:
    """Add a task. Use it whenever the user needs to do or remember something new."""
    due_at, all_day = parse_due(due, person.time_zone) if due else (None, False)
    new = TaskCreate.model_validate(
        {
            "title": title,
            "description": description,
            "priority": priority,
            "tags": tags or [],
            "due_at": due_at,
            "all_day": all_day,
            "recurrence": recurrence,
            "time_zone": str(person.time_zone) if recurrence else None,
            "remind_at": parse_due(remind_at, person.time_zone)[0] if remind_at else None,
            "remind_before": remind_before,
        }
    )
    return await _changed(person, partial(service.create_task, person.database, person.user_id, new))


async def list_tasks(
    person: Person,
    status: Annotated[
        Literal["open", "completed", "all"], Field(description="open: still to be done.")
    ] = "open",
    query: Annotated[
        str | None,
        Field(max_length=200, description="Words that the title, description or tags contain."),
    ] = None,
    priority: Literal["high", "medium", "low"] | None = None,
    tag: Annotated[str | None, Field(max_length=TAG_LENGTH)] = None,
    due_from: Annotated[Due | None, Field(description="The first day or time, itself included.")] = None,
    due_until: Annotated[Due | None, Field(description="The last day or time, itself included.")] = None,
    overdue: Annotated[bool, Field(description="Only tasks whose due date has passed.")] = False,
    undated: Annotated[bool, Field(description="Only tasks without a due date.")] = False,
    completed_from: Annotated[Due | None, Field(description="The first day of completion.")] = None,
    completed_until: Annotated[Due | None, Field(description="The last day of completion.")] = None,
    sort: Annotated[
        Literal["created", "due", "priority", "title"],
        Field(description="created: newest first; due: earliest first; priority: highest first."),
    ] = "due",
    limit: Annotated[int, Field(ge=1, le=LIST_LIMIT)] = 50,
) -> TasksResult:
    """List or search tasks. Call it first to find the id of a task to change."""
    task_query = TaskQuery.model_validate(
        {
            "status": status,
            "q": query or "",
            "priority": priority,
            "tag": tag or None,
            "due_after": parse_due(due_from, person.time_zone)[0] if due_from else None,
            "due_before": _end_of(due_until, person.time_zone) if due_until else None,
            "undated": undated,
            "completed_after": parse_due(completed_from, person.time_zone)[0] if completed_from else None,
            "completed_before": _end_of(completed_until, person.time_zone) if completed_until else None,
            "sort": sort,
            "limit": limit,
        }
    )
    present = person.now()
    midnight = present.astimezone(person.time_zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    passed = Overdue(now=present, today=midnight.astimezone(UTC)) if overdue else None
    found, total = await service.find_tasks(person.database, person.user_id, task_query, overdue=passed)
    return TasksResult(tasks=found, total=total)


async def complete_task(
    person: Person,
    id: TaskId,  # noqa: A002 - the name on the wire
    completed: Annotated[bool, Field(description="false marks a task as not done again.")] = True,
) -> TaskResult:
    """Mark a task as done or not done."""
    change = partial(
        service.set_completed, person.database, person.user_id, id, completed=completed, now=person.now()
    )
    return await _changed(person, change)


async def delete_task(person: Person, id: TaskId) -> TaskResult:  # noqa: A002 - the name on the wire
    """Delete a task permanently. To mark it as done, use complete_task instead."""
    return await _changed(person, partial(service.delete_task, person.database, person.user_id, id))


async def update_task(
    person: Person,
    id: TaskId,  # noqa: A002 - the name on the wire
    title: Title | None = None,
    description: Description | None = None,
    priority: Literal["high", "medium", "low"] | None = None,
    tags: Annotated[Tags | None, Field(description="All tags after the change; [] removes them.")] = None,
    due: Due | None = None,
    clear_due: Annotated[bool, Field(description="true removes the due date.")] = False,
    recurrence: Annotated[Repeats | None, Field(description="NONE stops the repetition.")] = None,
    remind_at: RemindAt | None = None,
    remind_before: MinutesBefore | None = None,
    clear_reminder: Annotated[bool, Field(description="true removes the reminder.")] = False,
) -> TaskResult:
    """Update a task. Fields that are omitted or null remain unchanged."""
    given: dict[str, Any] = {
        "title": title,
        "description": description,
        "priority": Priority(priority) if priority else None,
        "tags": tags,
        "remind_at": parse_due(remind_at, person.time_zone)[0] if remind_at else None,
        "remind_before": remind_before,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if due:
        changes["due_at"], changes["all_day"] = parse_due(due, person.time_zone)
    elif clear_due:
        changes["due_at"] = None
    if recurrence == "NONE":
        changes["recurrence"] = None
    elif recurrence:
        changes |= {"recurrence": recurrence, "time_zone": str(person.time_zone)}
    if clear_reminder:
        changes |= {"remind_at": None, "remind_before": None}
    if not changes:
        raise ToolError("No field to change was given.")
    update = TaskUpdate.model_validate(changes)
    return await _changed(person, partial(service.update_task, person.database, person.user_id, id, update))


async def undo(
    person: Person,
    step: Annotated[
        str | None,
        Field(max_length=200, description="The step of an earlier result. Omit it for the last change."),
    ] = None,
) -> UndoResult:
    """Undo the user's last change of tasks: an addition, a deletion, a completion or an update."""
    call = _CALL.get()
    key = f"reply {person.reply_id} {call.id}" if call is not None and person.reply_id else None
    request = journal.UndoRequest(step=step)
    undone = await journal.undo(person.database, person.user_id, request, key=key)
    return UndoResult(step=undone.step, changes=undone.changes)


_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(destructive_hint=False, open_world_hint=False)
_SETS = ToolAnnotations(destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_REMOVES = ToolAnnotations(destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_TOOLS: dict[str, tuple[Callable[..., Any], ToolAnnotations]] = {
    "add_task": (add_task, _ADDS),
    "list_tasks": (list_tasks, _READS),
    "complete_task": (complete_task, _SETS),
    "delete_task": (delete_task, _REMOVES),
    "update_task": (update_task, _SETS),
    "undo": (undo, _REMOVES),
}


@cache
def _descriptions() -> tuple[Tool, ...]:
    """Return the unbound tools. Their schemas are the same for every user and take 20 ms to create."""
    nobody = object()
    return tuple(
        _closed(Tool.from_function(MethodType(function, nobody), annotations=annotations))
        for function, annotations in _TOOLS.values()
    )


def task_server(person: Person) -> MCPServer[Any]:
    """Return the tools of one user. The user is bound here and is not part of any schema."""
    tools = [
        tool.model_copy(update={"fn": MethodType(_TOOLS[tool.name][0], person)})
        for tool in _descriptions()
        if _TOOLS[tool.name][1].read_only_hint or not person.read_only
    ]
    instructions = f"The tasks of the user. Dates are on the user's clock: {person.time_zone}."
    server = _Server(
        "todo-tasks", instructions=instructions, tools=tools, log_level="WARNING", subscriptions=False
    )
    server.read_only = person.read_only
    return server
