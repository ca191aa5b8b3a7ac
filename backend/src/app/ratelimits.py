"""Rate limits counted in the database, so that all servers share them."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Call, Database, Statement, new_id

LONGEST_WINDOW_S = 60
USERS_COUNTED = 10_000
KEYS_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Limit:
    """The number of requests allowed in a window of seconds. The first request starts the window."""

    calls: int
    window_s: int
    block: int = 1
    """The calls that a server counts in advance, so that one statement suffices for all of them. The limit is
    never exceeded. It falls by what servers count and do not need."""


class RateLimit(Base):
    """The number of requests of one key in its current window, in Better Auth's table.

    `last_request` is the start of the window in milliseconds since 1970. Better Auth updates it with each
    request, so a client that calls every few seconds is eventually refused; here, the window ends.
    """

    __tablename__ = "rateLimit"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    count: Mapped[int] = mapped_column(Integer)
    last_request: Mapped[int] = mapped_column("lastRequest", BigInteger)


# Both databases support this statement. As one statement it is atomic across servers. A window that starts
# in the future was written before a clock was set back, and counts as expired.
_COUNT = Statement(
    text(
        """
    INSERT INTO "rateLimit" AS counted (id, key, count, "lastRequest") VALUES (:id, :key, :calls, :now)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counted."lastRequest" > :now - :window AND counted."lastRequest" < :now + :window
            THEN counted.count + :calls ELSE :calls END,
        "lastRequest" = CASE WHEN counted."lastRequest" > :now - :window
            AND counted."lastRequest" < :now + :window THEN counted."lastRequest" ELSE :now END
    RETURNING count, "lastRequest"
    """
    ).columns(count=Integer, lastRequest=BigInteger)
)


class RateLimiter:
    """Counts requests by key.

    Args:
        database: stores the counts, shared by all servers.
        clock: returns the seconds since 1970, approximately the same on all servers.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        # By key: the calls that are left of the block, and the start of its window.
        self._blocks: dict[str, tuple[int, int]] = {}
        self._counting: dict[str, asyncio.Task[int | None]] = {}

    async def retry_after(self, key: str, limit: Limit) -> int | None:
        """Count a request and return the seconds until a retry if it exceeds the limit, else None.

        Raises:
            SQLAlchemyError, TimeoutError: when the database is unavailable.
        """
        if limit.block == 1:
            return await self._count(key, limit)
        _, start = self._blocks.get(key, (0, 0))
        if abs(self._now() - start) >= limit.window_s * 1000:
            self._blocks.pop(key, None)
        while True:
            left, start = self._blocks.get(key, (0, 0))
            if left > 0:
                self._blocks[key] = left - 1, start
                return None
            # Concurrent requests share a block, instead of counting one each. A count that is done is
            # replaced: its block is used up, and waiting for it would not let any other task run.
            if (counting := self._counting.get(key)) is None or counting.done():
                counting = self._counting[key] = asyncio.create_task(self._count(key, limit))
                counting.add_done_callback(partial(self._counted, key))
            if (seconds := await asyncio.shield(counting)) is not None:
                return seconds

    async def _count(self, key: str, limit: Limit) -> int | None:
        now = self._now()
        [[counted]] = await self._database.execute(Call(_COUNT, _parameters(key, limit, now)))
        seconds = self._wait(counted, limit, now)
        if limit.block > 1 and seconds is None:
            self._blocks[key] = limit.block, counted["lastRequest"]
            if len(self._blocks) > KEYS_COUNTED:
                del self._blocks[next(iter(self._blocks))]
        return seconds

    def _counted(self, key: str, counting: asyncio.Task[int | None]) -> None:
        if self._counting.get(key) is counting:
            del self._counting[key]
        if not counting.cancelled():
            # Retrieve it, even if everybody who waited has gone.
            counting.exception()

    async def retry_after_in(self, session: AsyncSession, key: str, limit: Limit) -> int | None:
        """Like `retry_after`, within a transaction: a rollback also reverts the count."""
        now = self._now()
        result = await session.execute(_COUNT.core, _parameters(key, limit, now))
        return self._wait(dict(result.mappings().one()), limit, now)

    async def forget_past(self) -> None:
        """Delete the counts of expired windows."""
        async with self._database.transaction() as session:
            ended = RateLimit.last_request < self._now() - LONGEST_WINDOW_S * 1000
            await session.execute(delete(RateLimit).where(ended))

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @staticmethod
    def _wait(counted: Mapping[str, Any], limit: Limit, now: int) -> int | None:
        if counted["count"] <= limit.calls:
            return None
        left = limit.window_s + (int(counted["lastRequest"]) - now) / 1000
        return max(math.ceil(left), 1)


class ChangeLimiter:
    """Limits the changes of each user on this server: a bucket that refills steadily.

    It costs no statement, unlike `RateLimiter`, so every change can afford it.

    Args:
        clock: returns seconds that only increase.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def retry_after(self, user_id: str, per_minute: int) -> int | None:
        """Count a change and return the seconds until a retry if it exceeds the limit, else None."""
        now = self._clock()
        left, at = self._buckets.pop(user_id, (float(per_minute), now))
        left = min(per_minute, left + (now - at) * per_minute / LONGEST_WINDOW_S)
        is_allowed = left >= 1
        self._buckets[user_id] = (left - is_allowed, now)
        if len(self._buckets) > USERS_COUNTED:
            # The user whose last change is longest ago.
            del self._buckets[next(iter(self._buckets))]
        return None if is_allowed else math.ceil((1 - left) * LONGEST_WINDOW_S / per_minute)


def _parameters(key: str, limit: Limit, now: int) -> dict[str, Any]:
    # With an id of its own, a concurrent insertion can only meet the other one at the key.
    return {
        "id": new_id(),
        "key": key,
        "calls": limit.block,
        "now": now,
        "window": limit.window_s * 1000,
    }
