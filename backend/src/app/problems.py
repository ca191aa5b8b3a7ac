"""Error responses: RFC 9457 problem details, Better Auth's format below /api/auth, and JSON-RPC at /mcp."""

import re
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from app.database import is_missing_table
from app.errors import RETRY_SECONDS, OverloadedError, RefusalError

log = structlog.get_logger(__name__)

MCP_REFUSED = -32000
"""The JSON-RPC code of a request that was refused before a tool ran."""


class Problem(HTTPException):
    """An error that is returned to the client.

    Args:
        status: the HTTP status.
        title: the type of problem in a few words, the same for every occurrence.
        detail: what is wrong in this case and how to fix it.
        code: a machine-readable identifier, such as "task_not_found".
        fields: additional members of the problem object.
        headers: additional response headers.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        code: str | None = None,
        *,
        fields: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.title = title or HTTPStatus(status).phrase
        self.code = code or HTTPStatus(status).name.lower()
        self.fields = fields or {}
        super().__init__(status, detail or self.title, headers)


def problem_response(problem: Problem, path: str) -> JSONResponse:
    """Return the response for a problem that occurred at a path."""
    error: dict[str, Any]
    if path.startswith("/api/auth/"):
        error = {"message": problem.detail, "code": problem.code.upper()}
        return JSONResponse(error, problem.status_code, problem.headers)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status_code,
        "detail": problem.detail,
        "code": problem.code,
        **problem.fields,
    }
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        body["request_id"] = request_id
    if path == "/mcp":
        # Clients of the protocol show the message of a JSON-RPC error only.
        error = {"code": MCP_REFUSED, "message": problem.detail, "data": body}
        return JSONResponse(
            {"jsonrpc": "2.0", "id": None, "error": error}, problem.status_code, problem.headers
        )
    return JSONResponse(body, problem.status_code, problem.headers, media_type="application/problem+json")


def database_unavailable() -> Problem:
    """Return the problem for an unavailable database."""
    return Problem(
        503,
        "Database unavailable",
        "The database cannot be reached. Try again in a moment.",
        "database_unavailable",
        headers={"Retry-After": "5"},
    )


def overloaded() -> Problem:
    """Return the problem for a request above the capacity of the server. It has changed nothing."""
    return Problem(
        503,
        "Overloaded",
        OverloadedError.detail,
        OverloadedError.code,
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def internal_error() -> Problem:
    """Return the problem for an unexpected error. The log contains its cause under the same request id."""
    return Problem(
        500, "Internal error", "The server failed. Its log contains the cause under the request id."
    )


def allowed_methods(request: Request) -> str:
    """Return the documented methods of a path, as in the Allow header; an empty text for an unknown path."""
    path, paths = request.url.path, request.app.openapi()["paths"]
    # A path of its own is not a parameter of another: /api/tasks/parse is no task.
    documented = (
        [paths[path]]
        if path in paths
        else [
            item
            for template, item in paths.items()
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
        ]
    )
    return ", ".join(sorted({method.upper() for item in documented for method in item}))


def install(app: FastAPI) -> None:
    """Register handlers that convert every known exception to a problem."""

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        if not isinstance(error, Problem):
            headers = dict(error.headers or {})
            if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                # Starlette names the methods of one route, and a path has several.
                headers["Allow"] = allowed_methods(request) or headers.get("Allow", "")
            error = Problem(error.status_code, detail=error.detail, headers=headers)
        return problem_response(error, request.url.path)

    @app.exception_handler(RefusalError)
    async def refusal(request: Request, error: RefusalError) -> JSONResponse:
        wait = error.retry_after_seconds
        headers = None if wait is None else {"Retry-After": str(wait)}
        problem = Problem(
            error.status, error.title, error.message, error.code, fields=error.fields, headers=headers
        )
        return problem_response(problem, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
        # The response omits rejected values: they may be secret, very large or invalid Unicode.
        errors = [{"field": _field(item["loc"]), "message": _message(item)} for item in error.errors()]
        detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors[:5])
        problem = Problem(422, "Invalid request", detail, "validation_error", fields={"errors": errors[:50]})
        return problem_response(problem, request.url.path)

    @app.exception_handler(DBAPIError)
    async def database_error(request: Request, error: DBAPIError) -> JSONResponse:
        return problem_response(_database_problem(error), request.url.path)

    @app.exception_handler(PoolTimeoutError)
    @app.exception_handler(TimeoutError)
    async def timed_out(request: Request, error: Exception) -> JSONResponse:
        log.error("database timed out", error=type(error).__name__)
        return problem_response(database_unavailable(), request.url.path)


def _database_problem(error: DBAPIError) -> Problem:
    if is_missing_table(error):
        log.error("database not migrated", error=str(error.orig))
        return Problem(
            503,
            "Database not migrated",
            "The database has no tables.",
            "database_not_migrated",
            headers={"Retry-After": "5"},
        )
    if isinstance(error, DataError):
        return Problem(
            422, "Invalid request", "A value cannot be stored: text must not contain NUL characters."
        )
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        log.error("database unavailable", error=str(error.orig))
        return database_unavailable()
    log.error("database error", exc_info=error)
    return internal_error()


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _message(error: dict[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")
