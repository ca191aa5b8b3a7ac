"""Admission control: a bounded number of requests in work, a short queue, and a prompt refusal of the rest.

A server that accepts everything makes everybody wait and then fails all. Here, the latency of what is
accepted stays below a second at any load. Health checks are always accepted, so that an orchestrator does not
take an overloaded server for a broken one.
"""

import asyncio
from collections import deque

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RETRY_SECONDS, OverloadedError
from app.problems import overloaded, problem_response

WORKING = 16
WAITING = 32
LONGEST_WAIT_SECONDS = 0.8
ALWAYS = {"/health", "/api/health", "/ready", "/metrics"}
"""The paths that machines poll. They are never refused, and logged at debug level unless they fail."""


class Admission:
    """The places of one process.

    Args:
        working: the number of requests in work.
        waiting: the number of requests that may wait.
    """

    def __init__(self, working: int = WORKING, waiting: int = WAITING) -> None:
        self._free = working
        self._waiting = waiting
        self._queue: deque[asyncio.Future[None]] = deque()
        # Made once: a refusal must cost less than what it spares.
        self._refusals = [
            bytes(problem_response(overloaded(), path).body) for path in ("/api/", "/api/auth/")
        ]

    def is_full(self, path: str) -> bool:
        """Return whether a request for a path has to be refused."""
        return len(self._queue) >= self._waiting and path not in ALWAYS

    async def refuse(self, path: str, send: Send) -> None:
        """Send the refusal."""
        body = self._refusals[path.startswith("/api/auth/")]
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", str(RETRY_SECONDS).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": OverloadedError.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def enter(self) -> None:
        """Wait for a place.

        Raises:
            Problem: 503 when too many wait already, or no place becomes free in time.
        """
        if self._free > 0:
            self._free -= 1
            return
        if len(self._queue) >= self._waiting:
            raise overloaded()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await place
        except (TimeoutError, asyncio.CancelledError) as error:
            if not place.cancelled():
                # The place became free at the same moment.
                self.leave()
            elif place in self._queue:
                self._queue.remove(place)
            raise (overloaded() if isinstance(error, TimeoutError) else error) from None

    def leave(self) -> None:
        """Give the place to the next request that waits."""
        while self._queue:
            place = self._queue.popleft()
            if not place.cancelled():
                place.set_result(None)
                return
        self._free += 1


class AdmissionMiddleware:
    """Admits requests in their order of arrival, each after its body has arrived.

    A request leaves when its response starts: its work is done, and a chat stream has a bound of its own.
    """

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        # A slow client waits for itself alone.
        received = await _body(receive) if _has_body(scope) else deque[Message]()
        if received and received[0]["type"] == "http.disconnect":
            # Clients that are disconnected together must not take the places of those that wait.
            raise ClientDisconnect
        await self._admission.enter()
        is_inside = True

        async def replay() -> Message:
            return received.popleft() if received else await receive()

        async def leaving_send(message: Message) -> None:
            nonlocal is_inside
            if is_inside:
                is_inside = False
                self._admission.leave()
            await send(message)

        try:
            await self._app(scope, replay, leaving_send)
        finally:
            if is_inside:
                self._admission.leave()


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _body(receive: Receive) -> deque[Message]:
    """Return a whole body as one message, or the disconnection. `receive` limits the size."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return deque([message])
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return deque([{**message, "body": b"".join(pieces)}])
