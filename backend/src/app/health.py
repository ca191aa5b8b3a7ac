"""Whether this process lives, whether it should get requests, and how it has been doing."""

import asyncio
import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from app.agents.selection import choose_agent
from app.database import Database
from app.database.migrations import head
from app.dependencies import DatabaseDep, SettingsDep
from app.metrics import Metrics

DATABASE_TIMEOUT_S = 0.8
"""An answer about health must come within a second, even from a database that does not."""

log = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])


class DatabaseProbe:
    """Asks a database how it is.

    A frozen server answers neither the question nor the request to cancel it, and drivers wait for both. So
    nobody here waits longer than the timeout, and nobody asks again while the last question is open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._question: asyncio.Task[str | None] | None = None

    async def ask(self) -> str:
        """Return "ok", "not migrated" or "unreachable"."""
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._database.revision())
        question = self._question
        await asyncio.wait({question}, timeout=DATABASE_TIMEOUT_S)
        if not question.done():
            question.cancel()
            log.warning("database unreachable", error=f"no answer within {DATABASE_TIMEOUT_S} s")
            return "unreachable"
        try:
            revision = question.result()
        except (SQLAlchemyError, OSError, asyncio.CancelledError) as error:
            log.warning("database unreachable", error=str(getattr(error, "orig", None) or error))
            return "unreachable"
        # A newer revision is fine: in an update, the database is migrated before the last old server stops.
        return "ok" if revision is not None and revision >= head() else "not migrated"


async def get_database_health(request: Request, database: DatabaseDep) -> dict[str, Any]:
    """Return the kind of the database, its state and how long it took to answer."""
    probe: DatabaseProbe = request.app.state.database_probe
    started = time.perf_counter()
    status = await probe.ask()
    latency = round((time.perf_counter() - started) * 1000, 1)
    return {"kind": database.kind, "status": status, "latency_ms": latency}


DatabaseHealth = Annotated[dict[str, Any], Depends(get_database_health)]


@router.get("/health")
@router.get("/api/health", include_in_schema=False)
async def get_health(settings: SettingsDep, database: DatabaseHealth) -> dict[str, Any]:
    """Say that the process lives: 200 even when the database does not, which a restart would not fix."""
    agent = choose_agent(settings)
    return {
        "status": "ok" if database["status"] == "ok" else "degraded",
        "version": settings.version,
        "database": database,
        "agent": {"name": agent.name, "model": agent.model},
    }


@router.get("/ready")
async def get_readiness(request: Request, database: DatabaseHealth) -> JSONResponse:
    """Say whether to send requests here: the database answers, is migrated, and no shutdown has begun."""
    status = "draining" if request.app.state.draining else f"database {database['status']}"
    ready = status == "database ok"
    return JSONResponse({"status": "ready" if ready else status}, 200 if ready else 503)


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Return the figures for Prometheus."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.exposition(), headers={"content-type": metrics.content_type})
