"""Changes of many tasks in one transaction, which is one step to undo."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import delete, func, select, update

from app.database import Call, Database, Row, new_id, utc_now
from app.errors import RefusalError, TooManyChangesError
from app.ratelimits import Limit
from app.tasks import service
from app.tasks.endpoints import ChangingCallerDep
from app.tasks.journal import Change
from app.tasks.models import TAGS_PER_TASK, Priority, Task
from app.tasks.queries import INSERT, MANY
from app.tasks.recurring import Zone
from app.tasks.schemas import Tags, TaskOut

router = APIRouter(prefix="/api/tasks", tags=["tasks"])

TASKS_AT_ONCE = 500
_LONGEST_SECONDS = 20
_BULK_CHANGES = Limit(calls=30, window_s=60)
_FIRST_DAY, _LAST_DAY = date(1900, 1, 2), date(9998, 12, 30)

Id = Annotated[str, StringConstraints(min_length=1, max_length=64), Field(pattern=r"^[^\x00]*$")]


class BulkChanges(BaseModel):
    """The changes to each task. Omitted fields remain unchanged.

    `due_on` moves a task to a day and keeps its time of day, but for a time that has passed on that day: then
    it is due on the whole day. Null removes the due date.
    """

    model_config = ConfigDict(extra="forbid")

    # The default only allows the field to be omitted without allowing null. It is never used.
    priority: Priority = Priority.MEDIUM
    due_on: Annotated[date, Field(ge=_FIRST_DAY, le=_LAST_DAY)] | None = None
    add_tags: Tags = []
    remove_tags: Tags = []


class BulkRequest(BaseModel):
    """What to do with the tasks. Only `update` has `changes`; days are in `time_zone`, by default that of
    your preferences."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"ids": ["8fJ…"], "action": "complete"},
                {"ids": ["8fJ…"], "action": "update", "changes": {"due_on": "2026-12-24"}},
            ]
        },
    )

    ids: Annotated[list[Id], Field(min_length=1, max_length=TASKS_AT_ONCE)]
    action: Literal["complete", "reopen", "delete", "update"]
    changes: BulkChanges | None = None
    time_zone: Zone | None = None

    @model_validator(mode="after")
    def _changes_belong_to_an_update(self) -> Self:
        if (self.action == "update") != bool(self.changes and self.changes.model_fields_set):
            raise ValueError("changes: are required for the action update, and not allowed for others")
        return self


class BulkOut(BaseModel):
    """The tasks after the change; deleted tasks as they were. `step` undoes it; null if nothing changed."""

    step: str | None
    tasks: list[TaskOut]


class TasksNotFoundError(service.TaskNotFoundError):
    """Some of the tasks do not exist."""

    title = "Tasks not found"
    code = "tasks_not_found"


class TooManyTagsError(RefusalError):
    """A task would have too many tags."""

    status = 422
    title = "Too many tags"
    code = "too_many_tags"


@router.post("/bulk")
async def change_tasks(caller: ChangingCallerDep, request: Request, wanted: BulkRequest) -> BulkOut:
    """Complete, reopen, delete or update up to 500 tasks, as one step that `POST /api/undo` undoes.

    All of them change or none: if you have no task with one of the ids, the response is 404, and `missing`
    names these ids.
    """
    seconds = await request.app.state.rate_limiter.retry_after(f"bulk {caller.user_id}", _BULK_CHANGES)
    if seconds is not None:
        raise TooManyChangesError(retry_after_seconds=seconds)
    zone = await request.app.state.zone_of(caller.user_id, wanted.time_zone)
    return await change_many(caller.database, caller.user_id, wanted, zone)


async def change_many(database: Database, user_id: str, wanted: BulkRequest, zone: ZoneInfo) -> BulkOut:
    """Change the tasks in one transaction.

    Raises:
        TasksNotFoundError: when the user has no task with one of the ids; then nothing changes.
        TooManyTagsError: when a task would have too many tags; then nothing changes.
    """
    ids = list(dict.fromkeys(wanted.ids))
    async with database.transaction(limit_seconds=_LONGEST_SECONDS) as session:
        connection = await session.connection()
        # In one order, so that two of these changes wait for each other instead of failing.
        mine = MANY.order_by(Task.id).with_for_update(of=Task)
        found = (await connection.execute(mine, {"user_id": user_id, "ids": ids})).mappings()
        rows = {row["id"]: dict(row) for row in found}
        if missing := [task_id for task_id in ids if task_id not in rows]:
            detail = f"{len(missing)} of {len(ids)} tasks do not exist, and nothing was changed."
            raise TasksNotFoundError(detail, fields={"missing": missing})
        newest = await session.scalar(select(func.max(Change.id)).where(Change.user_id == user_id))
        at = max(utc_now(), *(row["updated_at"] + timedelta(microseconds=1) for row in rows.values()))
        tasks, touched = [], set()
        for task_id in ids:
            row, calls = _changed(user_id, rows[task_id], wanted, zone, at)
            tasks.append(service.task_of(row))
            for call in calls:
                touched |= {task_id, *_created(call)}
                await connection.execute(*_core(call))
        if wanted.action == "delete":
            touched = {*ids}
            await session.execute(delete(Task).where(Task.user_id == user_id, Task.id.in_(ids)))
        if not touched:
            return BulkOut(step=None, tasks=tasks)
        # The triggers have given each deleted task a step of its own.
        step = new_id()
        own = (Change.user_id == user_id, Change.id > (newest or 0), Change.task_id.in_(touched))
        joined = update(Change).where(*own).values(step=step)
        await session.execute(joined.execution_options(synchronize_session=False))
        return BulkOut(step=step, tasks=tasks)


def _core(call: Call) -> tuple[Any, Any]:
    """Return a call as SQLAlchemy executes it, which has its own names for the parameters of an UPDATE."""
    given: Any = call.parameters
    if "seen" not in given:
        return call.statement.core, given
    values = {name.removeprefix("new_"): given[name] for name in given if name.startswith("new_")}
    return update(Task).where(Task.user_id == given["user_id"], Task.id == given["id"]), values


def _created(call: Call) -> list[str]:
    """Return the id of the task that a call creates, the next one of a repeating task."""
    given: Any = call.parameters
    return [given["id"]] if call.statement is INSERT else []


def _changed(
    user_id: str, row: Row, wanted: BulkRequest, zone: ZoneInfo, at: datetime
) -> tuple[Row, list[Call]]:
    """Return a task after the change, and the calls that make it."""
    if wanted.action in ("complete", "reopen"):
        return service.marked(user_id, row, wanted.action == "complete", at)
    given: Row = {}
    if wanted.changes is not None:
        changes = wanted.changes.model_dump(exclude_unset=True)
        if "priority" in changes:
            given["priority"] = changes["priority"]
        if "due_on" in changes:
            given |= moved_to(row, changes["due_on"], zone, at)
        removed = set(changes.get("remove_tags", ()))
        kept = [tag for tag in row["tags"] if tag not in removed]
        given["tags"] = list(dict.fromkeys([*kept, *changes.get("add_tags", ())]))
        if len(given["tags"]) > TAGS_PER_TASK:
            detail = f"“{row['title']}” would have more than {TAGS_PER_TASK} tags, and nothing was changed."
            raise TooManyTagsError(detail)
    if all(row[name] == value for name, value in given.items()):
        return row, []
    return service.updated(user_id, row, given, at)


def moved_to(row: Row, day: date | None, zone: ZoneInfo, now: datetime) -> Row:
    """Return the due date of a task on another day. One that moves to today is not overdue again."""
    if day is None:
        return {"due_at": None, "all_day": False}
    has_time = row["due_at"] is not None and not row["all_day"]
    at = row["due_at"].astimezone(zone).time() if has_time else time()
    # Through UTC, so that a time that the clock skips moves forward.
    due_at = datetime.combine(day, at, zone).astimezone(UTC)
    if has_time and due_at <= now and day == now.astimezone(zone).date():
        return moved_to({**row, "all_day": True}, day, zone, now)
    return {"due_at": due_at, "all_day": not has_time}
