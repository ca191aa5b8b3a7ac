"""Traces reach a collector, with a request's statements as its parts; without one, nothing is loaded."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app import tracing
from app.main import create_app
from app.settings import Settings
from backend.tests.browsers import Person, browser
from backend.tests.servers import SOURCE

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
Span = dict[str, Any]


class Collector:
    """An OTLP/HTTP receiver."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                collector.requests.append((self.path, self.headers.get("x-key", ""), body))
                self.send_response(collector.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def spans(self) -> list[Span]:
        """Every span that arrived, with its attributes as a dictionary."""
        found = []
        for _, _, body in self.requests:
            for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                attributes = {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}
                found.append(span | {"attributes": attributes})
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()
    thread.join()


@pytest.fixture
async def traced(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Person]:
    monkeypatch.setattr(tracing, "INTERVAL_SECONDS", 0.01)
    values = {
        "otel_exporter_otlp_endpoint": collector.address,
        "otel_exporter_otlp_headers": SecretStr("x-key=secret"),
    }
    app = create_app(settings.model_copy(update=values))
    async with app.router.lifespan_context(app), browser(app) as person:
        yield person


async def until(condition: Callable[..., Any]) -> Any:
    """Wait until a condition holds, and return its value."""
    async with asyncio.timeout(30):
        while True:
            if value := condition():
                return value
            await asyncio.sleep(0.01)


async def spans_of(collector: Collector, name: str) -> list[Span]:
    """Wait for the span with this name; return it and its parts."""
    found = await until(lambda: [span for span in collector.spans if span["name"] == name])
    parts = [span for span in collector.spans if span["parentSpanId"] == found[0]["spanId"]]
    return [found[0], *parts]


async def sign_up(person: Person) -> None:
    body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
    answer = await person.post("/api/auth/sign-up/email", json=body)
    assert answer.status_code == 200, answer.text


async def test_a_request_and_its_statements_are_one_trace(
    traced: Person, collector: Collector, database_kind: str
) -> None:
    await sign_up(traced)
    answer = await traced.post("/api/tasks", json={"title": "hidden"}, headers={"traceparent": CALLER})
    assert answer.status_code == 201, answer.text
    request, *statements = await spans_of(collector, "POST /api/tasks")
    assert (request["traceId"], request["parentSpanId"]) == (TRACE, "00f067aa0ba902b7")
    assert request["kind"] == tracing.SERVER
    assert request["attributes"]["http.response.status_code"] == "201"
    assert {span["traceId"] for span in statements} == {TRACE}
    assert any(span["name"] == f"INSERT {database_kind}" for span in statements)
    for span in statements:
        assert int(request["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
        assert (
            int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <= int(request["endTimeUnixNano"])
        )
    # Statements of SQLAlchemy's transactions too, none of which has a value in it.
    signed_up = await spans_of(collector, "POST /api/auth/sign-up/email")
    assert any("INSERT INTO" in span["attributes"].get("db.query.text", "") for span in signed_up)
    assert not [
        word for word in ("hidden", "ada@example.org", "horse") if word in json.dumps(collector.spans)
    ]
    path, key, body = collector.requests[0]
    assert (path, key) == ("/v1/traces", "secret")
    resource = {item["key"]: item["value"] for item in body["resourceSpans"][0]["resource"]["attributes"]}
    assert resource["service.name"] == {"stringValue": "todo-backend"}


async def test_a_trace_that_the_caller_does_not_sample_and_health_checks_are_not_recorded(
    traced: Person, collector: Collector
) -> None:
    await traced.get("/api/tasks?not=sampled", headers={"traceparent": CALLER[:-2] + "00"})
    await traced.get("/ready")
    await traced.get("/api/tasks", headers={"traceparent": "00-nonsense"})
    request, *_ = await spans_of(collector, "GET /api/tasks")
    assert request["traceId"] != TRACE
    assert request["attributes"]["http.response.status_code"] == "401"
    assert len([span for span in collector.spans if span["kind"] == tracing.SERVER]) == 1


async def test_the_log_and_the_metrics_name_the_trace(traced: Person, logged: Callable[[], str]) -> None:
    await traced.get("/api/tasks", headers={"traceparent": CALLER})
    assert f'"trace_id": "{TRACE}"' in logged()
    plain = await traced.get("/metrics")
    assert TRACE not in plain.text
    figures = await traced.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert figures.headers["content-type"].startswith("application/openmetrics-text")
    assert f'# {{trace_id="{TRACE}"}}' in figures.text


async def test_a_collector_that_fails_is_reported_once_and_disturbs_nothing(
    traced: Person, collector: Collector, logged: Callable[[], str]
) -> None:
    collector.status = 503
    for _ in range(2):
        before = len(collector.requests)
        assert (await traced.get("/api/tasks")).status_code == 401
        await until(lambda before=before: len(collector.requests) > before)
    collector.status = 200
    await traced.get("/api/conversations")
    await spans_of(collector, "GET /api/conversations")
    assert logged().count("traces not sent") == 1


async def test_spans_that_nobody_takes_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "KEPT_SPANS", 2)
    exporter = tracing.Exporter("http://127.0.0.1:9", {}, {})
    for _ in range(5):
        exporter.add(tracing.Span("one", tracing.SERVER, TRACE))
    assert exporter.waiting == 2
    await exporter.close()
    assert exporter.waiting == 0


def test_nothing_is_loaded_without_a_collector(tmp_path: Path) -> None:
    program = (
        "import sys; from app.main import create_app; from app.settings import Settings; "
        "create_app(Settings(better_auth_secret='x' * 32)); print('app.tracing' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
