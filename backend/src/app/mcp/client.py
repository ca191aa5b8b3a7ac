"""The MCP client of the agents, connected within the process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog

from app.agents.protocol import Effect, JsonObject, ToolDescription, ToolOutcome, Tools, ToolsUnavailableError
from app.database import Database

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp_types import ToolAnnotations

log = structlog.get_logger(__name__)


class ClientTools:
    """The tools of a connected MCP client."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    async def describe(self) -> Sequence[ToolDescription]:
        """Return every tool with its JSON schema."""
        listed = await self._client.list_tools()
        return [
            ToolDescription(tool.name, tool.description or "", tool.input_schema, _effect(tool.annotations))
            for tool in listed.tools
        ]

    async def call(self, name: str, arguments: JsonObject, call_id: str | None = None) -> ToolOutcome:
        """Call one tool. Refusals and failures of the tool become the outcome's `error`.

        Raises:
            ToolsUnavailableError: when the database of the tasks is unavailable.
        """
        from mcp.shared.exceptions import MCPError

        from app.mcp.server import CALL_ID, DATABASE_UNAVAILABLE

        meta: Any = None if call_id is None else {CALL_ID: call_id}
        try:
            result = await self._client.call_tool(name, arguments, meta=meta)
        except MCPError as error:
            if error.code == DATABASE_UNAVAILABLE:
                raise ToolsUnavailableError(str(error)) from None
            log.warning("tool refused", tool=name, error=str(error))
            return ToolOutcome(error=f"The tool {name} cannot be called.")
        text = "".join(getattr(content, "text", "") for content in result.content)
        if result.is_error:
            return ToolOutcome(error=text or "The tool failed.")
        if isinstance(result.structured_content, dict):
            return ToolOutcome(output=result.structured_content)
        return ToolOutcome(output=json.loads(text))


def _effect(annotations: "ToolAnnotations | None") -> Effect:
    """Return the effect of a tool; without a statement, the worst, as MCP defines it."""
    if annotations is not None and annotations.read_only_hint:
        return "reads"
    if annotations is None or annotations.destructive_hint is not False:
        return "removes"
    return "changes" if annotations.idempotent_hint else "adds"


@asynccontextmanager
async def task_tools(
    database: Database,
    user_id: str,
    time_zone: tzinfo,
    now: Callable[[], datetime],
    reply_id: str | None = None,
) -> AsyncIterator[Tools]:
    """Connect to the tools of one user. Enter and exit the context in the same asyncio task.

    Args:
        database: stores the tasks.
        user_id: the owner of the tasks.
        time_zone: the user's time zone, for dates.
        now: the clock.
        reply_id: the reply that calls the tools; results are stored under its call ids.
    """
    # Imported on the first chat message, because it takes half a second, and in a thread so that the event
    # loop keeps running.
    await asyncio.to_thread(import_module, "app.mcp.server")
    from mcp.client import Client

    from app.mcp.server import Person, task_server

    failure: Exception | None = None
    async with Client(task_server(Person(database, user_id, time_zone, now, reply_id))) as client:
        try:
            yield ClientTools(client)
        except Exception as error:  # noqa: BLE001 - raised again below
            # Raised behind the client, which would wrap it in groups that nobody can catch by its type.
            failure = error
    if failure is not None:
        raise failure
