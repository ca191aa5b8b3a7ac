"""The record of changes, from which the last ones can be undone.

Triggers of the database write it (migration 0005): for each change of a task its state before, or NULL for a
new task. Changes with the same step are undone together: those of one request, or of one message in the chat.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    Text,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database, UtcDateTime, utc_now
from app.errors import RefusalError
from app.tasks.models import Priority, PriorityRank, Task, TaskTag
from app.tasks.schemas import TaskOut
from app.tasks.service import now_after

Kind = Literal["added", "deleted", "completed", "reopened", "updated"]
_CHUNK_ROWS = 500
_LONGEST_SECONDS = 20
"""A step may have the 10,000 tasks of an import."""
KEPT = timedelta(days=30)
"""Period in which a change can be undone and a deleted task restored."""


class Change(Base):
    """A change of a task. `before` is its state before the change; None for a new task."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"))
    task_id: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[str | None] = mapped_column(Text)
    """The key of the request that undid it."""

    __table_args__ = (
        Index(None, "user_id", "id"),
        Index(None, "task_id", "id"),
        Index(None, "created_at"),
    )


class UndoRequest(BaseModel):
    """The change to undo: a step, the last change of a task, or, without both, your last change."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{}, {"step": "Zk3…"}, {"task_id": "8fJ…"}]}
    )

    step: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00]*$")
    task_id: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[^\x00]*$")


class UndoneChange(BaseModel):
    """A change that was undone, and the task as it is now; null if it is gone again."""

    undone: Kind
    task_id: str
    title: str
    task: TaskOut | None


class Undone(BaseModel):
    """A step that was undone."""

    step: str
    changes: list[UndoneChange]


class NothingToUndoError(RefusalError):
    """There is no such change within 30 days."""

    status = 404
    title = "Nothing to undo"
    code = "nothing_to_undo"
    detail = "There is nothing to undo."


class CannotUndoError(RefusalError):
    """The tasks of the step have changed since."""

    status = 409
    title = "Cannot undo"
    code = "cannot_undo"


class AlreadyUndoneError(CannotUndoError):
    """The step was undone before."""

    title = "Already undone"
    code = "already_undone"
    detail = "This was undone already."


async def undo(database: Database, user_id: str, request: UndoRequest, *, key: str | None = None) -> Undone:
    """Undo one step and return what it changed. A deleted task returns with its id and times.

    A repeated key undoes nothing more.

    Raises:
        NothingToUndoError: when there is no such step.
        AlreadyUndoneError: when it was undone before.
        CannotUndoError: when its tasks have changed since.
    """
    async with database.transaction(limit_seconds=_LONGEST_SECONDS) as session:
        if key is not None:
            done = select(Change.step).where(Change.user_id == user_id, Change.undone_by == key).limit(1)
            if (earlier := await session.scalar(done)) is not None:
                return Undone(step=earlier, changes=[])
        steps = select(Change.step).where(Change.user_id == user_id)
        if request.step is not None:
            steps = steps.where(Change.step == request.step)
        else:
            steps = steps.where(Change.undone_at.is_(None))
        if request.task_id is not None:
            steps = steps.where(Change.task_id == request.task_id)
        step = await session.scalar(steps.order_by(Change.id.desc()).limit(1))
        if step is None:
            raise NothingToUndoError
        of_step = (Change.user_id == user_id, Change.step == step)
        found = select(Change).where(*of_step).order_by(Change.id.desc()).with_for_update()
        changes = (await session.scalars(found)).all()
        await _check(session, user_id, changes)
        task_ids = {change.task_id for change in changes}
        newest = await session.scalar(select(func.max(Change.id)).where(Change.user_id == user_id))
        tasks = await _tasks(session, user_id, task_ids)
        undone = [_put_back(session, user_id, tasks, change) for change in changes]
        await session.flush()
        gone = [task_id for task_id in task_ids if task_id not in tasks]
        for start in range(0, len(gone), _CHUNK_ROWS):
            mine = (Task.user_id == user_id, Task.id.in_(gone[start : start + _CHUNK_ROWS]))
            await session.execute(delete(Task).where(*mine).execution_options(synchronize_session=False))
        # The triggers have recorded this too, but only the step counts as undone.
        own = (Change.user_id == user_id, Change.task_id.in_(task_ids), Change.id > (newest or 0))
        await session.execute(delete(Change).where(*own).execution_options(synchronize_session=False))
        now = utc_now()
        for change in changes:
            change.undone_at, change.undone_by = now, key
        return Undone(step=step, changes=undone[::-1])


async def _check(session: AsyncSession, user_id: str, changes: Sequence[Change]) -> None:
    if any(change.undone_at for change in changes):
        raise AlreadyUndoneError
    later = select(Change.id).where(
        Change.user_id == user_id,
        Change.task_id.in_({change.task_id for change in changes}),
        Change.id > max(change.id for change in changes),
        Change.step != changes[0].step,
        Change.undone_at.is_(None),
    )
    if await session.scalar(later.limit(1)) is not None:
        raise CannotUndoError("The task has changed since. Undo the later change first.")


async def _tasks(session: AsyncSession, user_id: str, ids: Collection[str]) -> dict[str, Task]:
    """Return the tasks with these ids, which nobody else changes until the transaction ends."""
    ordered, tasks = sorted(ids), dict[str, Task]()
    for start in range(0, len(ordered), _CHUNK_ROWS):
        mine = (Task.user_id == user_id, Task.id.in_(ordered[start : start + _CHUNK_ROWS]))
        found = select(Task).where(*mine).order_by(Task.id).with_for_update()
        tasks |= {task.id: task for task in await session.scalars(found)}
    return tasks


def _put_back(session: AsyncSession, user_id: str, tasks: dict[str, Task], change: Change) -> UndoneChange:
    """Return one task to its state before a change. A task that is no longer in `tasks` is to be deleted."""
    task = tasks.get(change.task_id)
    if change.before is None:
        tasks.pop(change.task_id, None)
        title = task.title if task is not None else ""
        return UndoneChange(undone="added", task_id=change.task_id, title=title, task=None)
    values, tags = _decoded(change.before)
    if task is None:
        rows = [TaskTag(name=name, position=place) for place, name in enumerate(tags)]
        task = tasks[change.task_id] = Task(**values, user_id=user_id, tag_rows=rows)
        session.add(task)
        return _undone("deleted", task)
    before, after = values["completed_at"], task.completed_at
    kind: Kind = "updated"
    if (before is None) != (after is None):
        kind = "completed" if before is None else "reopened"
    values["updated_at"] = now_after(task.updated_at)
    for name, value in values.items():
        setattr(task, name, value)
    if tags != task.tags:
        kept = {row.name: row for row in task.tag_rows}
        task.tag_rows = [kept.get(name) or TaskTag(name=name) for name in tags]
        for place, row in enumerate(task.tag_rows):
            row.position = place
    return _undone(kind, task)


def _undone(kind: Kind, task: Task) -> UndoneChange:
    return UndoneChange(undone=kind, task_id=task.id, title=task.title, task=TaskOut.of(task))


def _decoded(before: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the columns and tags of a recorded state, in which each database writes values as JSON."""
    values: dict[str, Any] = {}
    for column in Task.__table__.columns:
        if column.key == "user_id":
            continue
        if column.key not in before:
            # It was recorded before the table had this column.
            continue
        value: Any = before[column.key]
        if value is not None and isinstance(column.type, UtcDateTime):
            value = datetime.fromisoformat(value)
        elif isinstance(column.type, Boolean):
            value = bool(value)
        elif isinstance(column.type, PriorityRank):
            value = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)[value - 1]
        values[column.key] = value
    return values, list(before["tags"])


async def last_step(session: AsyncSession, user_id: str, task_id: str) -> str | None:
    """Return the step of the last change of a task."""
    steps = select(Change.step).where(Change.user_id == user_id, Change.task_id == task_id)
    return await session.scalar(steps.order_by(Change.id.desc()).limit(1))


async def undone_among(session: AsyncSession, user_id: str, steps: Collection[str]) -> set[str]:
    """Return those of the steps that were undone."""
    undone = select(Change.step).where(
        Change.user_id == user_id, Change.step.in_(steps), Change.undone_at.is_not(None)
    )
    return set(await session.scalars(undone.distinct())) if steps else set()


async def join_step(database: Database, user_id: str, task_id: str, step: str) -> str:
    """Add the last change of a task to a step, so that both are undone together, and return the step."""
    async with database.transaction() as session:
        current = await last_step(session, user_id, task_id)
        if current is not None and current != step:
            of_step = (Change.user_id == user_id, Change.step == current)
            await session.execute(
                update(Change).where(*of_step).values(step=step).execution_options(synchronize_session=False)
            )
    return step


async def forget_past(database: Database) -> None:
    """Delete the changes that are too old to be undone."""
    async with database.transaction() as session:
        await session.execute(delete(Change).where(Change.created_at < utc_now() - KEPT))
