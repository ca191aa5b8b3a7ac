"""Request middleware: request ids, a body size limit, security headers, logging and error handling."""

import re
import time
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.admission import ALWAYS, Admission
from app.metrics import Metrics
from app.problems import Problem, internal_error, problem_response

MAXIMUM_BODY: Final = 128 * 1024
"""Bytes. The largest valid body is a chat message: 4,000 characters of at most 12 bytes each."""
LARGE_BODIES: Final = {"/api/tasks/import": 1024 * 1024}
"""Bytes, by path. It is the limit of the proxies, too."""
CLIENT_GONE: Final = 499
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")
"""Browsers then use https for the whole site, pages included."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

log = structlog.get_logger(__name__)


class RequestMiddleware:
    """The outermost middleware. Plain ASGI, so that streamed responses remain streamed."""

    def __init__(self, app: ASGIApp, metrics: Metrics, admission: Admission) -> None:
        self._app = app
        self._metrics = metrics
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if self._admission.is_full(path):
            # Neither logged nor read: what costs as much as an answer spares nothing.
            self._metrics.refused.inc()
            await self._admission.refuse(path, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0
        received = 0
        started = time.perf_counter()
        limit = LARGE_BODIES.get(path, MAXIMUM_BODY)

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        async def decorated_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer: list[tuple[bytes, bytes]] = message["headers"]
                answer += ((b"x-request-id", request_id.encode()), *_SECURITY)
                if all(name != b"cache-control" for name, _ in answer):
                    answer.append((b"cache-control", b"no-store"))
                if scope["app"].state.settings.public_url.startswith("https:"):
                    answer.append(_HSTS)
                if scope["app"].state.draining:
                    answer.append((b"connection", b"close"))
            await send(message)

        try:
            with self._metrics.in_flight.track_inprogress():
                length = headers.get("content-length", "")
                if length.isdecimal() and int(length) > limit:
                    await problem_response(_too_large(limit), path)(scope, receive, decorated_send)
                else:
                    await self._app(scope, limited_receive, decorated_send)
        except Problem as problem:
            if status:
                raise
            await problem_response(problem, path)(scope, receive, decorated_send)
        except ClientDisconnect:
            # The client has disconnected; nginx logs the same status for this.
            status = status or CLIENT_GONE
        except Exception:
            log.exception("request failed")
            if status:
                # The headers have been sent. Only closing the connection can signal an incomplete response.
                raise
            await problem_response(internal_error(), path)(scope, receive, decorated_send)
        finally:
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.observe(method, route, status, seconds, scope.get("trace_id", ""))
            client = scope.get("client")
            write = log.debug if path in ALWAYS and status < 500 else log.info
            # The path without its query, which may contain tokens.
            write(
                "request",
                method=method,
                # A token in a path is as secret as one in a query.
                path=route if "{token}" in route else path,
                status=status,
                duration_ms=round(seconds * 1000, 1),
                client=client[0] if client else None,
            )


def _too_large(limit: int) -> Problem:
    return Problem(
        413, "Request too large", f"A request may have at most {limit} bytes.", "request_too_large"
    )
