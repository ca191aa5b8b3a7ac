"""The OpenAPI document: what FastAPI derives from the code, with all errors and credentials.

Write it without a running server: `python -m app.openapi [FILE]`.
"""

import json
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from app.accounts.schemas import BODIES, Field
from app.settings import SECRET_LENGTH, Settings

Json = dict[str, Any]

_UNSAFE = {"post", "put", "patch", "delete"}
_CREDENTIALS: list[Json] = [{"session": []}, {"bearer": []}]
_ACCESS_TOKENS = "/api/access-tokens"
_PROGRAMS = {"tasks", "preferences", "insights"}
"""The tags of operations that accept access tokens."""
_LIMITED = {*_PROGRAMS, "calendar", "push"}
"""The tags of operations with a rate limit."""
_SCHEMES: Json = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "better-auth.session_token",
        "description": "The session cookie. Changes also need the Origin header of the site.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session token as in `set-auth-token`, or, outside /api/auth and "
        f"{_ACCESS_TOKENS}, a JSON Web Token.",
    },
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "todo_pat_…",
        "description": f"A personal access token, as `POST {_ACCESS_TOKENS}` creates it. One with the scope "
        "`read` gets 403 on changes.",
    },
}
_PROBLEM: Json = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Identifies the problem for programs."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_TASK_CHANGED: Json = {
    "allOf": [
        {"$ref": "#/components/schemas/Problem"},
        {
            "type": "object",
            "required": ["current"],
            "properties": {"current": {"$ref": "#/components/schemas/TaskOut"}},
        },
    ]
}
_ETAG: Json = {
    "description": "The version of the task, for `If-Match`: its `updated_at` in double quotes.",
    "required": True,
    "schema": {"type": "string"},
    "example": '"2026-12-24T17:00:00.123456Z"',
}
_ACCOUNT_ERROR: Json = {
    "type": "object",
    "description": "An error in Better Auth's format.",
    "required": ["message"],
    "properties": {"message": {"type": "string"}, "code": {"type": "string"}},
}
_DESCRIPTIONS = {
    400: "The body is malformed or invalid.",
    401: "There are no valid credentials.",
    403: "The credentials do not suffice: the request comes from another site, the session is too old, or an "
    "access token is read-only or not valid here.",
    404: "You have nothing with this id, or nothing to undo.",
    405: "The path has other methods.",
    409: "This message is being answered, the change cannot be undone any more, or you have too many tokens.",
    412: "The task has another version than the ones in `If-Match`. Nothing changed.",
    413: "The body is too large.",
    415: "The content type is not supported.",
    422: "A value is invalid.",
    429: "Too many requests. `Retry-After` (`X-Retry-After` below /api/auth) has the seconds to wait.",
    503: "The server is overloaded or without its database. `Retry-After` has the seconds to wait.",
}
_RESET_LINK = "/api/auth/reset-password/{token}"
_PUBLIC = {
    *("/api/auth/sign-up/email", "/api/auth/sign-in/email", "/api/auth/jwks", "/api/auth/ok"),
    *("/api/auth/request-password-reset", "/api/auth/reset-password", _RESET_LINK),
}
"""Operations below /api/auth that use no credentials."""
_CALENDAR = "/api/calendar/feed.ics"
"""Needs no credentials but the key in its address."""
_OPTIONAL = {"/api/auth/sign-out", "/api/auth/get-session"}
"""Operations that answer without credentials, too."""
_STREAMS = {"/api/chat", "/api/events"}
"""Operations that answer with server-sent events."""


def describe(app: FastAPI) -> None:
    """Complete the OpenAPI document of an application."""
    derive = app.openapi

    def complete() -> Json:
        if app.openapi_schema is None:
            document = derive()
            components = document.setdefault("components", {})
            components["securitySchemes"] = _SCHEMES
            schemas = components.setdefault("schemas", {})
            schemas |= {"Problem": _PROBLEM, "TaskChanged": _TASK_CHANGED, "AccountError": _ACCOUNT_ERROR}
            # FastAPI's own form of errors, which this application does not use.
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for path, method, operation in _operations(document):
                _complete(path, method, operation)
                _exemplify(f"{method} {path}", operation, schemas)
        return app.openapi_schema or {}

    app.openapi = complete  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _complete(path: str, method: str, operation: Json) -> None:
    is_account = path.startswith("/api/auth/")
    if path in BODIES:
        operation["requestBody"] = _body(path)
    responses: Json = operation["responses"]
    # FastAPI's own; those below include it where it is answered.
    responses.pop("422", None)
    for status in _errors(path, method, operation):
        if is_account:
            content = {"application/json": {"schema": {"$ref": "#/components/schemas/AccountError"}}}
        else:
            name = "TaskChanged" if status == HTTPStatus.PRECONDITION_FAILED else "Problem"
            content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        responses[str(status)] = {"description": _DESCRIPTIONS[status], "content": content}
    for response in responses.values():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref") == "#/components/schemas/TaskOut":
            response["headers"] = {"ETag": _ETAG}
    if path in _STREAMS:
        responses["200"]["content"] = {"text/event-stream": {}}
    if path.startswith("/api/") and path not in {*_PUBLIC, _CALENDAR}:
        extra: list[Json] = [{"accessToken": []}] if operation["tags"][0] in _PROGRAMS else []
        operation["security"] = [*_CREDENTIALS, *extra, *([{}] if path in _OPTIONAL else [])]


def _exemplify(name: str, operation: Json, schemas: Json) -> None:
    """Add the examples of an operation where its models have none."""
    # Needed only for the document.
    from app.examples import REQUESTS, RESPONSES, TEXTS

    bodies = [(operation.get("requestBody", {}), REQUESTS)]
    bodies += [(answer, RESPONSES) for status, answer in operation["responses"].items() if status < "3"]
    for body, examples in bodies:
        for kind, media in body.get("content", {}).items():
            schema = media.get("schema", {})
            own = schemas.get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
            if not {"example", "examples"} & {*media, *own}:
                example = TEXTS.get(kind, examples.get(name))
                if example is not None:
                    media["example"] = example


def _errors(path: str, method: str, operation: Json) -> set[int]:
    if not path.startswith("/api/"):
        return set()
    statuses = {503}
    has_body = "requestBody" in operation
    if path.startswith("/api/auth/"):
        statuses |= {429}
        if method in _UNSAFE:
            statuses |= {400, 403, 413, 415}
        if path == _RESET_LINK:
            statuses |= {400, 403}
        if path not in _PUBLIC - {"/api/auth/sign-in/email"} | _OPTIONAL:
            statuses |= {401}
        if path == "/api/auth/list-sessions":
            statuses |= {403}
        if path == "/api/auth/sign-up/email":
            statuses |= {422}
        return statuses
    if path == _CALENDAR:
        return statuses | {404, 422, 429}
    statuses |= {401, 403, 422}
    if path == "/api/events":
        return (statuses | {429}) - {422}
    if has_body:
        statuses |= {400, 413}
    if "{" in path or path == "/api/chat":
        statuses |= {404}
    if path == "/api/chat":
        statuses |= {409, 429}
    if any(parameter["name"] == "if-match" for parameter in operation.get("parameters", [])):
        statuses |= {400, 412}
    if path == "/api/tasks/import":
        statuses |= {415}
    if path == "/api/tasks/bulk":
        statuses |= {404}
    if path == "/api/undo":
        statuses |= {404, 409}
    if path == _ACCESS_TOKENS and method == "post":
        statuses |= {409}
    if operation["tags"][0] in _LIMITED or path.startswith(_ACCESS_TOKENS):
        statuses |= {429}
    return statuses


def _body(path: str) -> Json:
    fields = BODIES[path]
    schema: Json = {
        "type": "object",
        "properties": {field.name: _field(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }
    if not schema["required"]:
        del schema["required"]
    return {"required": path not in _OPTIONAL, "content": {"application/json": {"schema": schema}}}


def _field(field: Field) -> Json:
    schema: Json = {"type": [field.kind, "null"] if field.nullable else field.kind}
    return {**schema, **field.schema}


def document() -> str:
    """Return the OpenAPI document as JSON. It does not depend on the settings of this machine."""
    from app.main import create_app

    with TemporaryDirectory() as folder:
        settings = Settings.model_construct(
            better_auth_secret=SecretStr("0" * SECRET_LENGTH), data_dir=Path(folder)
        )
        return json.dumps(create_app(settings).openapi(), indent=2) + "\n"


def main(arguments: list[str]) -> None:
    """Write the document to the given file, or to standard output."""
    if arguments:
        Path(arguments[0]).write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())


if __name__ == "__main__":
    main(sys.argv[1:])
