"""HTTP for tasks."""

import re
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from app.accounts.dependencies import CurrentUser
from app.database.dependencies import SessionDep
from app.pagination import InvalidCursorError
from app.problems import Problem
from app.tasks import idempotency, service
from app.tasks.schemas import TaskCreate, TaskOut, TaskPage, TaskQuery, TaskUpdate

router = APIRouter(prefix="/api/tasks", tags=["tasks"])

TaskId = Annotated[str, Path(max_length=64)]


def _not_found() -> Problem:
    return Problem(404, "Task not found", "You have no task with this id.", "task_not_found")


@router.get("")
async def list_tasks(
    user: CurrentUser, session: SessionDep, query: Annotated[TaskQuery, Query()]
) -> TaskPage:
    """List your tasks, filtered and sorted, a page at a time."""
    try:
        page = await service.list_tasks(session, user.id, query)
    except InvalidCursorError as error:
        raise Problem(422, "Invalid request", f"cursor: {error}", "invalid_cursor") from None
    return TaskPage(items=[TaskOut.of(task) for task in page.items], next_cursor=page.next_cursor)


@router.post("", status_code=201)
async def create_task(
    user: CurrentUser,
    session: SessionDep,
    new: TaskCreate,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> TaskOut:
    """Add a task.

    A client that may have to repeat the request sends an `Idempotency-Key` of its own making, such as a UUID
    (draft-ietf-httpapi-idempotency-key-header; the quotes may be left out). For a day, the same key with the
    same task answers what the first request was answered and adds nothing, and the same key with another task
    is a 422. While the first request is still at work, a second one waits for it.
    """
    if idempotency_key is None:
        task = TaskOut.of(await service.create_task(session, user.id, new))
    else:
        add = partial(service.create_task, session, user.id, new)
        key = f"{router.prefix} {_idempotency_key(idempotency_key)}"
        try:
            task = await idempotency.once(session, user.id, key, new.model_dump(mode="json"), add)
        except idempotency.KeyReusedError:
            raise Problem(
                422,
                "Idempotency key reused",
                "Idempotency-Key: was used for a different task; each task needs its own.",
                "idempotency_key_reused",
            ) from None
    response.headers["Location"] = f"{router.prefix}/{task.id}"
    return task


def _idempotency_key(header: str) -> str:
    """Return the key that a header holds, with or without the quotes of a structured field."""
    quoted = re.fullmatch(r'"([!#-\[\]-~]{1,200})"|([!#-\[\]-~]{1,200})', header, re.ASCII)
    if quoted is None:
        raise Problem(
            422,
            "Invalid request",
            "Idempotency-Key: must be 1 to 200 printable ASCII characters without spaces, such as a UUID.",
            "invalid_idempotency_key",
        )
    return quoted[1] or quoted[2]


@router.get("/{task_id}")
async def get_task(user: CurrentUser, session: SessionDep, task_id: TaskId) -> TaskOut:
    """Read one task."""
    try:
        return TaskOut.of(await service.get_task(session, user.id, task_id))
    except service.TaskNotFoundError:
        raise _not_found() from None


@router.patch("/{task_id}")
async def update_task(
    user: CurrentUser, session: SessionDep, task_id: TaskId, changes: TaskUpdate
) -> TaskOut:
    """Change the given members of a task."""
    try:
        return TaskOut.of(await service.update_task(session, user.id, task_id, changes))
    except service.TaskNotFoundError:
        raise _not_found() from None


@router.delete("/{task_id}", status_code=204)
async def delete_task(user: CurrentUser, session: SessionDep, task_id: TaskId) -> None:
    """Delete a task."""
    try:
        await service.delete_task(session, user.id, task_id)
    except service.TaskNotFoundError:
        raise _not_found() from None


@router.post("/{task_id}/complete")
async def complete_task(user: CurrentUser, session: SessionDep, task_id: TaskId) -> TaskOut:
    """Mark a task as done; a second time changes nothing."""
    try:
        return TaskOut.of(await service.set_completed(session, user.id, task_id, completed=True))
    except service.TaskNotFoundError:
        raise _not_found() from None


@router.post("/{task_id}/reopen")
async def reopen_task(user: CurrentUser, session: SessionDep, task_id: TaskId) -> TaskOut:
    """Mark a task as not done; a second time changes nothing."""
    try:
        return TaskOut.of(await service.set_completed(session, user.id, task_id, completed=False))
    except service.TaskNotFoundError:
        raise _not_found() from None
