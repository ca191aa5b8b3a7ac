"""The database layer: declarative base, column types and transactions on SQLite or PostgreSQL."""

from app.database.address import database_url
from app.database.base import Base, UtcDateTime, new_id, utc_now
from app.database.conflicts import again_after_conflict
from app.database.connection import Database, Guard, is_missing_table
from app.database.postgresql import CannotListenError
from app.database.statements import Call, Condition, Row, Statement, insertion

__all__ = [
    "Base",
    "Call",
    "CannotListenError",
    "Condition",
    "Database",
    "Guard",
    "Row",
    "Statement",
    "UtcDateTime",
    "again_after_conflict",
    "database_url",
    "insertion",
    "is_missing_table",
    "new_id",
    "utc_now",
]
