"""The database layer: declarative base, column types and transactions on SQLite or PostgreSQL."""

from app.database.address import database_url
from app.database.base import Base, UtcDateTime, new_id, utc_now
from app.database.connection import Database

__all__ = [
    "Base",
    "Database",
    "UtcDateTime",
    "database_url",
    "new_id",
    "utc_now",
]
