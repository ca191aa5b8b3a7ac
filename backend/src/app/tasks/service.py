"""Task rules. HTTP endpoints and tools both call these functions.

Every function requires the user's id and only accesses that user's tasks: another user's task raises the
same error as a missing task. Every function runs its own transaction, which has ended when the function
returns.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Call, Database, Statement, new_id, utc_now
from app.errors import RefusalError
from app.tasks import idempotency
from app.tasks.idempotency import Once
from app.tasks.models import Status, Task, TaskTag
from app.tasks.queries import (
    FOUND,
    MOST_FOUND,
    ONE,
    Overdue,
    Page,
    Shape,
    count_statement,
    cursor_after,
    folded,
    index_terms,
    page_statement,
    shape_of,
    title_key,
)
from app.tasks.schemas import TaskCreate, TaskOut, TaskQuery, TaskUpdate

_INSERT = Statement(insert(Task))
_INSERT_TAG = Statement(insert(TaskTag))


class TaskNotFoundError(RefusalError):
    """The user has no task with this id."""

    status = 404
    title = "Task not found"
    code = "task_not_found"
    detail = "You have no task with this id."


def _search_text(title: str, description: str, tags: Sequence[str]) -> str:
    """Return the column that a search reads."""
    names = " ".join(f"#{tag}" for tag in tags)
    return folded("\n".join(part for part in (title, description, names) if part))


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

    now = utc_now()
    values = {
        "id": new_id(),
        "user_id": user_id,
        "title": new.title,
        "description": new.description,
        "priority": new.priority,
        "due_at": new.due_at,
        "all_day": new.all_day and new.due_at is not None,
        "completed_at": None,
        "created_at": now,
        "updated_at": now,
        "title_key": title_key(new.title),
        "search_text": _search_text(new.title, new.description, new.tags),
    }
    tags = [
        {"task_id": values["id"], "name": name, "position": position}
        for position, name in enumerate(new.tags)
    ]
    if once is None:
        await database.execute(Call(_INSERT, values), *([Call(_INSERT_TAG, tags)] if tags else ()))
        return TaskOut.model_validate({**values, "tags": new.tags, "status": Status.OPEN})

    async def create(session: AsyncSession) -> Task:
        task = Task(**values, tag_rows=[TaskTag(**tag) for tag in tags])
        session.add(task)
        await session.flush()
        return task

    return await _change(database, user_id, once, create)


async def _find(session: AsyncSession, user_id: str, task_id: str) -> Task:
    """Return one task, locked until the transaction ends."""
    task = None
    if "\0" not in task_id:
        statement = select(Task).where(Task.id == task_id, Task.user_id == user_id).with_for_update()
        task = await session.scalar(statement)
    if task is None:
        raise TaskNotFoundError
    return task


async def get_task(database: Database, user_id: str, task_id: str) -> TaskOut:
    """Return a task.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
    """
    if "\0" not in task_id and (rows := await database.fetch(ONE, {"user_id": user_id, "id": task_id})):
        return TaskOut.model_validate(rows[0])
    raise TaskNotFoundError


async def update_task(
    database: Database, user_id: str, task_id: str, changes: TaskUpdate, *, once: Once | None = None
) -> TaskOut:
    """Update the given fields of a task and return it.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        KeyReusedError: when the key of `once` belongs to a different request.
    """

    async def update(session: AsyncSession) -> Task:
        task = await _find(session, user_id, task_id)
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
            task.title_key = title_key(task.title)
            task.search_text = _search_text(task.title, task.description, task.tags)
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
        task = await _find(session, user_id, task_id)
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
        task = await _find(session, user_id, task_id)
        await session.execute(delete(Task).where(Task.id == task.id))
        session.expunge(task)
        return task

    return await _change(database, user_id, once, remove)


async def list_tasks(
    database: Database, user_id: str, query: TaskQuery, *, overdue: Overdue | None = None
) -> Page:
    """Return a page of the user's tasks.

    Raises:
        InvalidCursorError: when the cursor does not belong to this order.
    """
    return await _page(database, query, *await _prepared(database, user_id, query, overdue))


async def find_tasks(
    database: Database, user_id: str, query: TaskQuery, *, overdue: Overdue | None = None
) -> tuple[list[TaskOut], int]:
    """Return the first tasks that match a query, and the total number of matches."""
    shape, parameters = await _prepared(database, user_id, query, overdue)
    page = await _page(database, query, shape, parameters)
    total = len(page.items)
    if page.next_cursor is not None:
        [counted] = await database.fetch(count_statement(shape), parameters)
        total = counted["total"]
    return [TaskOut.model_validate(row) for row in page.items], total


async def _prepared(
    database: Database, user_id: str, query: TaskQuery, overdue: Overdue | None
) -> tuple[Shape, dict[str, Any]]:
    """Return the shape of a query and its parameters. A search for rare words uses SQLite's index."""
    shape, parameters = shape_of(query, overdue)
    parameters["user_id"] = user_id
    if database.kind == "sqlite" and (terms := index_terms(query)):
        [found] = await database.fetch(FOUND, {"terms": terms})
        if found["total"] <= MOST_FOUND:
            return replace(shape, by_index=True), {**parameters, "terms": terms}
    return shape, parameters


async def _page(database: Database, query: TaskQuery, shape: Shape, parameters: dict[str, Any]) -> Page:
    rows = await database.fetch(page_statement(shape), parameters)
    if len(rows) <= query.limit:
        return Page(rows, None)
    del rows[query.limit :]
    return Page(rows, cursor_after(shape, rows[-1]))
