"""Periodic work on expired rows, in the background of every server."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

INTERVAL_S = 300.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def expiring(
    deletions: Sequence[Callable[[], Awaitable[None]]],
    recovery: Callable[[], Awaitable[None]],
    recovery_delays_s: Sequence[float],
) -> AsyncIterator[None]:
    """Delete expired rows every five minutes while the block runs.

    Args:
        deletions: delete expired rows.
        recovery: also repairs what a killed server left behind, so it runs soon after the start, too.
        recovery_delays_s: the seconds before each of these runs.
    """
    running = asyncio.create_task(_run(deletions, recovery, recovery_delays_s), name="expiry")
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _run(
    deletions: Sequence[Callable[[], Awaitable[None]]],
    recovery: Callable[[], Awaitable[None]],
    recovery_delays_s: Sequence[float],
) -> None:
    for delay_s in recovery_delays_s:
        await asyncio.sleep(delay_s)
        await _attempt(recovery)
    while True:
        # Spread the deletions of servers that start at the same time.
        await asyncio.sleep(INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311
        for deletion in (recovery, *deletions):
            await _attempt(deletion)


async def _attempt(deletion: Callable[[], Awaitable[None]]) -> None:
    try:
        await deletion()
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("nothing deleted", error=type(error).__name__)
    except Exception:
        # A defect in one of them must not end the others.
        log.exception("nothing deleted")
