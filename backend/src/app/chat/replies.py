"""Run an agent on an accepted message: stream what it says, store what it did.

The agent runs in a task of its own, because the stream belongs to the connection and may end at any moment.
When the person presses Stop, the connection closes, the task is cancelled, and what was done until then is
stored. No transaction is open while an agent thinks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from zoneinfo import ZoneInfo

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.agents.protocol import Agent, AgentError, ToolCall, ToolResult, Turn
from app.chat.models import ReplyState
from app.chat.parts import DONE, KEEP_ALIVE, Reply, StreamPart, encode_part, replayed, start_part
from app.chat.service import REPLY_LIMIT_S, AcceptedMessage, StoredReply, save_reply
from app.database import Database, utc_now
from app.mcp.client import task_tools

KEEP_ALIVE_S = 15.0
"""Proxies close a connection on which nothing moves, most of them after 60 seconds."""

log = structlog.get_logger(__name__)


async def stream_stored(reply: StoredReply) -> AsyncIterator[bytes]:
    """Stream a reply that was made before."""
    yield encode_part(start_part(reply.reply_id, reply.conversation_id, reply.agent, reply.model))
    for part in replayed(reply.parts):
        yield encode_part(part)
    if reply.interrupted:
        yield encode_part({"type": "error", "errorText": "This reply was interrupted."})
    yield encode_part({"type": "finish"})
    yield DONE


async def stream_reply(
    database: Database,
    agent: Agent,
    user_id: str,
    message: str,
    time_zone: ZoneInfo,
    accepted: AcceptedMessage,
) -> AsyncIterator[bytes]:
    """Run the agent and stream its reply as server-sent events."""
    parts: asyncio.Queue[StreamPart | None] = asyncio.Queue(maxsize=64)
    running = asyncio.create_task(
        _run(database, agent, user_id, message, time_zone, accepted, parts), name=f"reply {accepted.reply_id}"
    )
    try:
        yield encode_part(start_part(accepted.reply_id, accepted.conversation_id, agent.name, agent.model))
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    part = await parts.get()
            except TimeoutError:
                yield KEEP_ALIVE
                continue
            if part is None:
                break
            yield encode_part(part)
        yield encode_part({"type": "finish"})
        yield DONE
    finally:
        running.cancel()
        # The connection is gone; what was done has still to be stored.
        with anyio.CancelScope(shield=True):
            await asyncio.wait([running])


async def _run(
    database: Database,
    agent: Agent,
    user_id: str,
    message: str,
    time_zone: ZoneInfo,
    accepted: AcceptedMessage,
    parts: asyncio.Queue[StreamPart | None],
) -> None:
    """Fill the queue with the parts of the reply, then None; keep the stored reply up to date."""
    reply, state = Reply(), ReplyState.STOPPED

    async def fail(sentence: str) -> None:
        for part in reply.take(AgentError(sentence)):
            await parts.put(part)

    try:
        try:
            async with (
                asyncio.timeout(REPLY_LIMIT_S),
                task_tools(database, user_id, time_zone, utc_now) as tools,
                aclosing(
                    agent.answer(Turn(message, accepted.history, tools, utc_now(), time_zone))
                ) as events,
            ):
                async for event in events:
                    for part in reply.take(event):
                        await parts.put(part)
                    if isinstance(event, ToolCall):
                        log.info("tool called", tool=event.name, agent=agent.name)
                    if isinstance(event, ToolResult):
                        # Also if the server is killed now, the conversation tells what was done.
                        await _save(database, accepted.reply_id, reply, ReplyState.RUNNING)
        except TimeoutError:
            log.warning("reply timed out", agent=agent.name)
            await fail("This took too long, so I stopped. What was done until now is kept.")
        except Exception:
            log.exception("agent failed", agent=agent.name)
            await fail("Something went wrong on our side. Please try again.")
        for part in reply.end_text():
            await parts.put(part)
        state = ReplyState.FAILED if reply.failed else ReplyState.FINISHED
    finally:
        # A person may leave at the very moment the whole reply is stored: it is stored all the same.
        saving = asyncio.create_task(_save(database, accepted.reply_id, reply, state))
        try:
            await asyncio.shield(saving)
        except asyncio.CancelledError:
            await saving
            raise
        if state != ReplyState.STOPPED:
            await parts.put(None)


async def _save(database: Database, reply_id: str, reply: Reply, state: ReplyState) -> None:
    """Store a reply. The person has seen it already, so a failure is for the log, not for the stream."""
    try:
        await save_reply(database, reply_id, reply.stored, state)
    except (SQLAlchemyError, TimeoutError) as error:
        log.error("reply not stored", reply_id=reply_id, error=type(error).__name__)
