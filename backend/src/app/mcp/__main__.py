"""The tools over standard input and output, for assistants that start a program: `python -m app.mcp`.

It forwards to a running server, which checks the token at every call. Settings are environment variables, so
that no secret stands on a command line:

- TODO_ACCESS_TOKEN: a personal access token.
- TODO_URL: the application's address, by default http://localhost:3000.
- TZ: the time zone for dates such as Europe/Berlin, by default that of this machine.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, CallToolResult, InputRequiredResult, ListToolsResult

TIMEOUT_SECONDS = 30


async def serve(address: str, token: str, time_zone: str | None) -> None:
    """Serve the tools of a running server until standard input ends.

    Dates are in the time zone, or without one in that of the person's preferences.

    Raises:
        MCPError: when the server refuses the token.
        httpx2.HTTPError: when the server cannot be reached.
    """
    headers = {"Authorization": f"Bearer {token}"}
    if time_zone:
        headers["X-Time-Zone"] = time_zone
    async with (
        httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_SECONDS) as http,
        Client(streamable_http_client(f"{address.rstrip('/')}/mcp", http_client=http)) as remote,
    ):

        async def list_tools(_context: Any, _parameters: Any) -> ListToolsResult:
            return await remote.list_tools()

        async def call_tool(
            _context: Any, call: CallToolRequestParams
        ) -> CallToolResult | InputRequiredResult:
            return await remote.call_tool(call.name, call.arguments)

        server: Server[Any] = Server(
            "todo-tasks", instructions=remote.instructions, on_list_tools=list_tools, on_call_tool=call_tool
        )
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


def local_time_zone() -> str | None:
    """Return the name of this machine's time zone; None if it has none, such as for TZ=CET-1CEST."""
    zone = os.environ.get("TZ") or Path("/etc/localtime").resolve().as_posix().partition("/zoneinfo/")[2]
    try:
        return ZoneInfo(zone.removeprefix(":")).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def main() -> int:
    """Serve until standard input ends; return 1 when that is not possible."""
    token = os.environ.get("TODO_ACCESS_TOKEN", "")
    address = os.environ.get("TODO_URL", "http://localhost:3000")
    if not token:
        sys.stderr.write(
            "TODO_ACCESS_TOKEN is not set. Create an access token in the settings of the application.\n"
        )
        return 1
    try:
        asyncio.run(serve(address, token, local_time_zone()))
    except Exception as error:
        cause = _first(error)
        if not isinstance(cause, MCPError | httpx2.HTTPError | httpx2.InvalidURL):
            raise
        remedy = "" if isinstance(cause, MCPError) else ". Start the application or correct TODO_URL."
        sys.stderr.write(f"Cannot use {address} (TODO_URL): {cause}{remedy}\n")
        return 1
    return 0


def _first(error: Exception) -> Exception:
    """Return the first cause in a group of errors."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


if __name__ == "__main__":
    sys.exit(main())
