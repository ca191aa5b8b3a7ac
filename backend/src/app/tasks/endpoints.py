"""Task endpoints."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import SkipJsonSchema

from app.accounts.dependencies import Caller, CallerDep, get_caller
from app.database import utc_now
from app.errors import TooManyChangesError
from app.problems import Problem
from app.ratelimits import Limit
from app.responses import json_response
from app.tasks import ordering, service, transfer, versions
from app.tasks.idempotency import Once
from app.tasks.schemas import TaskCreate, TaskMove, TaskOut, TaskPage, TaskQuery, TaskUpdate
from app.tasks.transfer import Imported, ImportQuery

router = APIRouter(prefix="/api/tasks", tags=["tasks"])

TaskId = Annotated[str, Path(max_length=64)]
_IMPORTS = Limit(calls=20, window_s=60)
_FILE: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["tasks"],
        "properties": {
            "format": {"type": "string"},
            "version": {"type": "integer"},
            "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/TaskOut"}},
        },
    }
}
_IMPORT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["tasks"],
                "properties": {
                    "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/TaskRecord"}}
                },
            },
            "example": {"tasks": [{"title": "Buy milk", "due_at": "2026-12-24T17:00:00Z", "tags": ["shop"]}]},
        },
        "text/csv": {
            "schema": {"type": "string"},
            "example": "TYPE,CONTENT,PRIORITY,DATE\r\ntask,Buy milk @shop,1,every friday at 17:00\r\n",
        },
    },
}


class ExportQuery(BaseModel):
    """The format of the file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "csv"] = "json"


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
KeyHeader = Annotated[str | None, Header()]


async def _expected(
    request: Request,
    if_match: Annotated[
        # A header has no null.
        str | SkipJsonSchema[None],
        Header(
            description="The `ETag` of the version to change. With another version, nothing changes and the "
            "response is 412 with the current task. An `Idempotency-Key` makes a retry safe, as in "
            "`POST /api/tasks`.",
            json_schema_extra={"pattern": versions.PATTERN},
        ),
    ] = None,
) -> service.Tags:
    # Several headers are one list.
    return None if if_match is None else versions.parse(", ".join(request.headers.getlist("if-match")))


ExpectedDep = Annotated[service.Tags, Depends(_expected)]


def _task_response(task: TaskOut, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return json_response(task, status, {"ETag": versions.tag_of(task), **(headers or {})})


@router.get("", response_model=TaskPage)
async def list_tasks(caller: CallerDep, query: Annotated[TaskQuery, Query()]) -> Response:
    """List your tasks. Supports filters, sorting and pagination."""
    page = await service.list_tasks(caller.database, caller.user_id, query)
    return json_response(page._asdict())


@router.post("", status_code=201, response_model=TaskOut)
async def create_task(
    caller: ChangingCallerDep,
    new: TaskCreate,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Create a task.

    To retry safely, send an `Idempotency-Key` header with a unique value, such as a UUID
    (draft-ietf-httpapi-idempotency-key-header; the quotes are optional). For one day, a request with the
    same key and the same task returns the first response and creates nothing; the same key with a different
    task returns 422. A retry waits for a first request that is still in progress.
    """
    once = _once(router.prefix, idempotency_key, new.model_dump(mode="json"))
    task = await service.create_task(caller.database, caller.user_id, new, once=once)
    return _task_response(task, 201, {"Location": f"{router.prefix}/{task.id}"})


def _once(target: str, header: str | None, body: dict[str, Any] | None = None) -> Once | None:
    """Return what identifies a change: the key in a header. Its quotes are optional."""
    if header is None:
        return None
    quoted = re.fullmatch(r'"([!#-\[\]-~]{1,200})"|([!#-\[\]-~]{1,200})', header, re.ASCII)
    if quoted is None:
        raise Problem(
            422,
            "Invalid request",
            "Idempotency-Key: must be 1 to 200 printable ASCII characters without spaces, such as a UUID.",
            "invalid_idempotency_key",
        )
    return Once(f"{target} {quoted[1] or quoted[2]}", body or {})


def _target(request: Request) -> str:
    return f"{request.method} {request.url.path}"


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/json": _FILE, "text/csv": {"schema": {"type": "string"}}}}},
)
async def export_tasks(caller: CallerDep, query: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """Export all your tasks as a file, in JSON or CSV. `POST /api/tasks/import` reads both without loss.

    Times are in UTC and end in Z. In CSV, a cell that begins like a formula has an apostrophe before it.
    """
    parts = await transfer.export(caller.database, caller.user_id, query.format)
    kind = "application/json" if query.format == "json" else "text/csv; charset=utf-8"
    name = f"tasks-{utc_now():%Y-%m-%d}.{query.format}"
    return StreamingResponse(
        parts, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.post("/import", openapi_extra={"requestBody": _IMPORT_BODY})
async def import_tasks(
    caller: ChangingCallerDep, request: Request, query: Annotated[ImportQuery, Query()]
) -> Imported:
    """Import a file: JSON or CSV of this application, or a CSV export of Todoist, plain or in gzip.

    All tasks or none are imported, as one step that `POST /api/undo` undoes. Tasks that were imported before
    are left as they are. With `preview=true`, the response says what would be imported.
    """
    seconds = await request.app.state.rate_limiter.retry_after(f"import {caller.user_id}", _IMPORTS)
    if seconds is not None:
        raise TooManyChangesError(retry_after_seconds=seconds)
    kind = transfer.file_kind(request.headers.get("content-type", ""))
    content = transfer.decompressed(await request.body(), request.headers.get("content-encoding", ""))
    zone = await request.app.state.zone_of(caller.user_id, query.time_zone)
    return await transfer.import_file(caller.database, caller.user_id, content, kind, query, zone)


@router.get("/{task_id}", response_model=TaskOut)
async def get_task(caller: CallerDep, task_id: TaskId) -> Response:
    """Retrieve a task."""
    return _task_response(await service.get_task(caller.database, caller.user_id, task_id))


@router.patch("/{task_id}", response_model=TaskOut)
async def update_task(
    request: Request,
    caller: ChangingCallerDep,
    task_id: TaskId,
    changes: TaskUpdate,
    expected: ExpectedDep,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Update a task. Only the given fields change."""
    once = _once(_target(request), idempotency_key, changes.model_dump(mode="json", exclude_unset=True))
    task = await service.update_task(
        caller.database, caller.user_id, task_id, changes, once=once, expected=expected
    )
    return _task_response(task)


@router.delete("/{task_id}", status_code=204)
async def delete_task(
    request: Request,
    caller: ChangingCallerDep,
    task_id: TaskId,
    expected: ExpectedDep,
    idempotency_key: KeyHeader = None,
) -> None:
    """Delete a task. `POST /api/undo` restores it for 30 days."""
    once = _once(_target(request), idempotency_key)
    await service.delete_task(caller.database, caller.user_id, task_id, once=once, expected=expected)


@router.post("/{task_id}/move", response_model=TaskOut)
async def move_task(caller: ChangingCallerDep, task_id: TaskId, move: TaskMove) -> Response:
    """Move a task in the order by hand (`sort=hand`), before another task or to the end.

    New tasks come first. Concurrent moves are made one after another.
    """
    return _task_response(await ordering.move_task(caller.database, caller.user_id, task_id, move.before))


@router.post("/{task_id}/complete", response_model=TaskOut)
async def complete_task(
    request: Request,
    caller: ChangingCallerDep,
    task_id: TaskId,
    expected: ExpectedDep,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Mark a task as done. Has no effect on a task that is already done."""
    once = _once(_target(request), idempotency_key)
    task = await service.set_completed(
        caller.database, caller.user_id, task_id, completed=True, once=once, expected=expected
    )
    return _task_response(task)


@router.post("/{task_id}/reopen", response_model=TaskOut)
async def reopen_task(
    request: Request,
    caller: ChangingCallerDep,
    task_id: TaskId,
    expected: ExpectedDep,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Mark a task as not done. Has no effect on an open task."""
    once = _once(_target(request), idempotency_key)
    task = await service.set_completed(
        caller.database, caller.user_id, task_id, completed=False, once=once, expected=expected
    )
    return _task_response(task)
