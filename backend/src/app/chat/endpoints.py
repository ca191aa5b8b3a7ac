"""Chat and conversation endpoints."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator

from app.accounts.dependencies import CurrentUserId
from app.chat import conversations, service
from app.chat.models import Message, ReplyState
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
from app.dependencies import DatabaseDep, SettingsDep
from app.text import any_text, refuse_controls

router = APIRouter(prefix="/api", tags=["chat"])

ConversationId = Annotated[str, Path(max_length=64)]
Cursor = Annotated[str | None, Query(max_length=2000)]

_STREAM_HEADERS = {
    "x-vercel-ai-ui-message-stream": "v1",
    "Cache-Control": "no-store",
    # Disable nginx's buffering, which would delay the stream.
    "X-Accel-Buffering": "no",
}


@router.post("/chat", response_class=StreamingResponse)
async def chat(
    request: Request, user_id: CurrentUserId, settings: SettingsDep, database: DatabaseDep, body: ChatRequest
) -> StreamingResponse:
    """Send a message to the agent and stream its reply as server-sent events.

    A reply that is complete, failed or stopped ends with a `finish` part. If the stream ends with an `abort`
    part, or without either part, resume the reply by sending the same message with the same
    `idempotency_key`: the stream repeats the existing parts and continues, and no action runs twice. Returns
    409 while the reply is still in progress on another connection.
    """
    replies: RunningReplies = request.app.state.replies
    replies.check_room()
    agent = request.app.state.agents.choose(settings)
    limits = service.ChatLimits(
        request.app.state.rate_limiter, settings.chat_messages_per_minute, settings.chat_streams
    )
    accepted = await service.accept_message(database, user_id, body, agent, limits)
    if isinstance(accepted, service.StoredReply):
        stream = stream_stored(accepted)
    else:
        time_zone = await request.app.state.zone_of(user_id, body.time_zone)
        stream = replies.stream(RunningReply(database, agent, user_id, body.message, time_zone, accepted))
    return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)


@router.get("/conversations")
async def list_conversations(
    user_id: CurrentUserId,
    database: DatabaseDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
    q: Annotated[str, Query(max_length=100), BeforeValidator(refuse_controls), any_text()] = "",
) -> ConversationPage:
    """List your conversations, most recently used first.

    `q` has words that their titles or messages contain, in any script and ignoring case.
    """
    items, next_cursor = await conversations.list_conversations(
        database, user_id, words=q, limit=limit, cursor=cursor
    )
    return ConversationPage(
        items=[ConversationOut.model_validate(item) for item in items], next_cursor=next_cursor
    )


@router.get("/conversations/{conversation_id}")
async def get_conversation(
    request: Request,
    user_id: CurrentUserId,
    database: DatabaseDep,
    conversation_id: ConversationId,
    cursor: Cursor = None,
) -> ConversationDetail:
    """Retrieve a conversation with its latest messages. Use the cursor to retrieve earlier messages."""
    conversation, messages, undone, previous_cursor = await conversations.read_conversation(
        database, user_id, conversation_id, cursor=cursor, undone_among=request.app.state.undone_among
    )
    return ConversationDetail(
        **ConversationOut.model_validate(conversation).model_dump(mode="python"),
        messages=[_message_out(message, undone) for message in messages],
        previous_cursor=previous_cursor,
    )


def _message_out(message: Message, undone: set[str]) -> MessageOut:
    return MessageOut(
        id=message.id,
        role="user" if message.role == "user" else "assistant",
        agent=message.agent,
        model=message.model,
        state=_state_of(message),
        idempotency_key=message.idempotency_key,
        created_at=message.created_at,
        parts=readable(message.parts, undone),
    )


def _state_of(message: Message) -> ReplyState | None:
    """Return the state of a reply. One whose server was killed may not be marked yet."""
    is_abandoned = message.state == ReplyState.RUNNING and not service.is_leased(message)
    return ReplyState.INTERRUPTED if is_abandoned else message.state


@router.post("/conversations/{conversation_id}/stop", status_code=204)
async def stop_reply(
    request: Request, user_id: CurrentUserId, database: DatabaseDep, conversation_id: ConversationId
) -> None:
    """Stop the reply in progress, whichever server generates it. Its actions so far are kept."""
    reply_id = await service.stop_reply(database, user_id, conversation_id)
    if reply_id is not None:
        request.app.state.replies.stop(reply_id)


@router.patch("/conversations/{conversation_id}")
async def rename_conversation(
    user_id: CurrentUserId,
    database: DatabaseDep,
    conversation_id: ConversationId,
    changes: ConversationUpdate,
) -> ConversationOut:
    """Rename a conversation."""
    conversation = await conversations.rename_conversation(database, user_id, conversation_id, changes.title)
    return ConversationOut.model_validate(conversation)


@router.delete("/conversations/{conversation_id}", status_code=204)
async def delete_conversation(
    user_id: CurrentUserId, database: DatabaseDep, conversation_id: ConversationId
) -> None:
    """Delete a conversation. The tasks it created are kept."""
    await conversations.delete_conversation(database, user_id, conversation_id)
