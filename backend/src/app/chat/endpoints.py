"""HTTP for the chat and its conversations."""

from typing import Annotated, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from app.accounts.dependencies import CurrentUser
from app.agents.selection import choose_agent
from app.chat import service
from app.chat.models import Message
from app.chat.parts import readable
from app.chat.replies import RunningReplies, RunningReply, stream_stored
from app.chat.schemas import (
    ChatRequest,
    ConversationDetail,
    ConversationOut,
    ConversationPage,
    ConversationUpdate,
    MessageOut,
)
from app.database.dependencies import DatabaseDep, SessionDep
from app.pagination import InvalidCursorError
from app.problems import Problem
from app.settings import Settings

router = APIRouter(prefix="/api", tags=["chat"])

ConversationId = Annotated[str, Path(max_length=64)]
Cursor = Annotated[str | None, Query(max_length=2000)]

_STREAM_HEADERS = {
    "x-vercel-ai-ui-message-stream": "v1",
    "Cache-Control": "no-store",
    # nginx would collect the stream otherwise.
    "X-Accel-Buffering": "no",
}


def _not_found() -> Problem:
    return Problem(
        404, "Conversation not found", "You have no conversation with this id.", "conversation_not_found"
    )


def _invalid_cursor(error: InvalidCursorError) -> Problem:
    return Problem(422, "Invalid request", f"cursor: {error}", "invalid_cursor")


def _too_many(detail: str, code: str, seconds: int) -> Problem:
    return Problem(
        429,
        "Too many messages",
        f"{detail} Try again in a moment.",
        code,
        headers={"Retry-After": str(seconds)},
    )


@router.post("/chat", response_class=StreamingResponse)
async def chat(
    request: Request, user: CurrentUser, database: DatabaseDep, body: ChatRequest
) -> StreamingResponse:
    """Say something to the agent and receive its reply as server-sent events.

    A reply that is whole ends with a `finish` part. Where it breaks off, with an `abort` part or with none,
    the same message with the same `idempotency_key` goes on with it: nothing is done twice, and what was
    streamed before comes once more. While the reply is still being made elsewhere, that is a 409.
    """
    settings = cast("Settings", request.app.state.settings)
    agent = choose_agent(settings)
    limits = service.ChatLimits(
        request.app.state.rate_limiter, settings.chat_messages_per_minute, settings.chat_streams
    )
    try:
        accepted = await service.accept_message(database, user.id, body, agent, limits)
    except service.ConversationNotFoundError:
        raise _not_found() from None
    except service.ReplyInProgressError:
        raise Problem(
            409,
            "Reply in progress",
            "This message is being answered. Ask again for the stored reply.",
            "reply_in_progress",
            headers={"Retry-After": "1"},
        ) from None
    except service.KeyReusedError:
        raise Problem(
            422,
            "Idempotency key reused",
            "idempotency_key: was used for a different message; each message needs its own.",
            "idempotency_key_reused",
        ) from None
    except service.TooManyMessagesError as error:
        raise _too_many(
            f"At most {limits.messages_per_minute} messages a minute are answered.",
            "too_many_messages",
            error.seconds,
        ) from None
    except service.TooManyRepliesError:
        raise _too_many(
            f"At most {limits.streams} messages are answered at the same time.", "too_many_replies", 5
        ) from None
    if isinstance(accepted, service.StoredReply):
        stream = stream_stored(accepted)
    else:
        replies = cast("RunningReplies", request.app.state.replies)
        time_zone = ZoneInfo(body.time_zone)
        stream = replies.stream(RunningReply(database, agent, user.id, body.message, time_zone, accepted))
    return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)


@router.get("/conversations")
async def list_conversations(
    user: CurrentUser,
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> ConversationPage:
    """List your conversations, the last used first."""
    try:
        items, next_cursor = await service.list_conversations(session, user.id, limit=limit, cursor=cursor)
    except InvalidCursorError as error:
        raise _invalid_cursor(error) from None
    return ConversationPage(
        items=[ConversationOut.model_validate(item) for item in items], next_cursor=next_cursor
    )


@router.get("/conversations/{conversation_id}")
async def get_conversation(
    user: CurrentUser, session: SessionDep, conversation_id: ConversationId, cursor: Cursor = None
) -> ConversationDetail:
    """Read a conversation with its latest messages; a cursor reads those before."""
    try:
        conversation = await service.get_conversation(session, user.id, conversation_id)
        messages, previous_cursor = await service.list_messages(session, conversation, cursor=cursor)
    except service.ConversationNotFoundError:
        raise _not_found() from None
    except InvalidCursorError as error:
        raise _invalid_cursor(error) from None
    return ConversationDetail(
        **ConversationOut.model_validate(conversation).model_dump(mode="python"),
        messages=[_message_out(message) for message in messages],
        previous_cursor=previous_cursor,
    )


def _message_out(message: Message) -> MessageOut:
    return MessageOut(
        id=message.id,
        role="user" if message.role == "user" else "assistant",
        agent=message.agent,
        created_at=message.created_at,
        parts=readable(message.parts),
    )


@router.patch("/conversations/{conversation_id}")
async def rename_conversation(
    user: CurrentUser, session: SessionDep, conversation_id: ConversationId, changes: ConversationUpdate
) -> ConversationOut:
    """Give a conversation another title."""
    try:
        conversation = await service.rename_conversation(session, user.id, conversation_id, changes.title)
    except service.ConversationNotFoundError:
        raise _not_found() from None
    return ConversationOut.model_validate(conversation)


@router.delete("/conversations/{conversation_id}", status_code=204)
async def delete_conversation(
    user: CurrentUser, session: SessionDep, conversation_id: ConversationId
) -> None:
    """Delete a conversation. The tasks it made stay."""
    try:
        await service.delete_conversation(session, user.id, conversation_id)
    except service.ConversationNotFoundError:
        raise _not_found() from None
