"""Traces of requests and of their statements, sent to a collector as OTLP over HTTP in JSON.

Imported only when OTEL_EXPORTER_OTLP_ENDPOINT names a collector. OpenTelemetry's own packages would add
about 10 MB to the image for this one exporter. A trace continues that of the caller's `traceparent`, unless
the caller does not sample it. Statements have no parameters in them, and paths are the route's pattern.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.admission import ALWAYS
from app.database import Database
from app.database.connection import Driver
from app.database.statements import DriverCall
from app.problems import Problem
from app.settings import Settings

KEPT_SPANS = 2048
"""Spans that wait for the collector. Later ones are dropped, and counted in the log."""
SENT_SPANS = 512
INTERVAL_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
STATEMENT_CHARACTERS = 2000
SERVER, CLIENT = 2, 3
_ERROR = 2
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Span:
    """One piece of work, from its start to its end in nanoseconds since 1970."""

    name: str
    kind: int
    trace_id: str
    parent_id: str = ""
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    start_ns: int = field(default_factory=time.time_ns)
    end_ns: int = 0
    attributes: dict[str, str | int] = field(default_factory=dict)
    failed: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the span in OTLP's form."""
        return {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "parentSpanId": self.parent_id,
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": str(self.start_ns),
            "endTimeUnixNano": str(self.end_ns),
            "attributes": _attributes(self.attributes),
            "status": {"code": _ERROR} if self.failed else {},
        }


_current: ContextVar[Span | None] = ContextVar("span", default=None)


class Exporter:
    """Sends spans in batches from the background. A batch that the collector does not take is dropped."""

    def __init__(self, endpoint: str, headers: dict[str, str], resource: dict[str, str | int]) -> None:
        self._address = f"{endpoint.rstrip('/')}/v1/traces"
        self._headers, self._resource = headers, resource
        self._spans: list[Span] = []
        self._dropped = 0
        self._reported = False
        self._sending: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """The number of spans that are not sent yet."""
        return len(self._spans)

    def add(self, span: Span) -> None:
        """Take a span that has ended."""
        if len(self._spans) >= KEPT_SPANS:
            self._dropped += 1
            return
        self._spans.append(span)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_later(), name="traces")

    async def close(self) -> None:
        """Send what is left, once."""
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        await self._send()

    async def _send_later(self) -> None:
        while self._spans:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self._send()

    async def _send(self) -> None:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, headers=self._headers) as client:
            while self._spans:
                batch, self._spans = self._spans[:SENT_SPANS], self._spans[SENT_SPANS:]
                try:
                    (await client.post(self._address, json=self._request(batch))).raise_for_status()
                    self._reported = False
                except httpx2.HTTPError as error:
                    lost = len(batch) + self._dropped
                    if not self._reported:
                        log.warning("traces not sent", error=type(error).__name__, spans=lost)
                    self._reported, self._dropped = True, 0
                    # The others are tried again later.
                    return

    def _request(self, spans: Sequence[Span]) -> dict[str, Any]:
        scope = {"scope": {"name": "app.tracing"}, "spans": [span.as_json() for span in spans]}
        resource = {"attributes": _attributes(self._resource)}
        return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


class TracingMiddleware:
    """Records a span of each request, inside of the middleware that begins the log of a request."""

    def __init__(self, app: ASGIApp, exporter: Exporter) -> None:
        self._app, self._exporter = app, exporter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        caller = _TRACEPARENT.fullmatch(Headers(scope=scope).get("traceparent", ""))
        if caller and not int(caller[3], 16) & 1:
            await self._app(scope, receive, send)
            return
        trace_id, parent_id = (caller[1], caller[2]) if caller else (secrets.token_hex(16), "")
        span = Span(scope["method"], SERVER, trace_id, parent_id)
        scope["trace_id"] = trace_id
        structlog.contextvars.bind_contextvars(trace_id=trace_id)
        status = 0

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        token = _current.set(span)
        try:
            await self._app(scope, receive, noting_send)
        except Problem as problem:
            status = status or problem.status_code
            raise
        except Exception:
            status = status or 500
            raise
        finally:
            _current.reset(token)
            route = getattr(scope.get("route"), "path", "unknown")
            span.name = f"{scope['method']} {route}"
            span.attributes |= {"http.request.method": scope["method"], "http.route": route}
            span.attributes |= {"url.scheme": scope["scheme"], "http.response.status_code": status}
            span.failed = status >= 500
            span.end_ns = time.time_ns()
            self._exporter.add(span)


class TracedDriver:
    """Records a span of each run of a driver, which SQLAlchemy does not see."""

    def __init__(self, driver: Driver, tracer: "Tracer") -> None:
        self._driver, self._tracer = driver, tracer
        self.dialect, self.errors = driver.dialect, driver.errors

    async def run(self, calls: Sequence[DriverCall], *, read_only: bool) -> list[list[Any]]:
        """See `Driver.run`."""
        with self._tracer.statement("; ".join(call.compiled.sql for call in calls)):
            return await self._driver.run(calls, read_only=read_only)

    async def close(self) -> None:
        await self._driver.close()


class Tracer:
    """Records the statements of a database, as parts of the request that executes them."""

    def __init__(self, database: Database, exporter: Exporter) -> None:
        self._exporter = exporter
        self._system = database.kind
        engine = database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._begin)
        event.listen(engine, "after_cursor_execute", self._end)
        event.listen(engine, "handle_error", self._fail)

    @contextmanager
    def statement(self, sql: str) -> Iterator[None]:
        """Record what the block does as a span of the current request."""
        span = self._span(sql)
        try:
            yield
        except BaseException:
            if span:
                span.failed = True
            raise
        finally:
            self._finish(span)

    def _span(self, sql: str) -> Span | None:
        if (request := _current.get()) is None:
            return None
        operation = sql.split(None, 1)[0].upper()
        span = Span(f"{operation} {self._system}", CLIENT, request.trace_id, request.span_id)
        span.attributes |= {"db.system.name": self._system, "db.operation.name": operation}
        span.attributes["db.query.text"] = sql[:STATEMENT_CHARACTERS]
        return span

    def _finish(self, span: Span | None) -> None:
        if span:
            span.end_ns = time.time_ns()
            self._exporter.add(span)

    def _begin(
        self, _connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool
    ) -> None:
        context.traced = self._span(sql)

    def _end(
        self, _connection: Any, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool
    ) -> None:
        self._finish(getattr(context, "traced", None))

    def _fail(self, failure: ExceptionContext) -> None:
        if span := getattr(failure.execution_context, "traced", None):
            span.failed = True
            self._finish(span)


def install(app: FastAPI, settings: Settings) -> None:
    """Trace the requests of an application and the statements of its database."""
    headers = settings.otel_exporter_otlp_headers
    pairs = headers.get_secret_value().split(",") if headers else ()
    given = {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs)}
    resource: dict[str, str | int] = {
        "service.name": settings.otel_service_name,
        "service.version": settings.version,
    }
    exporter = app.state.traces = Exporter(settings.otel_exporter_otlp_endpoint or "", given, resource)
    tracer = Tracer(app.state.database, exporter)
    app.state.database.replace_driver(lambda driver: TracedDriver(driver, tracer))
    app.add_middleware(TracingMiddleware, exporter=exporter)


def _attributes(values: dict[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]
