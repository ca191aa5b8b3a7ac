"""The application, assembled from its features. Run it with `uvicorn app.main:app`."""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from types import FrameType

import structlog
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from app import assistants, health, logging, openapi, problems
from app.accounts.access_token_endpoints import router as access_tokens_router
from app.accounts.endpoints import account_error_response
from app.accounts.endpoints import router as accounts_router
from app.accounts.errors import AccountError
from app.accounts.known import Known
from app.accounts.resets import PasswordResets
from app.admission import Admission, AdmissionMiddleware
from app.agents.selection import Agents
from app.calendar.endpoints import router as calendar_router
from app.chat.endpoints import router as chat_router
from app.chat.replies import RunningReplies
from app.chat.service import LEASE_S, mark_interrupted
from app.connections import limit_connections
from app.database import Database
from app.database.migrations import head
from app.events import source as events
from app.events.endpoints import router as events_router
from app.events.feed import Feed
from app.expiry import expiring
from app.insights.endpoints import router as insights_router
from app.mail import Mailer, mail_server
from app.metrics import Metrics
from app.preferences.endpoints import router as preferences_router
from app.preferences.service import zone_of
from app.push.endpoints import router as push_router
from app.push.sender import ReminderSender
from app.ratelimits import ChangeLimiter, RateLimiter
from app.requests import RequestMiddleware
from app.settings import Settings, SettingsError, load_settings
from app.tasks import idempotency, journal
from app.tasks.bulk import router as bulk_router
from app.tasks.endpoints import router as tasks_router
from app.tasks.parsing import router as parsing_router
from app.tasks.undoing import router as undo_router

log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Create the application. It connects to its database on first use and disconnects at shutdown."""
    app = FastAPI(
        title="To-do chatbot",
        version=settings.version.removeprefix("v"),
        lifespan=_lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.database = Database(settings.database, settings.database_connections)
    app.state.database_probe = health.DatabaseProbe(app.state.database)
    app.state.metrics = Metrics()
    app.state.rate_limiter = RateLimiter(app.state.database)
    app.state.known = Known()
    mail = settings.smtp_url and mail_server(settings.smtp_url.get_secret_value())
    mailer = Mailer(mail, settings.mail_sender) if mail else None
    app.state.resets = PasswordResets(app.state.database, settings.public_url, mailer)
    app.state.change_limiter = ChangeLimiter()
    app.state.agents = Agents()
    app.state.undone_among = journal.undone_among
    app.state.zone_of = partial(zone_of, app.state.database)
    app.state.replies = RunningReplies()
    app.state.feed = Feed(app.state.database)
    app.state.reminders = ReminderSender(
        app.state.database, settings.better_auth_secret.get_secret_value(), settings.contact
    )
    app.state.draining = False
    # The last one added is the outermost.
    admission = Admission()
    app.add_middleware(AdmissionMiddleware, admission=admission)
    app.state.traces = None
    if settings.otel_exporter_otlp_endpoint:
        from app import tracing

        tracing.install(app, settings)
    app.add_middleware(RequestMiddleware, metrics=app.state.metrics, admission=admission)
    app.exception_handler(AccountError)(account_error_response)
    problems.install(app)
    # In the order of their traffic: a request is compared with one route after another.
    frequent = (health.router, tasks_router, accounts_router, chat_router)
    rare = (
        undo_router,
        bulk_router,
        parsing_router,
        access_tokens_router,
        assistants.router,
        preferences_router,
        calendar_router,
        push_router,
        insights_router,
        events_router,
    )
    for router in (*frequent, *rare):
        app.include_router(router)
    openapi.describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    log.info("started", version=app.state.settings.version, database=app.state.database.kind)
    database, limiter = app.state.database, app.state.rate_limiter
    if database.kind == "sqlite":
        await _migrate(database)
    deletions = (
        limiter.forget_past,
        app.state.resets.forget_past,
        partial(idempotency.forget_past, database),
        partial(journal.forget_past, database),
        partial(events.forget_past, database),
        app.state.reminders.forget_past,
    )
    recovery = partial(mark_interrupted, database)
    # A server that replaces a killed one starts before the leases of that one expire.
    app.state.reminders.start()
    async with expiring(deletions, recovery, recovery_delays_s=(0, LEASE_S + 1)):
        with _draining_on_signals(app):
            yield
    await app.state.reminders.close()
    app.state.feed.close()
    await app.state.agents.close()
    await app.state.resets.close()
    if app.state.traces:
        await app.state.traces.close()
    await database.close()
    log.info("stopped")


async def _migrate(database: Database) -> None:
    """Apply the pending migrations of the embedded database, whose only user this server is.

    A failure does not prevent startup: the health report then names it.
    """
    try:
        revision = await database.revision()
        if revision is None or revision < head():
            # Alembic costs time and memory that a migrated database does not need.
            from app.database.migrate import migrate

            log.info("database migrated", applied=await migrate(database))
    except (SQLAlchemyError, OSError) as error:
        log.error("database not migrated", error=str(getattr(error, "orig", None) or error))


@contextmanager
def _draining_on_signals(app: FastAPI) -> Iterator[None]:
    """Shut down in order: report not ready, end the chat streams, stop listening.

    On SIGTERM the server keeps serving for DRAIN_SECONDS after the first step, so that load balancers
    notice, and closes the connection of every response. No request reaches a connection that is being
    closed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, state = asyncio.get_running_loop(), app.state
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None = None) -> None:
        loop.call_soon_threadsafe(state.replies.interrupt)
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def drain(number: int, frame: FrameType | None) -> None:
        waits = number == signal.SIGTERM and state.settings.drain_seconds > 0 and not state.draining
        state.draining = True
        # The pages connect to other servers while this one still serves.
        loop.call_soon_threadsafe(state.feed.close)
        loop.call_soon_threadsafe(state.reminders.stop)
        if waits:
            loop.call_soon_threadsafe(lambda: loop.call_later(state.settings.drain_seconds, stop, number))
        else:
            stop(number, frame)

    for number in handlers:
        signal.signal(number, drain)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def __getattr__(name: str) -> FastAPI:
    """Create `app` when a server imports it, so that tests can import this module without an environment."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        settings = load_settings()
        logging.configure(settings.log_level, settings.log_format)
        limit_connections()
        return create_app(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
