"""The tools for other assistants: an MCP server at /mcp (streamable HTTP) with personal access tokens.

Each request stands alone and brings its token, so that every server can answer it and none keeps a session.
"""

import asyncio
from importlib import import_module
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.types import Receive, Scope, Send

from app.accounts.dependencies import access_token_grant, not_signed_in, token_refused
from app.accounts.origins import is_trusted
from app.database import utc_now
from app.dependencies import DatabaseDep
from app.preferences.service import zone_of
from app.problems import Problem
from app.tasks.recurring import Zone

router = APIRouter()


class _Exchange(Response):
    """The response of an MCP server to one request."""

    def __init__(self, server: Any) -> None:
        super().__init__()
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.transport_security import TransportSecuritySettings

        # The endpoint has checked the origin. A list of hosts would have to name every proxy.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._server.streamable_http_app(stateless_http=True, json_response=True, transport_security=security)
        manager = self._server.session_manager
        async with manager.run():
            await manager.handle_request(scope, receive, send)


@router.post("/mcp", include_in_schema=False)
async def mcp(
    request: Request, database: DatabaseDep, x_time_zone: Annotated[Zone | None, Header()] = None
) -> Response:
    """Answer one message of the Model Context Protocol.

    Dates are in the time zone of `X-Time-Zone`, otherwise in that of the person's preferences.
    """
    # A page of another site that has taken over the server's name (DNS rebinding) still sends its own origin.
    origin = request.headers.get("origin")
    if origin is not None and not is_trusted(request, origin):
        raise Problem(403, "Forbidden", "Pages of other sites cannot use this server.", "invalid_origin")
    grant = await access_token_grant(request)
    if grant is None:
        if "authorization" in request.headers:
            raise token_refused()
        raise not_signed_in("Send a personal access token as Authorization: Bearer.")
    # The MCP library takes half a second to import, and other requests do not wait for it.
    server = await asyncio.to_thread(import_module, "app.mcp.server")
    zone = await zone_of(database, grant.user_id, x_time_zone)
    read_only = grant.scope != "write"
    person = server.Person(database, grant.user_id, zone, utc_now, read_only=read_only)
    return _Exchange(server.task_server(person))
