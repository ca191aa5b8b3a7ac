"""The declarative base, with the ids and timestamps that all tables share."""

import secrets
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

_ALPHANUMERICS = string.ascii_letters + string.digits
_ID_LENGTH = 32


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
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        # Instead of process_result_value, which is slower: a page of tasks has up to 800 instants.
        return _from_text if dialect.name == "sqlite" else _in_utc


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else _in_utc(datetime.fromisoformat(value))


def _in_utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo is UTC else value.astimezone(UTC)


def new_id() -> str:
    """Return 32 random letters and digits (190 bits), the format of Better Auth's ids and tokens."""
    text = ""
    while len(text) < _ID_LENGTH:
        # The bytes from 248 on would make some characters more frequent than others.
        text += "".join(_ALPHANUMERICS[byte % 62] for byte in secrets.token_bytes(_ID_LENGTH) if byte < 248)
    return text[:_ID_LENGTH]


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)
