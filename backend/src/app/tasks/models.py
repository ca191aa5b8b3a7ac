"""The tables of tasks and tags."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Dialect, ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.types import TypeDecorator

from app.database import Base, UtcDateTime, new_id, utc_now

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 1000
TAG_LENGTH = 50
TAGS_PER_TASK = 20
RECURRENCE_LENGTH = 200


class Priority(StrEnum):
    """The priority of a task."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Status(StrEnum):
    """The status of a task."""

    OPEN = "open"
    COMPLETED = "completed"


class PriorityRank(TypeDecorator[Priority]):
    """Stores a priority as its rank (1 low … 3 high), so that databases sort it correctly."""

    impl = SmallInteger
    cache_ok = True
    _ORDER = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)

    def process_bind_param(self, value: Priority | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else self._ORDER.index(value) + 1

    def process_result_value(self, value: int | None, dialect: Dialect) -> Priority | None:  # noqa: ARG002
        return None if value is None else self._ORDER[value - 1]


# Sorts by code point on both databases. PostgreSQL would otherwise use the server's locale.
_TITLE_KEY = String(TITLE_LENGTH).with_variant(String(TITLE_LENGTH, collation="C"), "postgresql")


def first_position(created_at: datetime) -> int:
    """Return the place of a new task in the order by hand: before all older ones."""
    return -int(created_at.timestamp() * 1_000_000)


class Task(Base):
    """A task of a user.

    `title_key` and `search_text` are case-folded copies of the text: SQLite ignores case only for ASCII, and
    both databases must search and sort alike.
    """

    __tablename__ = "task"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    description: Mapped[str] = mapped_column(Text, default="")
    priority: Mapped[Priority] = mapped_column(PriorityRank, default=Priority.MEDIUM)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    all_day: Mapped[bool] = mapped_column(default=False)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    recurrence: Mapped[str | None] = mapped_column(String(RECURRENCE_LENGTH))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    """The zone on whose wall clock the recurrence holds."""
    remind_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remind_before: Mapped[int | None]
    """The minutes before `due_at` from which `remind_at` follows."""
    position: Mapped[int] = mapped_column(BigInteger, default=lambda: first_position(utc_now()))
    """The place in the order by hand."""
    title_key: Mapped[str] = mapped_column(_TITLE_KEY)
    search_text: Mapped[str] = mapped_column(Text)

    tag_rows: Mapped[list["TaskTag"]] = relationship(
        order_by="TaskTag.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )

    __table_args__ = (
        # Every list belongs to one user and has one of these orders.
        Index(None, "user_id", "created_at", "id"),
        Index(None, "user_id", "due_at", "id"),
        Index(None, "user_id", "priority", "id"),
        Index(None, "user_id", "title_key", "id"),
        Index(None, "user_id", "position", "id"),
        # Reminders, and what was done, are ranges of time.
        Index(None, "user_id", "remind_at"),
        Index(None, "user_id", "completed_at"),
    )

    @property
    def status(self) -> Status:
        """Open until the task has a completion time."""
        return Status.OPEN if self.completed_at is None else Status.COMPLETED

    @property
    def tags(self) -> list[str]:
        """The tags, in the user's order."""
        return [row.name for row in self.tag_rows]


class TagNames(TypeDecorator[list[str]]):
    """The tags of a task in one column of a list: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str]:  # noqa: ARG002
        return json.loads(value) if isinstance(value, str) else value or []


class tag_names(GenericFunction[list[str]]):  # noqa: N801 - SQLAlchemy's convention for functions
    """Aggregates the names of tags."""

    type = TagNames()
    inherit_cache = True


@compiles(tag_names, "sqlite")
def _json_group_array(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(tag_names, "postgresql")
def _array_agg(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return f"array_agg({compiler.process(element.clauses, **options)})"


class TaskTag(Base):
    """A tag of a task. It has its own table, because the databases share no query for arrays or JSON."""

    __tablename__ = "task_tag"

    task_id: Mapped[str] = mapped_column(Text, ForeignKey("task.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(TAG_LENGTH), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)
