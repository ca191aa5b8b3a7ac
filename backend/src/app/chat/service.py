"""Rules of messages and replies. Servers keep no state between two messages other than in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, literal_column, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.protocol import Agent, HistoryMessage
from app.chat.conversations import ConversationNotFoundError, find_conversation
from app.chat.models import (
    CONVERSATION_TITLE_LENGTH,
    Conversation,
    Message,
    ReplyState,
    Role,
    search_text,
)
from app.chat.parts import StoredPart, history_message, resumable
from app.chat.schemas import ChatRequest
from app.database import Database, new_id, utc_now
from app.errors import KeyReusedError, RefusalError
from app.ratelimits import Limit, RateLimiter

HISTORY_MESSAGES = 40
"""The maximum number of earlier messages that an agent receives."""
REPLY_LIMIT_S = 300
"""The maximum duration of a reply."""
LEASE_S = 15.0
"""Another server may resume a reply whose lease has not been renewed for this long."""
CLOCK_DIFFERENCE_S = 60.0
"""The clocks of servers differ by less. A lease that ends later was written before a clock was set back."""


class ReplyInProgressError(RefusalError):
    """The message with this key is being answered."""

    status = 409
    title = "Reply in progress"
    code = "reply_in_progress"
    detail = "This message is being answered. Ask again for the stored reply."


class NotLastMessageError(RefusalError):
    """The message to replace is not the last one of its conversation."""

    status = 409
    title = "Not the last message"
    code = "not_last_message"
    detail = "replaces: only the last message of a conversation can be replaced. Read the conversation again."


class ReplyLostError(Exception):
    """This server no longer owns the reply: another server resumed it, or its conversation was deleted."""


class ReplyStoppedError(Exception):
    """The user stopped the reply, possibly through another server."""


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

    For a repeated key, return the existing reply. If that reply was stopped or interrupted, or if it failed
    and the request asks for a retry, return the message to resume.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
        ReplyInProgressError: when the message with this key is being answered.
        NotLastMessageError: when the message to replace is not the last one.
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
        conversation = await find_conversation(session, user_id, request.conversation_id)
        # After its last reply, even if the clock was set back since: their times are their order.
        now = conversation.updated_at = max(now, conversation.updated_at + timedelta(microseconds=2))
        if request.replaces is not None:
            await _replace(session, conversation.id, request.replaces)
        history = await _history(session, conversation.id)
    message = Message(
        id=new_id(),
        conversation_id=conversation.id,
        user_id=user_id,
        role=Role.USER,
        parts=[{"type": "text", "text": request.message}],
        created_at=now,
        # Every reply can be resumed, also one to a message without a key.
        idempotency_key=request.idempotency_key or new_id(),
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


async def _replace(session: AsyncSession, conversation_id: str, key: str) -> None:
    """Mark the last message of a conversation, which has this key, and its reply as replaced.

    Raises:
        NotLastMessageError: when the last message has another key.
        ReplyInProgressError: when it is being answered.
    """
    latest = select(Message).where(Message.conversation_id == conversation_id)
    latest = latest.order_by(Message.created_at.desc(), Message.id.desc()).limit(2)
    reply, message = [*(await session.scalars(latest)).all(), None, None][:2]
    if message is None or reply is None or message.idempotency_key != key:
        raise NotLastMessageError
    if reply.state == ReplyState.RUNNING and is_leased(reply):
        raise ReplyInProgressError(retry_after_seconds=1)
    message.state = reply.state = ReplyState.REPLACED
    reply.leased_until = None


async def _reply_to(
    session: AsyncSession, message: Message, request: ChatRequest, agent: Agent, limits: ChatLimits
) -> AcceptedMessage | StoredReply:
    said = message.parts[0]["text"]
    if said != request.message or request.conversation_id not in (None, message.conversation_id):
        raise KeyReusedError("idempotency_key: was used for a different message; each message needs its own.")
    reply = await session.scalar(select(Message).where(Message.reply_to == message.id))
    if reply is None:
        raise ReplyInProgressError(retry_after_seconds=1)
    is_over = reply.state in (ReplyState.FINISHED, ReplyState.REPLACED)
    if is_over or (reply.state == ReplyState.FAILED and not request.retry):
        return StoredReply(reply.conversation_id, reply.id, reply.agent, reply.model, reply.parts)
    if reply.state == ReplyState.RUNNING and is_leased(reply):
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
        Message.leased_until.between(*_valid_leases()),
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
    is_current = Message.state.is_distinct_from(ReplyState.REPLACED)
    statement = select(Message).where(Message.conversation_id == conversation_id, is_current)
    if before is not None:
        statement = statement.where(Message.created_at < before.created_at)
    statement = statement.order_by(Message.created_at.desc(), Message.id.desc()).limit(HISTORY_MESSAGES)
    return [history_message(message) for message in reversed((await session.scalars(statement)).all())]


def _lease() -> datetime:
    return utc_now() + timedelta(seconds=LEASE_S)


def is_leased(reply: Message) -> bool:
    """Return whether a server owns a reply that is running."""
    earliest, latest = _valid_leases()
    return reply.leased_until is not None and earliest <= reply.leased_until <= latest


def _valid_leases() -> tuple[datetime, datetime]:
    now = utc_now()
    return now, now + timedelta(seconds=LEASE_S + CLOCK_DIFFERENCE_S)


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
        ReplyStoppedError: when the user stopped the running reply.
    """
    leased_until = _lease() if state == ReplyState.RUNNING else None
    values = {"parts": list(parts), "search_text": search_text(parts)}
    await _update(database, accepted, **values, state=state, leased_until=leased_until)


async def renew_lease(database: Database, accepted: AcceptedMessage) -> None:
    """Renew the lease of a reply.

    Raises:
        ReplyLostError: when this server no longer owns the reply.
        ReplyStoppedError: when the user stopped the reply.
    """
    await _update(database, accepted, leased_until=_lease())


_FINAL = (ReplyState.STOPPED, ReplyState.REPLACED)


async def _update(database: Database, accepted: AcceptedMessage, **values: Any) -> None:
    mine = (Message.id == accepted.reply_id, Message.attempt == accepted.attempt)
    if state := values.get("state"):
        # A user's Stop is final for this attempt: the server may notice it later than the end of the reply.
        values["state"] = case((Message.state.in_(_FINAL), Message.state), else_=state)
    async with database.transaction() as session:
        statement = update(Message).where(*mine).values(**values).returning(Message.state)
        stored = (await session.execute(statement)).one_or_none()
    if stored is None:
        raise ReplyLostError(accepted.reply_id)
    if stored.state in _FINAL and state in (None, ReplyState.RUNNING):
        raise ReplyStoppedError(accepted.reply_id)


async def stop_reply(database: Database, user_id: str, conversation_id: str) -> str | None:
    """Stop the last reply of a conversation, and return its id if it was in progress or interrupted.

    Raises:
        ConversationNotFoundError: when the user has no conversation with this id.
    """
    async with database.transaction() as session:
        conversation = await find_conversation(session, user_id, conversation_id)
        replies = select(Message.id).where(
            Message.conversation_id == conversation.id, Message.role == Role.ASSISTANT
        )
        last = replies.order_by(Message.created_at.desc(), Message.id.desc()).limit(1).scalar_subquery()
        is_open = Message.state.in_([ReplyState.RUNNING, ReplyState.INTERRUPTED])
        statement = update(Message).where(Message.id == last, is_open)
        stopped = statement.values(state=ReplyState.STOPPED, leased_until=None).returning(Message.id)
        return await session.scalar(stopped.execution_options(synchronize_session=False))


async def mark_interrupted(database: Database) -> None:
    """Mark the replies whose servers were killed, which are those with an expired lease."""
    abandoned = (
        Message.state == literal_column("'running'"),
        ~Message.leased_until.between(*_valid_leases()),
    )
    async with database.transaction() as session:
        await session.execute(
            update(Message)
            .where(*abandoned)
            .values(state=ReplyState.INTERRUPTED, leased_until=None)
            .execution_options(synchronize_session=False)
        )
