"""Idempotent changes, whose outcome is stored under a key.

A client may lose the response to a successful request when the connection breaks or the server is killed. A
retry with the same key returns the stored outcome.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, bindparam, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Call, Database, Statement, UtcDateTime, insertion, utc_now
from app.errors import KeyReusedError
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

    @property
    def fingerprint(self) -> str:
        """The hash of the request."""
        canonical = json.dumps(self.request, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


_STORED = Statement(
    select(IdempotencyKey.fingerprint, IdempotencyKey.outcome).where(
        IdempotencyKey.user_id == bindparam("user_id"), IdempotencyKey.key == bindparam("key")
    )
)
_STORE = Statement(insertion(IdempotencyKey))


def store(user_id: str, once: Once, outcome: TaskOut) -> Call:
    """Return the call that stores the outcome of a change, in the transaction of the change.

    It fails with IntegrityError when another request stored one first, which undoes the transaction.
    """
    return Call(
        _STORE,
        {
            "user_id": user_id,
            "key": once.key,
            "fingerprint": once.fingerprint,
            "outcome": outcome.model_dump(mode="json"),
            "created_at": utc_now(),
        },
    )


async def stored(database: Database, user_id: str, once: Once) -> TaskOut | None:
    """Return the outcome of an earlier request with this key, or None.

    Raises:
        KeyReusedError: when the key belongs to a different request.
    """
    rows = await database.fetch(_STORED, {"user_id": user_id, "key": once.key})
    if not rows:
        return None
    if rows[0]["fingerprint"] != once.fingerprint:
        raise KeyReusedError("Idempotency-Key: was used for a different request; each request needs its own.")
    return TaskOut.model_validate(rows[0]["outcome"])


async def forget_past(database: Database) -> None:
    """Delete the expired keys."""
    async with database.transaction() as session:
        await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < utc_now() - KEPT))
