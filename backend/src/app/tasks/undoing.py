"""The endpoint that undoes changes of tasks."""

from fastapi import APIRouter

from app.tasks import journal
from app.tasks.endpoints import ChangingCallerDep
from app.tasks.journal import Undone, UndoRequest

router = APIRouter(prefix="/api", tags=["tasks"])


@router.post("/undo")
async def undo(caller: ChangingCallerDep, request: UndoRequest) -> Undone:
    """Undo your last change of tasks, a named step, or the last change of one task.

    Changes of one request, or of one message in the chat, are one step. Changes can be undone for 30 days; a
    deleted task returns with the same id and times. Returns 404 if there is nothing to undo, and 409 if the
    step was undone before or its tasks have changed since.
    """
    return await journal.undo(caller.database, caller.user_id, request)
