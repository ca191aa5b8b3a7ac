"""Conversation rules. Servers keep no state between two messages other than in the database."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, literal_column, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.protocol import Agent, HistoryMessage
from app.chat.models import CONVERSATION_TITLE_LENGTH, Conversation, Message, ReplyState, Role
from app.chat.parts import StoredPart, history_message, resumable, step_of
from app.chat.schemas import ChatRequest
from app.database import Database, new_id, utc_now
from app.errors import KeyReusedError, RefusalError
from app.instants import iso_instant
from app.pagination import cursor_instant, decode_cursor, encode_cursor
from app.ratelimits import Limit, RateLimiter

UndoneAmong = Callable[[AsyncSession, str, Collection[str]], Awaitable[set[str]]]
HISTORY_MESSAGES = 40
"""The maximum number of earlier messages that an agent receives."""
MESSAGES_PER_PAGE = 200
REPLY_LIMIT_S = 300
"""The maximum duration of a reply."""
LEASE_S = 15.0
"""Another server may resume a reply whose lease has not been renewed for this long."""

_NEWEST_FIRST = "updated desc"
_BACKWARDS = "messages desc"


class ConversationNotFoundError(RefusalError):
    """The user has no conversation with this id."""

    status = 404
    title = "Conversation not found"
    code = "conversation_not_found"
    detail = "You have no conversation with this id."


class ReplyInProgressError(RefusalError):
    """The message with this key is being answered."""

    status = 409
    title = "Reply in progress"
    code = "reply_in_progress"
    detail = "This message is being answered. Ask again for the stored reply."


class ReplyLostError(Exception):
    """This server no longer owns the reply: another server resumed it, or its conversation was deleted."""


class TooManyMessagesError(RefusalError):
    """The user exceeded the rate limit for messages."""

    status = 429
    title = "Too many messages"
    code = "too_many_messages"


class TooManyRepliesError(RefusalError):
    """The user exceeded the limit for concurrent replies."""

    status = 429
    title = "Too many messages"
    code = "too_many_replies"


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """The limits of one user across all servers."""

    limiter: RateLimiter
    messages_per_minute: int
    streams: int


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A stored message and its reply, which this server must generate.

    `begun` contains the parts from before an interruption. `attempt` counts the servers that have owned the
    reply.
    """

    conversation_id: str
    reply_id: str
    attempt: int
    said_at: datetime
    history: Sequence[HistoryMessage]
    begun: Sequence[StoredPart] = ()
    begun_by: str | None = None


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The completed reply to an earlier request with the same key."""

    conversation_id: str
    reply_id: str
    agent: str | None
    model: str | None
    parts: Sequence[StoredPart]


async def accept_message(
    database: Database, user_id: str, request: ChatRequest, agent: Agent, limits: ChatLimits
) -> AcceptedMessage | StoredReply:
    """Store a user's message and an empty reply to it.

    For a repeated key, return the existing reply. If that reply was interrupted, because its server or the
    user's connection was lost, return the message to resume.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
        ReplyInProgressError: when the message with this key is being answered.
        KeyReusedError: when the key belongs to a different message.
        TooManyMessagesError, TooManyRepliesError: when the message exceeds the user's limits.
    """
    try:
        async with database.transaction() as session:
            return await _accept(session, user_id, request, agent, limits)
    except IntegrityError:
        # A concurrent request used the same key first, or the conversation was just deleted.
        if request.idempotency_key is None:
            raise ConversationNotFoundError from None
        async with database.transaction() as session:
            return await _accept(session, user_id, request, agent, limits)


async def _accept(
    session: AsyncSession, user_id: str, request: ChatRequest, agent: Agent, limits: ChatLimits
) -> AcceptedMessage | StoredReply:
    if request.idempotency_key is not None:
        earlier = await session.scalar(
            select(Message).where(
                Message.user_id == user_id, Message.idempotency_key == request.idempotency_key
            )
        )
        if earlier is not None:
            return await _reply_to(session, earlier, request, agent, limits)
    await _check_limits(session, user_id, limits)
    now = utc_now()
    if request.conversation_id is None:
        conversation = Conversation(
            user_id=user_id, title=_title_from(request.message), created_at=now, updated_at=now
        )
        session.add(conversation)
        await session.flush()
        history: list[HistoryMessage] = []
    else:
        conversation = await _find(session, user_id, request.conversation_id)
        conversation.updated_at = now
        history = await _history(session, conversation.id)
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
        # Order the reply after the message, even if both have the same time.
        created_at=now + timedelta(microseconds=1),
        reply_to=message.id,
        agent=agent.name,
        model=agent.model,
        state=ReplyState.RUNNING,
        attempt=1,
        leased_until=_lease(),
    )
    session.add(reply)
    await session.flush()
    return AcceptedMessage(conversation.id, reply.id, reply.attempt, message.created_at, history)


async def _reply_to(
    session: AsyncSession, message: Message, request: ChatRequest, agent: Agent, limits: ChatLimits
) -> AcceptedMessage | StoredReply:
    said = message.parts[0]["text"]
    if said != request.message or request.conversation_id not in (None, message.conversation_id):
        raise KeyReusedError("idempotency_key: was used for a different message; each message needs its own.")
    reply = await session.scalar(select(Message).where(Message.reply_to == message.id))
    if reply is None:
        raise ReplyInProgressError(retry_after_seconds=1)
    if reply.state not in (ReplyState.RUNNING, ReplyState.STOPPED):
        return StoredReply(reply.conversation_id, reply.id, reply.agent, reply.model, reply.parts)
    if reply.state == ReplyState.RUNNING and reply.leased_until and reply.leased_until > utc_now():
        raise ReplyInProgressError(retry_after_seconds=1)
    return await _take_over(session, message, reply, agent, limits)


async def _take_over(
    session: AsyncSession, message: Message, reply: Message, agent: Agent, limits: ChatLimits
) -> AcceptedMessage:
    """Take ownership of an interrupted reply.

    Raises:
        ReplyInProgressError: when a concurrent request took it first.
        TooManyMessagesError, TooManyRepliesError: when the message exceeds the user's limits.
    """
    await _check_limits(session, message.user_id, limits)
    begun, begun_by, attempt = resumable(reply.parts), reply.agent, reply.attempt + 1
    taken = await session.execute(
        update(Message)
        .where(Message.id == reply.id, Message.attempt == reply.attempt)
        .values(
            parts=begun,
            state=ReplyState.RUNNING,
            attempt=attempt,
            leased_until=_lease(),
            agent=agent.name,
            model=agent.model,
        )
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )
    if taken.one_or_none() is None:
        raise ReplyInProgressError(retry_after_seconds=1)
    history = await _history(session, message.conversation_id, before=message)
    return AcceptedMessage(
        message.conversation_id, reply.id, attempt, message.created_at, history, begun, begun_by
    )


async def _check_limits(session: AsyncSession, user_id: str, limits: ChatLimits) -> None:
    limit = Limit(limits.messages_per_minute, window_s=60)
    # This locks the user's row until the transaction ends, so that no other request counts the replies.
    seconds = await limits.limiter.retry_after_in(session, f"{user_id}|/api/chat", limit)
    if seconds is not None:
        raise TooManyMessagesError(
            f"At most {limits.messages_per_minute} messages a minute are answered. Try again in a moment.",
            retry_after_seconds=seconds,
        )
    being_made = (
        Message.user_id == user_id,
        # Written exactly as in the condition of the index.
        Message.state == literal_column("'running'"),
        Message.leased_until > utc_now(),
    )
    running = await session.scalar(select(func.count()).select_from(Message).where(*being_made))
    if (running or 0) >= limits.streams:
        raise TooManyRepliesError(
            f"At most {limits.streams} messages are answered at the same time. Try again in a moment.",
            retry_after_seconds=5,
        )


async def _history(
    session: AsyncSession, conversation_id: str, *, before: Message | None = None
) -> list[HistoryMessage]:
    """Return a conversation's latest messages, or the latest before a given one, oldest first."""
    statement = select(Message).where(Message.conversation_id == conversation_id)
    if before is not None:
        statement = statement.where(Message.created_at < before.created_at)
    statement = statement.order_by(Message.created_at.desc(), Message.id.desc()).limit(HISTORY_MESSAGES)
    return [history_message(message) for message in reversed((await session.scalars(statement)).all())]


def _lease() -> datetime:
    return utc_now() + timedelta(seconds=LEASE_S)


def _title_from(message: str) -> str:
    line = "".join(character for character in " ".join(message.split()) if character.isprintable())
    if len(line) > CONVERSATION_TITLE_LENGTH:
        return line[: CONVERSATION_TITLE_LENGTH - 1].rstrip() + "…"
    return line or "Conversation"


async def save_reply(
    database: Database, accepted: AcceptedMessage, parts: Sequence[StoredPart], state: ReplyState
) -> None:
    """Store the current parts of a reply, and renew its lease while it is running.

    Raises:
        ReplyLostError: when this server no longer owns the reply; nothing is stored.
    """
    leased_until = _lease() if state == ReplyState.RUNNING else None
    await _update(database, accepted, parts=list(parts), state=state, leased_until=leased_until)


async def renew_lease(database: Database, accepted: AcceptedMessage) -> None:
    """Renew the lease of a reply.

    Raises:
        ReplyLostError: when this server no longer owns the reply.
    """
    await _update(database, accepted, leased_until=_lease())


async def _update(database: Database, accepted: AcceptedMessage, **values: Any) -> None:
    mine = (Message.id == accepted.reply_id, Message.attempt == accepted.attempt)
    async with database.transaction() as session:
        statement = update(Message).where(*mine).values(**values).returning(Message.id)
        if (await session.execute(statement)).one_or_none() is None:
            raise ReplyLostError(accepted.reply_id)


async def _find(session: AsyncSession, user_id: str, conversation_id: str) -> Conversation:
    conversation = None
    if "\0" not in conversation_id:
        conversation = await session.scalar(
            select(Conversation).where(Conversation.id == conversation_id, Conversation.user_id == user_id)
        )
    if conversation is None:
        raise ConversationNotFoundError
    return conversation


async def list_conversations(
    database: Database, user_id: str, *, limit: int, cursor: str | None
) -> tuple[Sequence[Conversation], str | None]:
    """Return a page of the user's conversations, most recently used first, and the next cursor.

    Raises:
        InvalidCursorError: when the cursor does not belong to this list.
    """
    statement = select(Conversation).where(Conversation.user_id == user_id)
    if cursor is not None:
        key, row_id = decode_cursor(cursor, _NEWEST_FIRST)
        instant = cursor_instant(key)
        older = and_(Conversation.updated_at == instant, Conversation.id < row_id)
        statement = statement.where(or_(Conversation.updated_at < instant, older))
    statement = statement.order_by(Conversation.updated_at.desc(), Conversation.id.desc())
    async with database.transaction(read_only=True) as session:
        rows = (await session.scalars(statement.limit(limit + 1))).all()
    items = rows[:limit]
    if len(rows) <= limit:
        return items, None
    return items, encode_cursor(_NEWEST_FIRST, iso_instant(items[-1].updated_at), items[-1].id)


async def read_conversation(
    database: Database, user_id: str, conversation_id: str, *, cursor: str | None, undone_among: UndoneAmong
) -> tuple[Conversation, Sequence[Message], set[str], str | None]:
    """Return a conversation, its latest messages, oldest first, their undone steps and an earlier cursor.

    `undone_among` asks another feature which steps are undone.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
        InvalidCursorError: when the cursor does not belong to this conversation.
    """
    async with database.transaction(read_only=True) as session:
        conversation = await _find(session, user_id, conversation_id)
        statement = select(Message).where(Message.conversation_id == conversation.id)
        if cursor is not None:
            key, row_id = decode_cursor(cursor, _BACKWARDS)
            instant = cursor_instant(key)
            older = and_(Message.created_at == instant, Message.id < row_id)
            statement = statement.where(or_(Message.created_at < instant, older))
        statement = statement.order_by(Message.created_at.desc(), Message.id.desc())
        rows = (await session.scalars(statement.limit(MESSAGES_PER_PAGE + 1))).all()
        items = rows[:MESSAGES_PER_PAGE]
        steps = {step for message in items for part in message.parts if (step := step_of(part))}
        undone = await undone_among(session, user_id, steps)
    if len(rows) <= MESSAGES_PER_PAGE:
        return conversation, items[::-1], undone, None
    previous = encode_cursor(_BACKWARDS, iso_instant(items[-1].created_at), items[-1].id)
    return conversation, items[::-1], undone, previous


async def rename_conversation(
    database: Database, user_id: str, conversation_id: str, title: str
) -> Conversation:
    """Rename a conversation and return it.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
    """
    async with database.transaction() as session:
        conversation = await _find(session, user_id, conversation_id)
        conversation.title = title
        return conversation


async def delete_conversation(database: Database, user_id: str, conversation_id: str) -> None:
    """Delete a conversation and its messages. The tasks it created are kept.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
    """
    async with database.transaction() as session:
        conversation = await _find(session, user_id, conversation_id)
        await session.execute(delete(Conversation).where(Conversation.id == conversation.id))
