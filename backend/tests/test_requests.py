"""The middleware's behaviour for every request."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.main import create_app
from app.requests import MAXIMUM_BODY
from app.settings import Settings
from backend.tests.browsers import Person, browser

ROOT = Path(__file__).parents[2]
SignIn = Callable[..., Awaitable[Person]]


@pytest.fixture
def database_kind() -> str:
    """Use one database, because these tests are about HTTP."""
    return "sqlite"


async def test_a_valid_request_id_is_kept(client: Person) -> None:
    response = await client.get("/api/tasks", headers={"x-request-id": "trace-0123.45_6"})
    assert response.headers["x-request-id"] == "trace-0123.45_6"
    assert response.json()["request_id"] == "trace-0123.45_6"


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "<script>alert(1)</script>", 'a"b{c}d\\e'])
async def test_any_other_request_id_is_replaced(client: Person, given: str) -> None:
    response = await client.get("/api/tasks", headers={"x-request-id": given})
    assert len(response.headers["x-request-id"]) == 32


async def test_responses_have_security_and_cache_headers(client: Person) -> None:
    headers = (await client.get("/api/tasks")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(("url", "sent"), [("https://todo.example", "max-age=31536000"), (None, None)])
async def test_browsers_keep_to_https_where_the_site_has_it(
    app: FastAPI, client: Person, url: str | None, sent: str | None
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"frontend_url": url})
    assert (await client.get("/api/tasks")).headers.get("strict-transport-security") == sent


async def test_an_unknown_path_is_a_problem(client: Person) -> None:
    response = await client.get("/api/nothing")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "code": "not_found",
        "request_id": response.headers["x-request-id"],
    }


async def test_a_wrong_method_is_a_problem_with_the_allowed_ones(client: Person) -> None:
    response = await client.put("/health")
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize("path", ["/api/tasks", "/api/auth/sign-up/email"])
async def test_a_declared_body_above_the_limit_is_refused(signed_in: SignIn, path: str) -> None:
    ada = await signed_in("Ada")
    response = await ada.post(
        path, content=b"x" * 10 * MAXIMUM_BODY, headers={"content-type": "application/json"}
    )
    assert response.status_code == 413
    assert response.json()["code"].lower() == "request_too_large"


@pytest.mark.parametrize("path", ["/api/tasks", "/api/auth/sign-up/email"])
async def test_a_streamed_body_above_the_limit_is_refused(signed_in: SignIn, path: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * (MAXIMUM_BODY // 10)

    ada = await signed_in("Ada")
    response = await ada.post(path, content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.json()["code"].lower() == "request_too_large"


HOSTILE: dict[str, Any] = {
    "half an object": b'{"title": ',
    "bytes that are not text": b"\xff\xfe\x00",
    "a deep body": b"[" * 100_000,
    "a deep value": b'{"title": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a deep whole body": b'{"title": ' + b'{"a": ' * 15_000 + b"1" + b"}" * 15_000 + b"}",
    "many members": b"{" + b",".join(b'"a%d": 1' % number for number in range(9_000)) + b"}",
    "one member many times": b"{" + b'"title": [], ' * 8_000 + b'"title": []}',
    "a long message": b'{"title": "' + b"x" * 120_000 + b'"}',
    "a message of white space": b'{"title": "' + b" " * 120_000 + b'"}',
    "an endless number": b'{"title": ' + b"9" * 10_000 + b"}",
    "half a surrogate pair": b'{"title": "\\ud800"}',
    "NUL": b'{"title": "\\u0000"}',
    "a list": b"[]",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/api/tasks", "/api/chat"])
async def test_an_unreadable_body_is_a_problem(signed_in: SignIn, name: str, path: str) -> None:
    ada = await signed_in("Ada")
    body = HOSTILE[name].replace(b"title", b"message") if path == "/api/chat" else HOSTILE[name]
    response = await ada.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.content) < 20_000


async def test_a_validation_problem_names_the_field_and_not_the_value(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    response = await ada.post("/api/tasks", json={"title": "Milk", "priority": "the secret of my life"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "priority"
    assert "the secret of my life" not in response.text


async def test_an_unexpected_error_is_a_problem_with_its_cause_in_the_log(
    settings: Settings, logged: Callable[[], str]
) -> None:
    app = create_app(settings)

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("a broken invariant")

    async with browser(app) as client:
        response = await client.get("/broken?token=hidden", headers={"x-request-id": "the-request"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == "the-request"
    assert "a broken invariant" not in response.text
    output = logged()
    assert "LookupError: a broken invariant" in output
    assert "hidden" not in output


async def test_metrics_are_counted_by_route(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await ada.get("/api/tasks/unknown?token=hidden")
    await ada.request("BREW", "/api/tasks")
    figures = (await ada.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/api/tasks/{task_id}",status="404"} 1.0' in figures
    assert 'method="other"' in figures
    assert "hidden" not in figures
    assert "process_resident_memory_bytes" in figures


async def test_the_dashboard_names_metrics_and_labels_that_exist(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await ada.get("/api/tasks")
    figures = (await ada.get("/metrics")).text
    exported = set(re.findall(r"^([a-z_]+)[ {]", figures, re.MULTILINE))
    labels = set(re.findall(r"[{,]([a-z]+)=", figures)) | {"job", "instance"}
    dashboard = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for text in expressions for name in re.findall(r"\b([a-z_]+)\{", text)}
    assert len(named) > 5
    assert named <= exported
    used = re.findall(r"(?:by \(|[{,] ?)([a-z, ]+)(?:=|\))", " ".join(expressions))
    assert {name.strip() for names in used for name in names.split(",")} - {""} <= labels


async def test_a_client_that_disconnects_during_its_request_is_no_error(
    app: FastAPI, logged: Callable[[], str]
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    scope = {"type": "http", "method": "POST", "path": "/api/auth/sign-out", "headers": headers}
    await app({**scope, "query_string": b"", "client": ("127.0.0.1", 1)}, receive, send)
    output = logged()
    assert '"status": 499' in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/tasks", "GET, POST"),
        ("OPTIONS", "/api/tasks/x", "DELETE, GET, PATCH"),
        ("POST", "/api/auth/get-session", "GET"),
        ("GET", "/api/auth/sign-up/email", "POST"),
    ],
)
async def test_another_method_names_all_methods_of_the_path(
    client: Person, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)


async def test_every_operation_declares_its_errors_and_credentials(app: FastAPI) -> None:
    document = app.openapi()
    operations = {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    for (method, path), operation in operations.items():
        if not path.startswith("/api/"):
            continue
        errors = {status for status in operation["responses"] if status >= "4"}
        assert "503" in errors, path
        public = {"/api/auth/jwks", "/api/auth/ok", "/api/auth/sign-in/email", "/api/auth/sign-up/email"}
        public |= {"/api/calendar/feed.ics", "/api/auth/request-password-reset"}
        public |= {"/api/auth/reset-password", "/api/auth/reset-password/{token}"}
        assert ("security" in operation) == (path not in public), path
        if path not in public and {} not in operation["security"]:
            assert "401" in errors, path
        if method != "get":
            assert "403" in errors, path
    assert len(operations) > 25
