"""Locks that hold between processes and that the system releases when their owner dies, however it dies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from automation.process import files

_RETRY_SECONDS = 0.1


def try_lock(file: Path) -> FileLock | None:
    """Take the lock on the file, or return None when another process has it. Raises AutomationError."""
    files.make_directory(file.parent)
    lock = FileLock(file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


@asynccontextmanager
async def locked(file: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock on the file for the block. Calls `waiting` once when another process has it."""
    lock = try_lock(file)
    if lock is None:
        waiting()
    while lock is None:
        await asyncio.sleep(_RETRY_SECONDS)
        lock = try_lock(file)
    try:
        yield
    finally:
        lock.release()
