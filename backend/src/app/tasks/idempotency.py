"""Idempotent changes, whose outcome is stored under a key.

A client may lose the response to a successful request when the connection breaks or the server is killed. A
retry with the same key returns the stored outcome.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database, UtcDateTime, utc_now
from app.errors import KeyReusedError
from app.tasks.models import Task
from app.tasks.schemas import TaskOut

JsonObject = dict[str, Any]
KEPT = timedelta(days=1)
"""The retention period of an outcome."""


class IdempotencyKey(Base):
    """A key, a hash of its request, and the resulting task as JSON."""

    __tablename__ = "idempotency_key"

    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[JsonObject] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class Once:
    """Identifies an idempotent change.

    `key` identifies the request and its target; `request` contains its parameters.
    """

    key: str
    request: JsonObject


# Both databases support this. On PostgreSQL it waits for a concurrent transaction with the same key.
_CLAIM = text(
    "INSERT INTO idempotency_key (user_id, key, fingerprint, outcome, created_at)"
    " VALUES (:user_id, :key, :fingerprint, '{}', :now) ON CONFLICT DO NOTHING RETURNING key"
).bindparams(bindparam("now", type_=UtcDateTime))


async def once(
    session: AsyncSession,
    user_id: str,
    key: str,
    request: JsonObject,
    work: Callable[[], Awaitable[Task]],
) -> TaskOut:
    """Change a task in this transaction and return it; for a repeated key, return the stored outcome.

    Args:
        session: a transaction that ends with the change: both are stored, or neither.
        user_id: the owner of the key.
        key: the key, with the name of its target.
        request: the parameters of the request.
        work: makes the change.

    Raises:
        KeyReusedError: when the key belongs to a different request.
    """
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"))
    fingerprint = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    parameters = {"user_id": user_id, "key": key, "fingerprint": fingerprint, "now": utc_now()}
    of_key = (IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    if (await session.execute(_CLAIM, parameters)).one_or_none() is not None:
        task = TaskOut.of(await work())
        outcome = task.model_dump(mode="json")
        await session.execute(update(IdempotencyKey).where(*of_key).values(outcome=outcome))
        return task
    first = (await session.scalars(select(IdempotencyKey).where(*of_key))).one()
    if first.fingerprint != fingerprint:
        raise KeyReusedError("Idempotency-Key: was used for a different task; each task needs its own.")
    return TaskOut.model_validate(first.outcome)


async def forget_past(database: Database) -> None:
    """Delete the expired keys."""
    async with database.transaction() as session:
        await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < utc_now() - KEPT))
