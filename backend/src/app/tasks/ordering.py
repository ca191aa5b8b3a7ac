"""The order of tasks by hand: each has a place, a number between those of its neighbours.

A new task's place follows from its time, without a statement, and precedes all older ones. Where two
neighbours leave no number free, all places of the person are numbered anew.
"""

from typing import Any

from sqlalchemy import column, func, select, table, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.tasks import service
from app.tasks.models import Task
from app.tasks.schemas import TaskOut

_GAP = 1_000_000
_USER = table("user", column("id"))
_GAP_IN_FRONT = 1_000
"""Microseconds: a task that is added after a move to the front still comes first."""


async def move_task(database: Database, user_id: str, task_id: str, before: str | None) -> TaskOut:
    """Move a task before another one, or to the end, and return it.

    Raises:
        TaskNotFoundError: when the user has no task with one of the ids.
    """
    async with database.transaction() as session:
        # Moves of one person wait for each other, on every server.
        await session.execute(select(_USER).where(_USER.c.id == user_id).with_for_update(key_share=True))
        own = (Task.user_id == user_id, Task.id == task_id)
        updated_at = await session.scalar(select(Task.updated_at).where(*own).with_for_update())
        if updated_at is None or "\0" in task_id:
            raise service.TaskNotFoundError
        if before != task_id:
            place = await _place(session, user_id, task_id, before)
            if place is None:
                await _number_anew(session, user_id)
                place = await _place(session, user_id, task_id, before)
            values = {"position": place, "updated_at": service.now_after(updated_at)}
            await session.execute(_unsynchronised(update(Task).where(*own).values(**values)))
    return await service.get_task(database, user_id, task_id)


async def _place(session: AsyncSession, user_id: str, task_id: str, before: str | None) -> int | None:
    """Return a free place before a task or at the end; None if there is none."""
    others = (Task.user_id == user_id, Task.id != task_id)
    if before is None:
        last = await session.scalar(select(func.max(Task.position)).where(*others))
        return (last or 0) + _GAP
    next_place = await session.scalar(select(Task.position).where(*others, Task.id == before))
    if next_place is None:
        raise service.TaskNotFoundError("You have no task with the id in “before”.")
    key: Any = tuple_(Task.position, Task.id)
    in_front = select(Task.position).where(*others, key < tuple_(next_place, before))
    previous = await session.scalar(in_front.order_by(Task.position.desc(), Task.id.desc()).limit(1))
    if previous is None:
        return next_place - _GAP_IN_FRONT
    return None if next_place - previous < 2 else (previous + next_place) // 2


async def _number_anew(session: AsyncSession, user_id: str) -> None:
    """Give each task of a user a place with a gap, in the present order. It is not recorded as a change."""
    mine = Task.user_id == user_id
    first = await session.scalar(select(func.min(Task.position)).where(mine)) or 0
    number = func.row_number().over(order_by=(Task.position, Task.id)).label("number")
    numbered = select(Task.id, number).where(mine).subquery()
    statement = update(Task).where(mine, Task.id == numbered.c.id)
    await session.execute(_unsynchronised(statement.values(position=first + numbered.c.number * _GAP)))


def _unsynchronised(statement: Any) -> Any:
    return statement.execution_options(synchronize_session=False)
