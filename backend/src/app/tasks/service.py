"""Task rules. HTTP endpoints and tools both call these functions.

Every function requires the user's id and only accesses that user's tasks: another user's task raises the
same error as a missing task. Every function runs its own transaction, which has ended when the function
returns.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.database import Database, utc_now
from app.errors import RefusalError
from app.instants import iso_instant
from app.pagination import CursorValue, InvalidCursorError, cursor_instant, decode_cursor, encode_cursor
from app.tasks import idempotency
from app.tasks.idempotency import Once
from app.tasks.models import TITLE_LENGTH, Priority, Task, TaskTag
from app.tasks.schemas import TaskCreate, TaskOut, TaskPage, TaskQuery, TaskUpdate

_SORTS: dict[str, tuple[InstrumentedAttribute[Any], str]] = {
    "created": (Task.created_at, "desc"),
    "due": (Task.due_at, "asc"),
    "priority": (Task.priority, "desc"),
    "title": (Task.title_key, "asc"),
}
_RANKS = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)


class TaskNotFoundError(RefusalError):
    """The user has no task with this id."""

    status = 404
    title = "Task not found"
    code = "task_not_found"
    detail = "You have no task with this id."


@dataclass(frozen=True, slots=True)
class Overdue:
    """Overdue: due before `now`; for a whole day, before the day that starts at `today`."""

    now: datetime
    today: datetime


def _folded(text: str) -> str:
    return text.casefold()


def _index(task: Task) -> None:
    """Update the columns for sorting and searching from the text."""
    task.title_key = _folded(task.title)[:TITLE_LENGTH]
    tags = " ".join(f"#{tag}" for tag in task.tags)
    task.search_text = _folded("\n".join(part for part in (task.title, task.description, tags) if part))


async def _change(
    database: Database, user_id: str, once: Once | None, work: Callable[[AsyncSession], Awaitable[Task]]
) -> TaskOut:
    """Run a change in its own transaction, idempotently if the request may be repeated."""
    async with database.transaction() as session:
        if once is None:
            return TaskOut.of(await work(session))
        return await idempotency.once(session, user_id, once.key, once.request, partial(work, session))


async def create_task(
    database: Database, user_id: str, new: TaskCreate, *, once: Once | None = None
) -> TaskOut:
    """Create a task and return it.

    Raises:
        KeyReusedError: when the key of `once` belongs to a different request.
    """

    async def create(session: AsyncSession) -> Task:
        now = utc_now()
        task = Task(
            user_id=user_id,
            title=new.title,
            description=new.description,
            priority=new.priority,
            due_at=new.due_at,
            all_day=new.all_day and new.due_at is not None,
            completed_at=None,
            created_at=now,
            updated_at=now,
            tag_rows=[TaskTag(name=name, position=position) for position, name in enumerate(new.tags)],
        )
        _index(task)
        session.add(task)
        await session.flush()
        return task

    return await _change(database, user_id, once, create)


async def _find(session: AsyncSession, user_id: str, task_id: str, *, for_update: bool = False) -> Task:
    """Return one task; with `for_update`, lock it until the transaction ends."""
    task = None
    if "\0" not in task_id:
        statement = select(Task).where(Task.id == task_id, Task.user_id == user_id)
        task = await session.scalar(statement.with_for_update() if for_update else statement)
    if task is None:
        raise TaskNotFoundError
    return task


async def get_task(database: Database, user_id: str, task_id: str) -> TaskOut:
    """Return a task.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
    """
    async with database.transaction(read_only=True) as session:
        return TaskOut.of(await _find(session, user_id, task_id))


async def update_task(
    database: Database, user_id: str, task_id: str, changes: TaskUpdate, *, once: Once | None = None
) -> TaskOut:
    """Update the given fields of a task and return it.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        KeyReusedError: when the key of `once` belongs to a different request.
    """

    async def update(session: AsyncSession) -> Task:
        task = await _find(session, user_id, task_id, for_update=True)
        values = changes.model_dump(exclude_unset=True)
        tags = values.pop("tags", None)
        for name, value in values.items():
            setattr(task, name, value)
        if tags is not None and tags != task.tags:
            kept = {row.name: row for row in task.tag_rows}
            task.tag_rows = [kept.get(name) or TaskTag(name=name) for name in tags]
            for position, row in enumerate(task.tag_rows):
                row.position = position
        if task.due_at is None:
            task.all_day = False
        if changes.model_fields_set:
            _index(task)
            task.updated_at = utc_now()
        await session.flush()
        return task

    return await _change(database, user_id, once, update)


async def set_completed(
    database: Database, user_id: str, task_id: str, *, completed: bool, once: Once | None = None
) -> TaskOut:
    """Mark a task as done or not done and return it. A task that is already done keeps its completion time.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        KeyReusedError: when the key of `once` belongs to a different request.
    """

    async def mark(session: AsyncSession) -> Task:
        task = await _find(session, user_id, task_id, for_update=True)
        if completed != (task.completed_at is not None):
            task.updated_at = utc_now()
            task.completed_at = task.updated_at if completed else None
            await session.flush()
        return task

    return await _change(database, user_id, once, mark)


async def delete_task(database: Database, user_id: str, task_id: str, *, once: Once | None = None) -> TaskOut:
    """Delete a task and return its last state.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        KeyReusedError: when the key of `once` belongs to a different request.
    """

    async def remove(session: AsyncSession) -> Task:
        task = await _find(session, user_id, task_id, for_update=True)
        await session.execute(delete(Task).where(Task.id == task.id))
        session.expunge(task)
        return task

    return await _change(database, user_id, once, remove)


def _matching(user_id: str, query: TaskQuery, overdue: Overdue | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Task.user_id == user_id]
    if query.status != "all":
        done = Task.completed_at.is_not(None)
        conditions.append(done if query.status == "completed" else ~done)
    if query.priority is not None:
        conditions.append(Task.priority == query.priority)
    if query.tag is not None:
        conditions.append(exists().where(TaskTag.task_id == Task.id, TaskTag.name == query.tag))
    if query.due_after is not None:
        conditions.append(Task.due_at >= query.due_after)
    if query.due_before is not None:
        conditions.append(Task.due_at < query.due_before)
    if overdue is not None:
        conditions.append(
            or_(
                and_(Task.all_day.is_(True), Task.due_at < overdue.today),
                and_(Task.all_day.is_(False), Task.due_at < overdue.now),
            )
        )
    # Every word must occur, in any order.
    conditions += [Task.search_text.contains(word, autoescape=True) for word in _folded(query.q).split()]
    return conditions


def _cursor_key(column: InstrumentedAttribute[Any], task: Task) -> CursorValue:
    value = getattr(task, column.key)
    if isinstance(value, Priority):
        return _RANKS.index(value)
    return iso_instant(value) if isinstance(value, datetime) else value


def _sort_value(column: InstrumentedAttribute[Any], key: CursorValue) -> Any:
    """Return the value of a sort column from a cursor.

    Raises:
        InvalidCursorError: when the value is invalid for the column.
    """
    try:
        if column is Task.priority:
            return _RANKS[int(str(key))]
        if column is Task.title_key:
            if isinstance(key, str) and "\0" not in key:
                return key.encode().decode()
            raise ValueError(key)
    except (ValueError, IndexError):
        raise InvalidCursorError from None
    return None if key is None and column is Task.due_at else cursor_instant(key)


def _after(
    column: InstrumentedAttribute[Any], key: Any, task_id: str, *, descending: bool
) -> ColumnElement[bool]:
    """Return the condition for the rows after this one. Rows without a value come last in both directions."""
    id_behind = Task.id < task_id if descending else Task.id > task_id
    if key is None:
        return and_(column.is_(None), id_behind)
    behind = or_(column < key if descending else column > key, and_(column == key, id_behind))
    return or_(behind, column.is_(None)) if column is Task.due_at else behind


async def list_tasks(
    database: Database, user_id: str, query: TaskQuery, *, overdue: Overdue | None = None
) -> TaskPage:
    """Return a page of the user's tasks.

    Raises:
        InvalidCursorError: when the cursor does not belong to this order.
    """
    async with database.transaction(read_only=True) as session:
        return await _page(session, user_id, query, overdue)


async def find_tasks(
    database: Database, user_id: str, query: TaskQuery, *, overdue: Overdue | None = None
) -> tuple[list[TaskOut], int]:
    """Return the first tasks that match a query, and the total number of matches."""
    async with database.transaction(read_only=True) as session:
        page = await _page(session, user_id, query, overdue)
        if page.next_cursor is None:
            return page.items, len(page.items)
        statement = select(func.count()).select_from(Task).where(*_matching(user_id, query, overdue))
        return page.items, await session.scalar(statement) or 0


async def _page(session: AsyncSession, user_id: str, query: TaskQuery, overdue: Overdue | None) -> TaskPage:
    column, usual = _SORTS[query.sort]
    descending = (query.order or usual) == "desc"
    order = f"{query.sort} {'desc' if descending else 'asc'}"
    statement: Select[Task] = select(Task).where(*_matching(user_id, query, overdue))
    if query.cursor is not None:
        key, task_id = decode_cursor(query.cursor, order)
        statement = statement.where(_after(column, _sort_value(column, key), task_id, descending=descending))
    direction = column.desc() if descending else column.asc()
    statement = statement.order_by(
        direction.nulls_last() if column is Task.due_at else direction,
        Task.id.desc() if descending else Task.id.asc(),
    )
    rows = list(await session.scalars(statement.limit(query.limit + 1)))
    items, cursor = rows[: query.limit], None
    if len(rows) > query.limit:
        cursor = encode_cursor(order, _cursor_key(column, items[-1]), items[-1].id)
    return TaskPage(items=[TaskOut.of(task) for task in items], next_cursor=cursor)
