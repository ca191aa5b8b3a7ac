"""The database layer: declarative base, column types and transactions on SQLite or PostgreSQL."""

from app.database.address import database_url
from app.database.base import Base, UtcDateTime, new_id, utc_now
from app.database.connection import Database, is_missing_table
from app.database.statements import Call, Row, Statement

__all__ = [
    "Base",
    "Call",
    "Database",
    "Row",
    "Statement",
    "UtcDateTime",
    "database_url",
    "is_missing_table",
    "new_id",
    "utc_now",
]
