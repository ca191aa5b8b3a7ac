"""HTTP for tasks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.accounts.dependencies import CurrentUser
from app.database.dependencies import SessionDep
from app.pagination import InvalidCursorError
from app.problems import Problem
from app.tasks import service
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
async def create_task(user: CurrentUser, session: SessionDep, new: TaskCreate, response: Response) -> TaskOut:
    """Add a task."""
    task = await service.create_task(session, user.id, new)
    response.headers["Location"] = f"{router.prefix}/{task.id}"
    return TaskOut.of(task)


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
