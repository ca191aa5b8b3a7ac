"""How often somebody may call, counted in the database: the limits hold however many servers there are."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, RowMapping, Text, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Database

LONGEST_WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in a window of so many seconds, which the first of them begins."""

    calls: int
    window_s: int


class RateLimit(Base):
    """The calls of one key in its present window: Better Auth's table.

    `last_request` is the moment, in milliseconds since 1970, when the window began. Better Auth moves it on
    with each call, so that whoever calls every few seconds is refused in the end; here a window ends.
    """

    __tablename__ = "rateLimit"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    count: Mapped[int] = mapped_column(Integer)
    last_request: Mapped[int] = mapped_column("lastRequest", BigInteger)


# Both databases understand this, and one statement cannot let two servers count the same call.
# A window that begins in the future was begun by a clock that has been set back since: it is over, too.
_COUNT = text(
    """
    INSERT INTO "rateLimit" AS counted (id, key, count, "lastRequest") VALUES (:key, :key, 1, :now)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counted."lastRequest" > :now - :window AND counted."lastRequest" < :now + :window
            THEN counted.count + 1 ELSE 1 END,
        "lastRequest" = CASE WHEN counted."lastRequest" > :now - :window
            AND counted."lastRequest" < :now + :window THEN counted."lastRequest" ELSE :now END
    RETURNING count, "lastRequest"
    """
)


class RateLimiter:
    """Counts calls by key.

    Args:
        database: where the counts are, which all servers share.
        clock: seconds since 1970, about the same on all servers.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def retry_after(self, key: str, limit: Limit) -> int | None:
        """Count one call, and return in how many seconds to come again if it is one too many.

        Raises:
            SQLAlchemyError, TimeoutError: when the database cannot be reached.
        """
        now = self._now()
        return self._wait(
            await self._database.execute_alone(_COUNT, _parameters(key, limit, now)), limit, now
        )

    async def retry_after_in(self, session: AsyncSession, key: str, limit: Limit) -> int | None:
        """Do the same in a transaction: where that is rolled back, the call has not been counted."""
        now = self._now()
        return self._wait(
            (await session.execute(_COUNT, _parameters(key, limit, now))).mappings().one(), limit, now
        )

    async def forget_past(self) -> None:
        """Delete the counts of windows that are over."""
        async with self._database.transaction() as session:
            ended = RateLimit.last_request < self._now() - LONGEST_WINDOW_S * 1000
            await session.execute(delete(RateLimit).where(ended))

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @staticmethod
    def _wait(counted: RowMapping, limit: Limit, now: int) -> int | None:
        if counted["count"] <= limit.calls:
            return None
        left = limit.window_s + (int(counted["lastRequest"]) - now) / 1000
        return max(math.ceil(left), 1)


def _parameters(key: str, limit: Limit, now: int) -> dict[str, Any]:
    return {"key": key, "now": now, "window": limit.window_s * 1000}
