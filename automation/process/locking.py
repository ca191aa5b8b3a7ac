"""Locks that hold between processes and that the system releases when their owner dies, however it dies."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import AsyncFileLock, Timeout

from automation.process import files


@asynccontextmanager
async def locked(file: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock on the file for the block. Calls `waiting` once when another process has it."""
    files.make_directory(file.parent)
    lock = AsyncFileLock(file, run_in_executor=False)
    try:
        await lock.acquire(timeout=0)
    except Timeout:
        waiting()
        await lock.acquire()
    try:
        yield
    finally:
        await lock.release()
