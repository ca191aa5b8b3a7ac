"""FastAPI dependencies that provide the settings and the database."""

from typing import Annotated

from fastapi import Depends, Request

from app.database import Database
from app.settings import Settings


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


# FastAPI runs a dependency that is not asynchronous in a thread, which takes longer than most endpoints.
async def _settings(request: Request) -> Settings:
    return get_settings(request)


async def _database(request: Request) -> Database:
    return get_database(request)


SettingsDep = Annotated[Settings, Depends(_settings)]
DatabaseDep = Annotated[Database, Depends(_database)]
