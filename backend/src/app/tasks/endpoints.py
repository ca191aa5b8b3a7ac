"""HTTP for tasks."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from app.accounts.dependencies import CurrentUser
from app.dependencies import DatabaseDep
from app.problems import Problem
from app.tasks import service
from app.tasks.idempotency import Once
from app.tasks.schemas import TaskCreate, TaskOut, TaskPage, TaskQuery, TaskUpdate

router = APIRouter(prefix="/api/tasks", tags=["tasks"])

TaskId = Annotated[str, Path(max_length=64)]


@router.get("")
async def list_tasks(
    user: CurrentUser, database: DatabaseDep, query: Annotated[TaskQuery, Query()]
) -> TaskPage:
    """List your tasks, filtered and sorted, a page at a time."""
    return await service.list_tasks(database, user.id, query)


@router.post("", status_code=201)
async def create_task(
    user: CurrentUser,
    database: DatabaseDep,
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
    once = None
    if idempotency_key is not None:
        once = Once(f"{router.prefix} {_idempotency_key(idempotency_key)}", new.model_dump(mode="json"))
    task = await service.create_task(database, user.id, new, once=once)
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
async def get_task(user: CurrentUser, database: DatabaseDep, task_id: TaskId) -> TaskOut:
    """Read one task."""
    return await service.get_task(database, user.id, task_id)


@router.patch("/{task_id}")
async def update_task(
    user: CurrentUser, database: DatabaseDep, task_id: TaskId, changes: TaskUpdate
) -> TaskOut:
    """Change the given members of a task."""
    return await service.update_task(database, user.id, task_id, changes)


@router.delete("/{task_id}", status_code=204)
async def delete_task(user: CurrentUser, database: DatabaseDep, task_id: TaskId) -> None:
    """Delete a task."""
    await service.delete_task(database, user.id, task_id)


@router.post("/{task_id}/complete")
async def complete_task(user: CurrentUser, database: DatabaseDep, task_id: TaskId) -> TaskOut:
    """Mark a task as done; a second time changes nothing."""
    return await service.set_completed(database, user.id, task_id, completed=True)


@router.post("/{task_id}/reopen")
async def reopen_task(user: CurrentUser, database: DatabaseDep, task_id: TaskId) -> TaskOut:
    """Mark a task as not done; a second time changes nothing."""
    return await service.set_completed(database, user.id, task_id, completed=False)
