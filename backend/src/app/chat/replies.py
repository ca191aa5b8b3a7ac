"""Run an agent on an accepted message, stream its reply and store its actions.

The agent runs in its own task, because the stream belongs to a connection that may close at any time. No
transaction is open while an agent runs.

A reply can be interrupted: the user loses the connection, the server stops or is killed, or the database
becomes unavailable. The user can also stop it. Its actions so far are stored, and the same message with the
same key resumes the reply on any server. No action runs twice, because each tool call is stored before it
runs, and its result is stored under its id. The stream of an interrupted reply ends with `abort` instead of
`finish`, or with neither if the server can no longer send it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.agents.confirmation import ConfirmedChanges, confirmed_calls, held_calls, question
from app.agents.protocol import (
    Agent,
    AgentError,
    AgentEvent,
    TextDelta,
    ToolCall,
    ToolResult,
    Tools,
    ToolsUnavailableError,
    Turn,
)
from app.chat.models import ReplyState
from app.chat.parts import (
    DONE,
    FINISH,
    KEEP_ALIVE,
    Reply,
    StreamPart,
    abort_part,
    begun_message,
    encode_part,
    replayed,
    start_part,
)
from app.chat.service import (
    LEASE_S,
    REPLY_LIMIT_S,
    AcceptedMessage,
    ReplyLostError,
    ReplyStoppedError,
    StoredReply,
    renew_lease,
    save_reply,
)
from app.database import Database, utc_now
from app.errors import OverloadedError
from app.mcp.client import task_tools
from app.mcp.guard import GuardedTools

KEEP_ALIVE_S = 15.0
"""Proxies close idle connections, most of them after 60 seconds."""
RENEWAL_S = LEASE_S / 3
STREAMS = 300
"""The number of replies that one process generates at the same time. A reply takes 0.2 MB: 300 take a server
from 90 to 195 MB, less than half of the chart's memory limit."""

_SHUTDOWN = "This server is being replaced. Ask again for the rest of the reply."
_DATABASE_AWAY = "The database does not respond. Try again in a moment; no action runs twice."
_LOST = "Another server continues this reply, or its conversation was deleted."

log = structlog.get_logger(__name__)


class _DatabaseAwayError(Exception):
    """The database is unavailable."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """The final state of a reply, and the parts that end its stream."""

    state: ReplyState
    parts: tuple[StreamPart, ...]


_STOPPED = _Ending(ReplyState.STOPPED, (FINISH,))


async def stream_stored(reply: StoredReply) -> AsyncIterator[bytes]:
    """Stream a completed reply again."""
    yield encode_part(start_part(reply.reply_id, reply.conversation_id, reply.agent, reply.model))
    for part in replayed(reply.parts):
        yield encode_part(part)
    yield encode_part(FINISH)
    yield DONE


class RunningReplies:
    """The replies in progress in this process."""

    def __init__(self) -> None:
        self._replies: set[RunningReply] = set()
        self._is_stopping = False

    def check_room(self) -> None:
        """Refuse another reply when too many are being generated.

        Raises:
            OverloadedError: when STREAMS is reached.
        """
        if len(self._replies) >= STREAMS:
            raise OverloadedError

    async def stream(self, reply: "RunningReply") -> AsyncIterator[bytes]:
        """Generate a reply and stream it as server-sent events."""
        self._replies.add(reply)
        if self._is_stopping:
            reply.interrupt()
        try:
            async with aclosing(reply.stream()) as events:
                async for event in events:
                    yield event
        finally:
            self._replies.discard(reply)

    def stop(self, reply_id: str) -> None:
        """Stop a reply for its user, if this process generates it."""
        for reply in self._replies:
            if reply.id == reply_id:
                reply.stop()

    def interrupt(self) -> None:
        """Interrupt all streams for a shutdown. Another server resumes the replies."""
        self._is_stopping = True
        for reply in self._replies:
            reply.interrupt()


class RunningReply:
    """A reply in progress.

    Args:
        database: stores the reply.
        agent: generates the reply.
        user_id: the author of the message.
        message: the text of the message.
        time_zone: the user's time zone.
        accepted: the message as stored.
    """

    def __init__(
        self,
        database: Database,
        agent: Agent,
        user_id: str,
        message: str,
        time_zone: ZoneInfo,
        accepted: AcceptedMessage,
    ) -> None:
        self._database = database
        self._agent = agent
        self._user_id = user_id
        self._message = message
        self._time_zone = time_zone
        self._accepted = accepted
        self._reply = Reply(accepted.begun)
        self._parts: asyncio.Queue[StreamPart | None] = asyncio.Queue(maxsize=64)
        self._answering: asyncio.Task[_Ending] | None = None
        self._is_interrupted = self._is_stopped = False

    @property
    def id(self) -> str:
        """The id of the reply."""
        return self._accepted.reply_id

    def stop(self) -> None:
        """Stop generating the reply because its user wishes so."""
        self._is_stopped = True
        self.interrupt()

    def interrupt(self) -> None:
        """Stop generating the reply and end its stream."""
        self._is_interrupted = True
        if self._answering is not None:
            self._answering.cancel()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Generate the reply and yield it as server-sent events."""
        accepted, agent = self._accepted, self._agent
        self._answering = asyncio.create_task(self._answer(), name=f"reply {accepted.reply_id}")
        if self._is_interrupted:
            self._answering.cancel()
        making = asyncio.create_task(self._make(self._answering))
        try:
            yield encode_part(
                start_part(accepted.reply_id, accepted.conversation_id, agent.name, agent.model)
            )
            for part in replayed(accepted.begun):
                yield encode_part(part)
            while True:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        part_or_end = await self._parts.get()
                except TimeoutError:
                    yield KEEP_ALIVE
                    continue
                if part_or_end is None:
                    break
                yield encode_part(part_or_end)
            yield DONE
        finally:
            self._answering.cancel()
            # Make room in the queue for the final parts: nobody reads it any more.
            while not self._parts.empty():
                self._parts.get_nowait()
            # The connection is closed, but the actions must still be stored.
            with anyio.CancelScope(shield=True):
                await asyncio.wait([making])

    async def _make(self, answering: asyncio.Task[_Ending]) -> None:
        """Put the parts of the reply into the queue, then None; keep the stored reply up to date."""
        lease = asyncio.create_task(self._keep_lease())
        try:
            ending = await answering
        except asyncio.CancelledError:
            if self._is_stopped:
                ending = _STOPPED
            else:
                ending = _Ending(ReplyState.INTERRUPTED, (abort_part(_SHUTDOWN),))
        finally:
            lease.cancel()
        ending = await self._store_end(ending)
        await self._put((*self._reply.end_text(), *ending.parts))
        await self._parts.put(None)

    async def _answer(self) -> _Ending:
        reply, agent = self._reply, self._agent
        try:
            async with (
                asyncio.timeout(REPLY_LIMIT_S),
                task_tools(
                    self._database, self._user_id, self._time_zone, utc_now, self._accepted.reply_id
                ) as all_tools,
            ):
                tools: Tools = all_tools
                confirmed = confirmed_calls(self._message, self._accepted.history)
                if confirmed:
                    agent = ConfirmedChanges(agent, confirmed)
                elif agent.model is not None:
                    tools = GuardedTools(all_tools, self._database, self._user_id, reply.calls)
                await self._finish_calls(tools)
                begun = begun_message(reply.stored, self._accepted.begun_by)
                accepted = self._accepted
                turn = Turn(self._message, accepted.history, tools, accepted.said_at, self._time_zone, begun)
                async with aclosing(agent.answer(turn)) as events:
                    async for event in events:
                        await self._take(event)
                if held := held_calls(reply.calls):
                    await self._take(TextDelta(("\n\n" if reply.ends_in_text else "") + question(held)))
        except (_DatabaseAwayError, ToolsUnavailableError):
            log.warning("reply interrupted", reason="database unavailable", agent=agent.name)
            return _Ending(ReplyState.INTERRUPTED, (abort_part(_DATABASE_AWAY),))
        except ReplyLostError:
            return _Ending(ReplyState.INTERRUPTED, (abort_part(_LOST),))
        except ReplyStoppedError:
            return _STOPPED
        except TimeoutError:
            log.warning("reply timed out", agent=agent.name)
            await self._fail("This took too long, so I stopped. The changes made so far are kept.")
        except Exception:
            log.exception("agent failed", agent=agent.name)
            await self._fail("Something went wrong on our side. Please try again.")
        await self._put(reply.end_text())
        return _Ending(ReplyState.FAILED if reply.failed else ReplyState.FINISHED, (FINISH,))

    async def _finish_calls(self, tools: Tools) -> None:
        """Repeat the tool call at which the reply was interrupted, because its outcome is unknown."""
        for call in self._reply.open_calls:
            await self._take(ToolResult(call.id, await tools.call(call.name, call.input, call.id)))

    async def _take(self, event: AgentEvent) -> None:
        parts = list(self._reply.take(event))
        if isinstance(event, ToolCall):
            log.info("tool called", tool=event.name, agent=self._agent.name)
        if isinstance(event, ToolCall | ToolResult):
            # Store before the call, so that a resumed reply knows about it, and after it, so that the
            # conversation shows the action even if the reply is never resumed.
            await self._save(ReplyState.RUNNING)
        await self._put(parts)

    async def _put(self, parts: Iterable[StreamPart]) -> None:
        for part in parts:
            await self._parts.put(part)

    async def _fail(self, sentence: str) -> None:
        await self._put(self._reply.take(AgentError(sentence)))

    async def _store_end(self, ending: _Ending) -> _Ending:
        """Store the whole reply and return its ending."""
        try:
            await self._save(ending.state)
        except ReplyLostError:
            return _Ending(ending.state, (abort_part(_LOST),))
        except _DatabaseAwayError:
            log.error("reply not stored", reply_id=self._accepted.reply_id)
            return _Ending(ending.state, (abort_part(_DATABASE_AWAY),))
        except Exception:
            # Without an ending, the stream would go on forever.
            log.exception("reply not stored", reply_id=self._accepted.reply_id)
            return _Ending(ending.state, (abort_part(_DATABASE_AWAY),))
        return ending

    async def _save(self, state: ReplyState) -> None:
        try:
            await save_reply(self._database, self._accepted, self._reply.stored, state)
        except (SQLAlchemyError, TimeoutError) as error:
            raise _DatabaseAwayError from error

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_S)
            # An expired lease is detected before the next tool call, where it matters.
            try:
                await renew_lease(self._database, self._accepted)
            except ReplyStoppedError:
                self.stop()
            except (SQLAlchemyError, TimeoutError, ReplyLostError) as error:
                log.warning("lease not renewed", error=type(error).__name__)
            except Exception:
                # Without renewals, another server would take the reply for lost.
                log.exception("lease not renewed")
