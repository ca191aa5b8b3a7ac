"""The rules of conversations. Between two messages the server remembers nothing but what is stored here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.protocol import Agent, HistoryMessage
from app.chat.models import CONVERSATION_TITLE_LENGTH, Conversation, Message, ReplyState, Role
from app.chat.parts import StoredPart, history_message
from app.chat.schemas import ChatRequest
from app.database import Database, new_id, utc_now
from app.pagination import cursor_instant, decode_cursor, encode_cursor
from app.tasks.schemas import iso_instant

HISTORY_MESSAGES = 40
"""How many earlier messages an agent sees."""
MESSAGES_PER_PAGE = 200
REPLY_LIMIT_S = 300
"""No reply takes longer. One that is still marked as running then has lost its server."""

_NEWEST_FIRST = "updated desc"
_BACKWARDS = "messages desc"


class ConversationNotFoundError(LookupError):
    """The person has no conversation with this id."""


class ReplyInProgressError(Exception):
    """The message with this key is being answered at this moment."""


class KeyReusedError(ValueError):
    """The key was used for a different message."""


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message that is stored, and the empty reply that waits to be filled."""

    conversation_id: str
    reply_id: str
    history: Sequence[HistoryMessage]


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The reply that an earlier request with the same key has already made."""

    conversation_id: str
    reply_id: str
    agent: str | None
    model: str | None
    parts: Sequence[StoredPart]
    interrupted: bool


async def accept_message(
    database: Database, user_id: str, request: ChatRequest, agent: Agent
) -> AcceptedMessage | StoredReply:
    """Store a person's message and an empty reply to it; for a repeated key return the reply that exists.

    Raises:
        ConversationNotFoundError: when it names a conversation that is not theirs.
        ReplyInProgressError: when the message with this key is still being answered.
        KeyReusedError: when the key belongs to a different message.
    """
    try:
        async with database.transaction() as session:
            return await _accept(session, user_id, request, agent)
    except IntegrityError:
        # Another request with the same key was faster, or the conversation has just been deleted.
        if request.idempotency_key is None:
            raise ConversationNotFoundError(request.conversation_id) from None
        async with database.transaction() as session:
            return await _accept(session, user_id, request, agent)


async def _accept(
    session: AsyncSession, user_id: str, request: ChatRequest, agent: Agent
) -> AcceptedMessage | StoredReply:
    if request.idempotency_key is not None:
        earlier = await session.scalar(
            select(Message).where(
                Message.user_id == user_id, Message.idempotency_key == request.idempotency_key
            )
        )
        if earlier is not None:
            return await _reply_to(session, earlier, request)
    now = utc_now()
    if request.conversation_id is None:
        conversation = Conversation(
            user_id=user_id, title=_title_from(request.message), created_at=now, updated_at=now
        )
        session.add(conversation)
        await session.flush()
        history: list[HistoryMessage] = []
    else:
        conversation = await get_conversation(session, user_id, request.conversation_id)
        conversation.updated_at = now
        latest = await session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation.id)
            .order_by(Message.created_at.desc(), Message.id.desc())
            .limit(HISTORY_MESSAGES)
        )
        history = [history_message(message) for message in reversed(latest.all())]
    message = Message(
        id=new_id(),
        conversation_id=conversation.id,
        user_id=user_id,
        role=Role.USER,
        parts=[{"type": "text", "text": request.message}],
        created_at=now,
        idempotency_key=request.idempotency_key,
    )
    session.add(message)
    await session.flush()
    reply = Message(
        id=new_id(),
        conversation_id=conversation.id,
        user_id=user_id,
        role=Role.ASSISTANT,
        parts=[],
        # Behind the message, even where the clock has not moved.
        created_at=now + timedelta(microseconds=1),
        reply_to=message.id,
        agent=agent.name,
        model=agent.model,
        state=ReplyState.RUNNING,
    )
    session.add(reply)
    await session.flush()
    return AcceptedMessage(conversation.id, reply.id, history)


async def _reply_to(session: AsyncSession, message: Message, request: ChatRequest) -> StoredReply:
    said = message.parts[0]["text"]
    if said != request.message or request.conversation_id not in (None, message.conversation_id):
        raise KeyReusedError(request.idempotency_key)
    reply = await session.scalar(select(Message).where(Message.reply_to == message.id))
    if reply is None:
        raise ReplyInProgressError
    running = reply.state == ReplyState.RUNNING
    if running and utc_now() - reply.created_at < timedelta(seconds=REPLY_LIMIT_S):
        raise ReplyInProgressError
    return StoredReply(
        conversation_id=reply.conversation_id,
        reply_id=reply.id,
        agent=reply.agent,
        model=reply.model,
        parts=reply.parts,
        interrupted=running or reply.state == ReplyState.STOPPED,
    )


def _title_from(message: str) -> str:
    line = "".join(character for character in " ".join(message.split()) if character.isprintable())
    if len(line) > CONVERSATION_TITLE_LENGTH:
        return line[: CONVERSATION_TITLE_LENGTH - 1].rstrip() + "…"
    return line or "Conversation"


async def save_reply(
    database: Database, reply_id: str, parts: Sequence[StoredPart], state: ReplyState
) -> None:
    """Store what a reply has come to. A conversation that was deleted meanwhile stays deleted."""
    async with database.transaction() as session:
        await session.execute(
            update(Message).where(Message.id == reply_id).values(parts=list(parts), state=state)
        )


async def get_conversation(session: AsyncSession, user_id: str, conversation_id: str) -> Conversation:
    """Return one conversation of this person.

    Raises:
        ConversationNotFoundError: when this person has none with this id.
    """
    conversation = None
    if "\0" not in conversation_id:
        conversation = await session.scalar(
            select(Conversation).where(Conversation.id == conversation_id, Conversation.user_id == user_id)
        )
    if conversation is None:
        raise ConversationNotFoundError(conversation_id)
    return conversation


async def list_conversations(
    session: AsyncSession, user_id: str, *, limit: int, cursor: str | None
) -> tuple[Sequence[Conversation], str | None]:
    """Return this person's conversations, the last used first, and the cursor of the next page.

    Raises:
        InvalidCursorError: when the cursor is not one of this list.
    """
    statement = select(Conversation).where(Conversation.user_id == user_id)
    if cursor is not None:
        key, row_id = decode_cursor(cursor, _NEWEST_FIRST)
        instant = cursor_instant(key)
        older = and_(Conversation.updated_at == instant, Conversation.id < row_id)
        statement = statement.where(or_(Conversation.updated_at < instant, older))
    statement = statement.order_by(Conversation.updated_at.desc(), Conversation.id.desc())
    rows = (await session.scalars(statement.limit(limit + 1))).all()
    items = rows[:limit]
    if len(rows) <= limit:
        return items, None
    return items, encode_cursor(_NEWEST_FIRST, iso_instant(items[-1].updated_at), items[-1].id)


async def list_messages(
    session: AsyncSession, conversation: Conversation, *, cursor: str | None
) -> tuple[Sequence[Message], str | None]:
    """Return the latest messages of a conversation, oldest first, and the cursor of those before them.

    Raises:
        InvalidCursorError: when the cursor is not one of this list.
    """
    statement = select(Message).where(Message.conversation_id == conversation.id)
    if cursor is not None:
        key, row_id = decode_cursor(cursor, _BACKWARDS)
        instant = cursor_instant(key)
        older = and_(Message.created_at == instant, Message.id < row_id)
        statement = statement.where(or_(Message.created_at < instant, older))
    statement = statement.order_by(Message.created_at.desc(), Message.id.desc())
    rows = (await session.scalars(statement.limit(MESSAGES_PER_PAGE + 1))).all()
    items = rows[:MESSAGES_PER_PAGE]
    if len(rows) <= MESSAGES_PER_PAGE:
        return items[::-1], None
    return items[::-1], encode_cursor(_BACKWARDS, iso_instant(items[-1].created_at), items[-1].id)


async def rename_conversation(
    session: AsyncSession, user_id: str, conversation_id: str, title: str
) -> Conversation:
    """Give a conversation another title and return it.

    Raises:
        ConversationNotFoundError: when this person has none with this id.
    """
    conversation = await get_conversation(session, user_id, conversation_id)
    conversation.title = title
    await session.flush()
    return conversation


async def delete_conversation(session: AsyncSession, user_id: str, conversation_id: str) -> None:
    """Delete a conversation with its messages. The tasks it made stay.

    Raises:
        ConversationNotFoundError: when this person has none with this id.
    """
    conversation = await get_conversation(session, user_id, conversation_id)
    await session.execute(delete(Conversation).where(Conversation.id == conversation.id))
