"""The open streams of events of one process.

While a stream is open, one task asks the database for the events of everybody and hands them out. A stream
costs no connection to the database.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.database import CannotListenError, Database
from app.errors import OverloadedError, RefusalError
from app.events.source import Event, notified, polled
from app.instants import iso_instant

STREAMS = 250
"""The streams of a process. With those of the chat, they leave connections for other requests."""
STREAMS_PER_USER = 12
HEARTBEAT_SECONDS = 15.0
CHECK_SECONDS = 60.0
"""Interval at which a stream verifies that its session is active, besides when a session ends."""
RETRY_SECONDS = 1.0
MOST_SUBJECTS = 50
"""More changes at once are sent as one, without their subjects."""

_HEARTBEAT = b": heartbeat\n\n"
_Subjects = dict[tuple[str, str | None], datetime | None]

log = structlog.get_logger(__name__)


class TooManyStreamsError(RefusalError):
    """The user exceeded the limit for open streams."""

    status = 429
    title = "Too many streams"
    code = "too_many_streams"
    detail = f"At most {STREAMS_PER_USER} windows are updated at the same time. Close one of them."


class _Stream:
    """Changes that a page has not received yet. Repeated changes of the same subject are one."""

    def __init__(self) -> None:
        self._pending: _Subjects = {}
        self._has_news = asyncio.Event()
        self.is_ended = False

    def add(self, kind: str, subject: str | None = None, at: datetime | None = None) -> None:
        if (kind, None) not in self._pending:
            self._pending[kind, subject] = at
        if len(self._pending) > MOST_SUBJECTS:
            self._pending = dict.fromkeys((kind, None) for kind, _ in self._pending)
        self._has_news.set()

    def end(self) -> None:
        self.is_ended = True
        self._has_news.set()

    async def take(self) -> _Subjects:
        """Return the changes since the last call; none after HEARTBEAT_SECONDS, or at the end."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._has_news.wait()
        except TimeoutError:
            return {}
        taken, self._pending = self._pending, {}
        if not self.is_ended:
            self._has_news.clear()
        return taken


class Feed:
    """The open streams of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: dict[str, set[_Stream]] = {}
        self._count = 0
        self._running: asyncio.Task[None] | None = None
        self._is_current = False
        self._is_closed = False

    def check_room(self, user_id: str) -> None:
        """Refuse another stream of a user when there are too many.

        Raises:
            TooManyStreamsError: when the user has STREAMS_PER_USER.
            OverloadedError: when the process has STREAMS, or shuts down.
        """
        if len(self._streams.get(user_id, ())) >= STREAMS_PER_USER:
            raise TooManyStreamsError(retry_after_seconds=int(HEARTBEAT_SECONDS))
        if self._is_closed or self._count >= STREAMS:
            raise OverloadedError

    async def stream(
        self, user_id: str, is_active: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[bytes, None]:
        """Yield a user's events as server-sent events, until the session ends or the server shuts down.

        The event `ready` says that changes up to now may have been missed, and later ones will not be.

        Args:
            is_active: returns whether the session of the stream has not ended.
        """
        stream = self._open(user_id)
        checked_at = time.monotonic()
        try:
            # Proxies pass the headers on with the first bytes.
            yield _HEARTBEAT
            while not stream.is_ended:
                changes = await stream.take()
                is_due = time.monotonic() - checked_at >= CHECK_SECONDS
                if is_due or any(kind == "account" for kind, _ in changes):
                    checked_at = time.monotonic()
                    if not await is_active():
                        yield _encoded("account", None, None)
                        return
                events = [_encoded(kind, subject, at) for (kind, subject), at in changes.items()]
                if events or not stream.is_ended:
                    yield b"".join(events) or _HEARTBEAT
        finally:
            self._close(user_id, stream)

    def close(self) -> None:
        """End all streams for a shutdown. The pages open new ones on other servers."""
        self._is_closed = True
        for streams in self._streams.values():
            for stream in streams:
                stream.end()

    def _open(self, user_id: str) -> _Stream:
        stream = _Stream()
        self._streams.setdefault(user_id, set()).add(stream)
        self._count += 1
        if self._is_closed:
            stream.end()
        elif self._running is None:
            self._running = asyncio.create_task(self._run(), name="events")
        elif self._is_current:
            stream.add("ready")
        return stream

    def _close(self, user_id: str, stream: _Stream) -> None:
        self._streams[user_id].discard(stream)
        if not self._streams[user_id]:
            del self._streams[user_id]
        self._count -= 1
        if self._count == 0 and self._running is not None:
            self._running.cancel()
            self._running, self._is_current = None, False

    async def _run(self) -> None:
        source = notified if self._database.kind == "postgresql" else polled
        while True:
            try:
                async with aclosing(source(self._database)) as batches:
                    async for batch in batches:
                        self._hand_out(batch)
            except CannotListenError:
                source = polled
                continue
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("no events", error=type(error).__name__)
            except Exception:
                # Without this task, all open pages would wait for ever.
                log.exception("no events")
            self._is_current = False
            await asyncio.sleep(RETRY_SECONDS)

    def _hand_out(self, batch: list[Event]) -> None:
        if not batch:
            self._is_current = True
            for streams in self._streams.values():
                for stream in streams:
                    stream.add("ready")
        for event in batch:
            for stream in self._streams.get(event.user_id, ()):
                stream.add(event.kind, event.subject, event.at)


def _encoded(kind: str, subject: str | None, at: datetime | None) -> bytes:
    values: dict[str, Any] = {"kind": kind}
    if subject is not None and at is not None:
        values |= {"id": subject, "at": iso_instant(at)}
    return f"data: {json.dumps(values, separators=(',', ':'))}\n\n".encode()
