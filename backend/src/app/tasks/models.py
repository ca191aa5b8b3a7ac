"""The tables of tasks and their tags."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Dialect, ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from app.database import Base, UtcDateTime, new_id, utc_now

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 1000
TAG_LENGTH = 50
TAGS_PER_TASK = 20


class Priority(StrEnum):
    """How much a task matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Status(StrEnum):
    """Whether a task is done."""

    OPEN = "open"
    COMPLETED = "completed"


class PriorityRank(TypeDecorator[Priority]):
    """A priority stored as its rank (1 low … 3 high), so that databases sort it as people do."""

    impl = SmallInteger
    cache_ok = True
    _ORDER = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)

    def process_bind_param(self, value: Priority | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else self._ORDER.index(value) + 1

    def process_result_value(self, value: int | None, dialect: Dialect) -> Priority | None:  # noqa: ARG002
        return None if value is None else self._ORDER[value - 1]


# Sorted by code point on both databases: PostgreSQL would otherwise follow the server's locale.
_TITLE_KEY = String(TITLE_LENGTH).with_variant(String(TITLE_LENGTH, collation="C"), "postgresql")


class Task(Base):
    """Something a person wants to get done.

    `title_key` and `search_text` repeat the text in case-folded form: SQLite compares only ASCII without
    regard to case, and the two databases must find and sort alike.
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
    title_key: Mapped[str] = mapped_column(_TITLE_KEY)
    search_text: Mapped[str] = mapped_column(Text)

    tag_rows: Mapped[list["TaskTag"]] = relationship(
        order_by="TaskTag.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )

    __table_args__ = (
        # Each list is one person's, in one of these orders; the other two orders sort what is found.
        Index(None, "user_id", "created_at", "id"),
        Index(None, "user_id", "due_at", "id"),
    )

    @property
    def status(self) -> Status:
        """Open until there is a moment of completion."""
        return Status.OPEN if self.completed_at is None else Status.COMPLETED

    @property
    def tags(self) -> list[str]:
        """The tags, in the order in which the person gave them."""
        return [row.name for row in self.tag_rows]


class TaskTag(Base):
    """One tag of one task: a table, because the two databases share no query for arrays or JSON."""

    __tablename__ = "task_tag"

    task_id: Mapped[str] = mapped_column(Text, ForeignKey("task.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(TAG_LENGTH), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)
