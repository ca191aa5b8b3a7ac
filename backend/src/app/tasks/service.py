"""Task rules. HTTP endpoints and tools both call these functions.

Every function requires the user's id and only accesses that user's tasks: another user's task raises the
same error as a missing task. Every function runs its own transaction, which has ended when the function
returns.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.database import Call, Database, Row, new_id, utc_now
from app.errors import RefusalError
from app.tasks import idempotency, recurring, reminding, versions
from app.tasks.idempotency import Once
from app.tasks.models import Status, first_position
from app.tasks.queries import (
    DELETE_TAGS,
    FOUND,
    INSERT,
    INSERT_TAGS,
    MARK,
    MOST_FOUND,
    ONE,
    REMOVE,
    REMOVE_SEEN,
    Overdue,
    Page,
    Shape,
    count_statement,
    cursor_after,
    index_terms,
    page_statement,
    shape_of,
    title_key,
    update_statement,
)
from app.tasks.schemas import TaskCreate, TaskOut, TaskQuery, TaskUpdate
from app.text import folded

Tags = frozenset[str] | None
"""The tags of the versions that a change applies to; None for all of them."""


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


def new_columns(user_id: str, new: TaskCreate, now: datetime) -> Row:
    """Return the columns of a new task."""
    return {
        "id": new_id(),
        "user_id": user_id,
        "title": new.title,
        "description": new.description,
        "priority": new.priority,
        "due_at": new.due_at,
        "all_day": new.all_day and new.due_at is not None,
        **recurring.settled(new.model_dump()),
        **reminding.settled(new.model_dump()),
        "position": first_position(now),
        "completed_at": None,
        "created_at": now,
        "updated_at": now,
        "title_key": title_key(new.title),
        "search_text": _search_text(new.title, new.description, new.tags),
    }


async def create_task(
    database: Database, user_id: str, new: TaskCreate, *, once: Once | None = None
) -> TaskOut:
    """Create a task and return it.

    Raises:
        KeyReusedError: when the key of `once` belongs to a different request.
    """
    values = new_columns(user_id, new, utc_now())
    task = TaskOut.model_validate({**values, "tags": new.tags, "status": Status.OPEN})
    calls = [Call(INSERT, values), *_tags(task.id, new.tags)]
    if once is None:
        await database.execute(*calls)
        return task
    try:
        await database.execute(idempotency.store(user_id, once, task), *calls)
    except IntegrityError:
        if (outcome := await idempotency.stored(database, user_id, once)) is None:
            raise
        return outcome
    return task


async def get_task(database: Database, user_id: str, task_id: str) -> TaskOut:
    """Return a task.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
    """
    return TaskOut.model_validate(await _read(database, user_id, task_id))


async def update_task(
    database: Database,
    user_id: str,
    task_id: str,
    changes: TaskUpdate,
    *,
    once: Once | None = None,
    expected: Tags = None,
) -> TaskOut:
    """Update the given fields of a task and return it.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        TaskChangedError: when the task has none of the expected versions.
        KeyReusedError: when the key of `once` belongs to a different request.
    """

    given = changes.model_dump(exclude_unset=True)

    def update(row: Row) -> tuple[Row, list[Call]]:
        return updated(user_id, row, given, now_after(row["updated_at"]))

    return await _change(database, user_id, task_id, once, expected, update)


def updated(user_id: str, row: Row, given: Row, at: datetime) -> tuple[Row, list[Call]]:
    """Return a task after a change of the given fields, and the calls that make it."""
    if not given:
        return row, []
    changed = {**row, **given, "updated_at": at}
    changed["all_day"] = changed["all_day"] and changed["due_at"] is not None
    repeats = recurring.settled(changed) | reminding.settled(changed, given)
    changed |= repeats
    title, description, tags = changed["title"], changed["description"], changed["tags"]
    values = {
        **{name: changed[name] for name in (*given.keys() - {"tags"}, "all_day", "updated_at", *repeats)},
        "title_key": title_key(title),
        "search_text": _search_text(title, description, tags),
    }
    calls = [_set(user_id, row, values)]
    if tags != row["tags"]:
        calls += [Call(DELETE_TAGS, {"id": row["id"]}), *_tags(row["id"], tags)]
    return changed, calls


async def set_completed(
    database: Database,
    user_id: str,
    task_id: str,
    *,
    completed: bool,
    once: Once | None = None,
    expected: Tags = None,
    now: datetime | None = None,
) -> TaskOut:
    """Mark a task as done or not done and return it. A task that is already done keeps its completion time.

    Completing a task that repeats creates the next one: the first that is due after `now`.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        TaskChangedError: when the task has none of the expected versions.
        KeyReusedError: when the key of `once` belongs to a different request.
    """
    if once is None and expected is None:
        parameters = _parameters(user_id, task_id) | {"now": utc_now()}
        [rows] = await database.execute(Call(MARK[completed], parameters))
        if rows:
            return task_of(rows[0])

    def mark(row: Row) -> tuple[Row, list[Call]]:
        return marked(user_id, row, completed, now_after(row["updated_at"]), now)

    return await _change(database, user_id, task_id, once, expected, mark)


def marked(
    user_id: str, row: Row, completed: bool, at: datetime, now: datetime | None = None
) -> tuple[Row, list[Call]]:
    """Return a task that is done or not done, and the calls that make it so and create the next one."""
    if completed == (row["completed_at"] is not None):
        return row, []
    values: Row = {"completed_at": at if completed else None, "updated_at": at}
    following: list[Call] = []
    if completed and (due := recurring.following(row, now or at)):
        following = _next(user_id, row, due, at)
        # The next one repeats from here on.
        values |= {"recurrence": None, "time_zone": None}
    return {**row, **values}, [_set(user_id, row, values), *following]


def _next(user_id: str, row: Row, due: datetime, at: datetime) -> list[Call]:
    """Return the calls that create the next task. With the same time, completing and this are one step."""
    kept = {name: value for name, value in row.items() if name not in ("tags", "status")}
    title, tags = row["title"], row["tags"]
    values = {
        **kept,
        "id": new_id(),
        "user_id": user_id,
        "due_at": due,
        **reminding.following(row, due),
        "position": first_position(at),
        "completed_at": None,
        "created_at": at,
        "updated_at": at,
        "title_key": title_key(title),
        "search_text": _search_text(title, row["description"], tags),
    }
    return [Call(INSERT, values), *_tags(values["id"], tags)]


async def delete_task(
    database: Database, user_id: str, task_id: str, *, once: Once | None = None, expected: Tags = None
) -> TaskOut:
    """Delete a task and return its last state.

    Raises:
        TaskNotFoundError: when the user has no task with this id.
        TaskChangedError: when the task has none of the expected versions.
        KeyReusedError: when the key of `once` belongs to a different request.
    """
    if once is None and expected is None:
        [rows] = await database.execute(Call(REMOVE, _parameters(user_id, task_id)))
        if not rows:
            raise TaskNotFoundError
        return task_of(rows[0])

    def remove(row: Row) -> tuple[Row, list[Call]]:
        return row, [Call(REMOVE_SEEN, {**_parameters(user_id, task_id), "seen": row["updated_at"]})]

    return await _change(database, user_id, task_id, once, expected, remove)


async def _change(
    database: Database,
    user_id: str,
    task_id: str,
    once: Once | None,
    expected: Tags,
    make: Callable[[Row], tuple[Row, list[Call]]],
) -> TaskOut:
    """Change a task and return it; for a repeated key, return the stored outcome.

    Args:
        make: returns the changed task, and the calls that change it. The first one returns a row if nobody
            has changed the task since it was read. Otherwise nothing changes, and the task is read again.
    """
    while True:
        if once is not None and (outcome := await idempotency.stored(database, user_id, once)) is not None:
            return outcome
        try:
            row = await _read(database, user_id, task_id)
            versions.check(task_of(row), expected)
        except RefusalError:
            # A first request that was in progress may have made the change.
            if (
                once is not None
                and (outcome := await idempotency.stored(database, user_id, once)) is not None
            ):
                return outcome
            raise
        row, calls = make(row)
        task = task_of(row)
        if once is not None:
            calls.append(idempotency.store(user_id, once, task))
        try:
            if not calls or (await database.execute(*calls))[0]:
                return task
        except IntegrityError:
            if once is None or await idempotency.stored(database, user_id, once) is None:
                raise


def task_of(row: Row) -> TaskOut:
    """Return the task of a row, with the status that its completion time means."""
    status = Status.OPEN if row["completed_at"] is None else Status.COMPLETED
    return TaskOut.model_validate({**row, "status": status})


async def _read(database: Database, user_id: str, task_id: str) -> Row:
    rows = await database.fetch(ONE, _parameters(user_id, task_id))
    if not rows:
        raise TaskNotFoundError
    return rows[0]


def _parameters(user_id: str, task_id: str) -> dict[str, Any]:
    if "\0" in task_id:
        # Databases refuse it.
        raise TaskNotFoundError
    return {"user_id": user_id, "id": task_id}


def _set(user_id: str, row: Row, values: Row) -> Call:
    """Return the call that sets columns of a task, unless somebody has changed it since it was read."""
    new = {f"new_{name}": value for name, value in values.items()}
    parameters = {**_parameters(user_id, row["id"]), "seen": row["updated_at"], **new}
    return Call(update_statement(frozenset(values)), parameters)


def _tags(task_id: str, names: Sequence[str]) -> list[Call]:
    """Return the call that inserts the tags of a task, if there are any."""
    rows = [{"task_id": task_id, "name": name, "position": place} for place, name in enumerate(names)]
    return [Call(INSERT_TAGS, rows)] if rows else []


def now_after(before: datetime) -> datetime:
    """Return the current time, or a later one that differs from the time of the last change."""
    return max(utc_now(), before + timedelta(microseconds=1))


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
