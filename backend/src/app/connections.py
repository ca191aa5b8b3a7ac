"""Limits on the time, size and number of what clients send before a request begins.

uvicorn waits for a request as long as its client likes, and stores headers of any size. This protocol limits
both. When all connections are in use, it closes the one that has waited longest, so that nobody keeps others
out with connections that ask for nothing.
"""

import asyncio
from typing import Any, Literal, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.problems import Problem, overloaded, problem_response

SECONDS = {"request": 10, "headers": 10, "body": 30}
"""The time for what a connection waits for: its first request, and the parts of each request."""
STALLED_SECONDS = 30
"""The time for which a client may accept nothing of a response that fills its buffers."""
LINGERING_SECONDS = 2
"""The time for a client to read a refusal."""
HEADERS_BYTES = 32 * 1024
"""The size of the request line and all headers."""
CONNECTIONS = 600
"""With a connection to the model for each of 300 streams, below 1,024 open files, the usual limit."""


class HeadersTooLargeError(Exception):
    """The headers of a request exceed HEADERS_BYTES."""


class _Writer:
    """Writes what a turn of the event loop writes at once: the head of a response with its body.

    uvicorn writes them one after the other, and each is a call of the system and a packet.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self._transport.write(b"".join(pieces))


class LimitedProtocol(HttpToolsProtocol):
    """A connection. A timer runs while it waits for its client."""

    _awaited: Literal["request", "headers", "body"] | None = None
    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    waits_since = 0.0
    _received_bytes = 0
    _parsed_bytes = 0
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows the type too
        super().connection_made(cast("asyncio.Transport", _Writer(transport, self.loop)))
        self._awaited = "request"
        self._start_timer()
        if len(self.connections) > CONNECTIONS:
            others = [other for other in self.connections if isinstance(other, LimitedProtocol)]
            idle = [other for other in others if other is not self and other.is_waiting]
            if idle:
                min(idle, key=lambda other: other.waits_since).transport.abort()
            else:
                self._refuse(overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()
        self.resume_writing()

    @property
    def is_waiting(self) -> bool:
        """Whether the connection waits for its client."""
        return self._is_refused or self._awaited is not None or not self._is_in_work

    @property
    def _is_in_work(self) -> bool:
        # There is none before the first request, which uvicorn's types do not say.
        cycle = getattr(self, "cycle", None)
        return cycle is not None and not cycle.response_complete

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        awaited = self._awaited
        super().data_received(data)
        if self._awaited != awaited:
            self._start_timer()
        self._received_bytes += len(data)
        # Of one long header, the parser reports nothing before its end.
        if self._awaited == "headers" and self._received_bytes > HEADERS_BYTES:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._awaited, self._received_bytes, self._parsed_bytes = "headers", 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._awaited = "body"

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._awaited = None

    def on_response_complete(self) -> None:
        self.waits_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the parser does not accept."""
        is_large = self._parsed_bytes > HEADERS_BYTES
        self._refuse(_too_large() if is_large else Problem(400, "Bad request", msg, "bad_request"))

    def _count(self, number: int) -> None:
        self._parsed_bytes += number
        if self._parsed_bytes > HEADERS_BYTES:
            raise HeadersTooLargeError

    def _start_timer(self) -> None:
        """Start the timer for what is awaited now."""
        if self._is_refused:
            return
        self._stop_timer()
        self.waits_since = self.loop.time()
        if self._awaited is not None and not self.transport.is_closing():
            self._timer = self.loop.call_later(SECONDS[self._awaited], self._time_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self._awaited == "request":
            # Browsers open connections in advance: not an error.
            self.transport.close()
        else:
            detail = "The request did not arrive in time."
            self._refuse(Problem(408, "Request timeout", detail, "request_timeout"))

    def _refuse(self, problem: Problem) -> None:
        """Answer without the application, unless that answers already, and close the connection."""
        if self._is_refused:
            return
        is_answering = self._is_in_work
        if is_answering and self._awaited == "body" and not self.pipeline:
            # The application still waits for the body.
            is_answering = self.cycle.response_started
        if is_answering:
            self.transport.close()
            return
        self._stop_timer()
        self._is_refused = True
        if self._is_in_work:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_encoded(problem, getattr(self, "url", b"").decode("latin-1")))
        # A connection that is closed while its client still sends loses the response.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(LINGERING_SECONDS, self.transport.abort)


def limit_connections() -> None:
    """Use `LimitedProtocol` in this process, whichever of its commands and options started uvicorn."""

    def new(cls: type[HttpToolsProtocol], *_: Any, **__: Any) -> HttpToolsProtocol:
        return object.__new__(LimitedProtocol if cls is HttpToolsProtocol else cls)

    # uvicorn takes a protocol only as an option of its command, which plain `uvicorn app.main:app` lacks.
    HttpToolsProtocol.__new__ = new  # type: ignore[method-assign, assignment] # replaces it for all commands


def _too_large() -> Problem:
    return Problem(
        431,
        "Headers too large",
        f"The headers of a request may have at most {HEADERS_BYTES} bytes.",
        "headers_too_large",
    )


def _encoded(problem: Problem, path: str) -> bytes:
    response = problem_response(problem, path)
    lines = [name + b": " + value for name, value in [*response.raw_headers, (b"connection", b"close")]]
    return STATUS_LINE[problem.status_code] + b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body)
