"""The declarative base, with the ids and timestamps that all tables share."""

import secrets
import string
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, MetaData, String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

_ALPHANUMERICS = string.ascii_letters + string.digits


class Base(DeclarativeBase):
    """Names constraints predictably and alike on both databases, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A timestamp that is always read as an aware datetime in UTC.

    SQLite has no such type. There, the column contains ISO 8601 text ending in Z, which sorts by time and
    which Better Auth, whose tables these also are, reads and writes in the same format.

    Raises:
        ValueError: when a naive datetime is stored or compared, because it is ambiguous.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[str]:
        return String(27) if dialect.name == "sqlite" else DateTime(timezone=True)

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; an instant needs one")
        instant = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        return instant

    @override
    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return None if value is None else value.astimezone(UTC)


def new_id() -> str:
    """Return 32 random letters and digits (190 bits), the format of Better Auth's ids and tokens."""
    return "".join(secrets.choice(_ALPHANUMERICS) for _ in range(32))


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)
