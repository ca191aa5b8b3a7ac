"""The tables of conversations and messages."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime, new_id
from app.text import folded

CONVERSATION_TITLE_LENGTH = 80
IDEMPOTENCY_KEY_LENGTH = 200


class Role(StrEnum):
    """The author of a message."""

    USER = "user"
    ASSISTANT = "assistant"


class ReplyState(StrEnum):
    """The state of a reply. Its actions are stored in every state.

    The user stopped a `stopped` reply. An `interrupted` one lost its connection, its server or its database,
    and a `failed` one its agent: both can be resumed. A message that the user edited and its reply are
    `replaced`: they stay in the conversation, but agents do not read them.
    """

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    REPLACED = "replaced"


def _folded_title(context: Any) -> str:
    return folded(context.get_current_parameters()["title"])


def search_text(parts: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of stored parts for searching."""
    return folded("\n".join(part["text"] for part in parts if part["type"] == "text"))


def _folded_parts(context: Any) -> str:
    return search_text(context.get_current_parameters()["parts"])


class Conversation(Base):
    """A conversation between a user and the agent."""

    __tablename__ = "conversation"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(CONVERSATION_TITLE_LENGTH))
    search_text: Mapped[str] = mapped_column(Text, default=_folded_title, server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "user_id", "updated_at", "id"),)


_RUNNING = text("state = 'running'")


class Message(Base):
    """A user's message or a reply. Only replies have `reply_to`, `agent` and a `state` other than `replaced`.

    `parts` are the streamed parts in order, in the format of `app.chat.parts`. A running reply belongs to
    the server that generates it until `leased_until`, and that server renews the lease. `attempt` counts the
    servers that have owned the reply: a server that lost it can no longer write to it.
    """

    __tablename__ = "message"

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(Text, ForeignKey("conversation.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"))
    role: Mapped[Role] = mapped_column(String(16))
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    search_text: Mapped[str] = mapped_column(Text, default=_folded_parts, server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # A key is unique per user, not per conversation: the first message creates its conversation.
    idempotency_key: Mapped[str | None] = mapped_column(String(IDEMPOTENCY_KEY_LENGTH))
    reply_to: Mapped[str | None] = mapped_column(Text, ForeignKey("message.id", ondelete="CASCADE"))
    agent: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    state: Mapped[ReplyState | None] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        UniqueConstraint("reply_to"),
        Index(None, "conversation_id", "created_at", "id"),
        # This index counts the running replies before each message.
        Index(None, "user_id", postgresql_where=_RUNNING, sqlite_where=_RUNNING),
    )
