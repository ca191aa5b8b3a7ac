"""Task endpoints."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from app.accounts.dependencies import Caller, CallerDep, get_caller
from app.errors import TooManyChangesError
from app.problems import Problem
from app.responses import json_response
from app.tasks import service
from app.tasks.idempotency import Once
from app.tasks.schemas import TaskCreate, TaskOut, TaskPage, TaskQuery, TaskUpdate

router = APIRouter(prefix="/api/tasks", tags=["tasks"])

TaskId = Annotated[str, Path(max_length=64)]


async def _limit_changes(request: Request) -> Caller:
    """Return the user, who may make another change.

    Raises:
        TooManyChangesError: when the user exceeds the rate limit.
    """
    caller = await get_caller(request)
    per_minute = request.app.state.settings.task_changes_per_minute
    seconds = request.app.state.change_limiter.retry_after(caller.user_id, per_minute)
    if seconds is not None:
        raise TooManyChangesError(retry_after_seconds=seconds)
    return caller


ChangingCallerDep = Annotated[Caller, Depends(_limit_changes)]


@router.get("", response_model=TaskPage)
async def list_tasks(caller: CallerDep, query: Annotated[TaskQuery, Query()]) -> Response:
    """List your tasks. Supports filters, sorting and pagination."""
    page = await service.list_tasks(caller.database, caller.user_id, query)
    return json_response(page._asdict())


@router.post("", status_code=201, response_model=TaskOut)
async def create_task(
    caller: ChangingCallerDep,
    new: TaskCreate,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    """Create a task.

    To retry safely, send an `Idempotency-Key` header with a unique value, such as a UUID
    (draft-ietf-httpapi-idempotency-key-header; the quotes are optional). For one day, a request with the
    same key and the same task returns the first response and creates nothing; the same key with a different
    task returns 422. A retry waits for a first request that is still in progress.
    """
    once = None
    if idempotency_key is not None:
        once = Once(f"{router.prefix} {_idempotency_key(idempotency_key)}", new.model_dump(mode="json"))
    task = await service.create_task(caller.database, caller.user_id, new, once=once)
    return json_response(task, 201, {"Location": f"{router.prefix}/{task.id}"})


def _idempotency_key(header: str) -> str:
    """Return the key in a header, with or without the quotes of a structured field."""
    quoted = re.fullmatch(r'"([!#-\[\]-~]{1,200})"|([!#-\[\]-~]{1,200})', header, re.ASCII)
    if quoted is None:
        raise Problem(
            422,
            "Invalid request",
            "Idempotency-Key: must be 1 to 200 printable ASCII characters without spaces, such as a UUID.",
            "invalid_idempotency_key",
        )
    return quoted[1] or quoted[2]


@router.get("/{task_id}", response_model=TaskOut)
async def get_task(caller: CallerDep, task_id: TaskId) -> Response:
    """Retrieve a task."""
    return json_response(await service.get_task(caller.database, caller.user_id, task_id))


@router.patch("/{task_id}", response_model=TaskOut)
async def update_task(caller: ChangingCallerDep, task_id: TaskId, changes: TaskUpdate) -> Response:
    """Update a task. Only the given fields change."""
    return json_response(await service.update_task(caller.database, caller.user_id, task_id, changes))


@router.delete("/{task_id}", status_code=204)
async def delete_task(caller: ChangingCallerDep, task_id: TaskId) -> None:
    """Delete a task. `POST /api/undo` restores it for 30 days."""
    await service.delete_task(caller.database, caller.user_id, task_id)


@router.post("/{task_id}/complete", response_model=TaskOut)
async def complete_task(caller: ChangingCallerDep, task_id: TaskId) -> Response:
    """Mark a task as done. Has no effect on a task that is already done."""
    return json_response(
        await service.set_completed(caller.database, caller.user_id, task_id, completed=True)
    )


@router.post("/{task_id}/reopen", response_model=TaskOut)
async def reopen_task(caller: ChangingCallerDep, task_id: TaskId) -> Response:
    """Mark a task as not done. Has no effect on an open task."""
    return json_response(
        await service.set_completed(caller.database, caller.user_id, task_id, completed=False)
    )
