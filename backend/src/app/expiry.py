"""Periodic deletion of expired rows, in the background of every server."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

INTERVAL_S = 300.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def expiring(deletions: Sequence[Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Delete expired rows every five minutes while the block runs."""
    running = asyncio.create_task(_run(deletions), name="expiry")
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _run(deletions: Sequence[Callable[[], Awaitable[None]]]) -> None:
    while True:
        # Spread the deletions of servers that start at the same time.
        await asyncio.sleep(INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311
        for deletion in deletions:
            try:
                await deletion()
            except (SQLAlchemyError, TimeoutError) as error:
                log.warning("nothing deleted", error=type(error).__name__)
