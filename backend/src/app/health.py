"""Liveness, readiness and metrics endpoints."""

import asyncio
import time
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from app.database import Database
from app.database.migrations import head
from app.dependencies import get_database, get_settings
from app.metrics import Metrics
from app.responses import json_response

MIGRATE = "python -m app.database.migrate"
DATABASE_TIMEOUT_S = 0.8
"""A health check must respond within a second, even when the database does not."""

log = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])


class DatabaseProbe:
    """Checks the state of a database.

    A frozen server responds neither to a query nor to its cancellation, and drivers wait for both. Callers
    therefore wait no longer than the timeout, and share one pending query.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question: asyncio.Task[str | None] | None = None

    async def ask(self) -> str:
        """Return "ok", "not migrated" or "unreachable"."""
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._database.revision())
        question, asked_at = self._question, time.monotonic()
        await asyncio.wait({question}, timeout=DATABASE_TIMEOUT_S)
        if not question.done():
            question.cancel()
            if self._database.answered_at > asked_at:
                # It answers others: the server is busy, and taking it out would only load the rest more.
                return "ok"
            log.warning("database unreachable", error=f"no answer within {DATABASE_TIMEOUT_S} s")
            return "unreachable"
        try:
            revision = question.result()
        except (SQLAlchemyError, OSError, asyncio.CancelledError) as error:
            log.warning("database unreachable", error=str(getattr(error, "orig", None) or error))
            return "unreachable"
        # A newer revision is valid: an update migrates the database before the last old server stops.
        if revision is not None and revision >= head():
            return "ok"
        log.warning("database not migrated", revision=revision, remedy=MIGRATE)
        return "not migrated"


async def database_health(request: Request) -> dict[str, Any]:
    """Return the database's type, state and response time, and the command that fixes a missing migration."""
    probe: DatabaseProbe = request.app.state.database_probe
    started = time.perf_counter()
    status = await probe.ask()
    latency = round((time.perf_counter() - started) * 1000, 1)
    remedy = {"remedy": MIGRATE} if status == "not migrated" else {}
    return {"kind": get_database(request).kind, "status": status, "latency_ms": latency, **remedy}


@router.get("/health", response_model=dict[str, Any])
@router.get("/api/health", include_in_schema=False)
async def get_health(request: Request) -> Response:
    """Check that the server is alive.

    Returns 200 even when the database is unavailable, because a restart would not fix that.
    """
    settings, database = get_settings(request), await database_health(request)
    agent = request.app.state.agents.choose(settings)
    return json_response(
        {
            "status": "ok" if database["status"] == "ok" else "degraded",
            "version": settings.version,
            "database": database,
            "agent": {"name": agent.name, "model": agent.model},
        }
    )


@router.get("/ready")
async def get_readiness(request: Request) -> JSONResponse:
    """Check whether the server accepts requests.

    Returns 200 when the database is available and migrated, and the server is not shutting down; otherwise
    503.
    """
    database = await database_health(request)
    status = "draining" if request.app.state.draining else f"database {database['status']}"
    ready = status == "database ok"
    return JSONResponse({"status": "ready" if ready else status}, 200 if ready else 503)


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Retrieve metrics in the Prometheus text format, or in OpenMetrics with exemplars."""
    metrics: Metrics = request.app.state.metrics
    content, content_type = metrics.exposition(request.headers.get("accept", ""))
    return Response(content, headers={"content-type": content_type})
