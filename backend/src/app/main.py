"""The application: features, health and errors put together. Run with `uvicorn app.main:app`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import problems
from app.accounts.endpoints import router as accounts_router
from app.chat.endpoints import router as chat_router
from app.database import Database
from app.settings import Settings, SettingsError, load_settings
from app.tasks.endpoints import router as tasks_router


def create_app(settings: Settings) -> FastAPI:
    """Return the application; its database is connected to on first use and closed at shutdown."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await app.state.database.close()

    app = FastAPI(
        title="To-do chatbot",
        version=settings.version.removeprefix("v"),
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.database = Database(settings.database)
    problems.install(app)
    app.include_router(accounts_router)
    app.include_router(tasks_router)
    app.include_router(chat_router)
    return app


def __getattr__(name: str) -> FastAPI:
    """Make `app` when a server asks for it, so that tests import this module without an environment."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return create_app(load_settings())
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
