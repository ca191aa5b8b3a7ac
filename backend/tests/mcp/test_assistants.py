"""Other assistants use the tools with the official client, over HTTP and over standard input and output."""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from backend.tests.browsers import ORIGIN, SECRET, Person, browser
from backend.tests.servers import SOURCE, Server

SignIn = Callable[..., Awaitable[Person]]
Connect = Callable[..., Any]
ADDRESS = "http://testserver"


async def token_of(person: Person, scope: str = "write") -> dict[str, str]:
    answer = await person.post("/api/access-tokens", json={"name": "Assistant", "scope": scope})
    created: dict[str, str] = answer.json()
    return created


@asynccontextmanager
async def connected(app: FastAPI, token: str, **headers: str) -> AsyncIterator[Client]:
    """The official client, connected over HTTP."""
    async with (
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), headers={"Authorization": f"Bearer {token}", **headers}
        ) as http,
        Client(streamable_http_client(f"{ADDRESS}/mcp", http_client=http)) as client,
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content
    return found


async def use_every_kind(client: Client) -> None:
    """List the tools, add, list, complete and undo."""
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert names == {"add_task", "list_tasks", "complete_task", "update_task", "delete_task", "undo"}
    task = (await call(client, "add_task", title="Buy milk", due="2026-12-24T17:00"))["task"]
    assert task["due_at"] == "2026-12-24T16:00:00Z"
    assert [found["title"] for found in (await call(client, "list_tasks"))["tasks"]] == ["Buy milk"]
    assert (await call(client, "complete_task", id=task["id"]))["task"]["status"] == "completed"
    assert (await call(client, "list_tasks"))["total"] == 0
    await call(client, "undo")
    assert (await call(client, "list_tasks"))["total"] == 1


async def test_an_assistant_works_over_http(app: FastAPI, signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    async with connected(app, (await token_of(ada))["token"], **{"X-Time-Zone": "Europe/Berlin"}) as client:
        assert "Europe/Berlin" in (client.instructions or "")
        await use_every_kind(client)
        refused = await client.call_tool("add_task", {"title": "Gift", "user_id": bob.user.id})
        assert refused.is_error
    assert [task["title"] for task in (await ada.get("/api/tasks")).json()["items"]] == ["Buy milk"]
    assert (await bob.get("/api/tasks")).json()["items"] == []


async def test_dates_are_in_the_time_zone_of_the_preferences(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await ada.patch("/api/preferences", json={"time_zone": "Asia/Tokyo"})
    async with connected(app, (await token_of(ada))["token"]) as client:
        task = (await call(client, "add_task", title="Buy milk", due="2026-12-24T17:00"))["task"]
    assert task["due_at"] == "2026-12-24T08:00:00Z"


async def test_a_read_only_token_lists_and_changes_nothing(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    async with connected(app, (await token_of(ada, "read"))["token"]) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["list_tasks"]
        assert (await call(client, "list_tasks"))["total"] == 0
        for tool in ("add_task", "update_task", "complete_task", "delete_task", "undo"):
            refused = await client.call_tool(tool, {"title": "Buy milk", "id": "x"})
            assert refused.is_error
            assert "read_only_token" in str(refused.content)
    assert (await ada.get("/api/tasks")).json()["items"] == []


async def test_a_revoked_token_ends_a_connection(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    created = await token_of(ada)
    async with connected(app, created["token"]) as client:
        await call(client, "list_tasks")
        await ada.delete(f"/api/access-tokens/{created['id']}")
        with pytest.raises(MCPError, match="revoked"):
            await client.call_tool("list_tasks", {})


@pytest.mark.parametrize(
    ("credentials", "detail"),
    [
        ("", "Send a personal access token as Authorization: Bearer."),
        ("session", "Send a personal access token as Authorization: Bearer."),
        ("Bearer todo_pat_wrong", "The access token is unknown, revoked or expired."),
        ("Bearer wrong", "The access token is unknown, revoked or expired."),
    ],
)
async def test_only_a_token_opens_the_tools(
    app: FastAPI, signed_in: SignIn, credentials: str, detail: str
) -> None:
    person = await signed_in("Ada") if credentials == "session" else browser(app)
    headers = {"Authorization": credentials} if credentials.startswith("Bearer") else {}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = await person.post("/mcp", json=message, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"]["message"] == detail
    assert answer.json()["error"]["data"]["code"] == "unauthorized"


async def test_a_page_of_another_site_is_refused(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    headers = {
        "Authorization": f"Bearer {(await token_of(ada))['token']}",
        "Accept": "application/json, text/event-stream",
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for origin, status in ((ORIGIN, 200), ("http://evil.example", 403), ("null", 403)):
        answer = await ada.post("/mcp", json=message, headers={**headers, "Origin": origin})
        assert answer.status_code == status, answer.text
    for method in ("GET", "DELETE"):
        answer = await ada.request(method, "/mcp", headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await ada.post("/mcp", json=message, headers={**headers, "X-Time-Zone": "Nowhere"})
    assert answer.status_code == 422


async def test_an_assistant_works_over_standard_input(tmp_path: Path, database_url: str) -> None:
    environment = {"BETTER_AUTH_SECRET": SECRET}
    if not database_url.startswith("sqlite"):
        environment["DATABASE_URL"] = database_url
    server = Server(tmp_path, "uvicorn", "main:app", source=SOURCE, **environment)
    try:
        server.connect().close()
        address = f"http://127.0.0.1:{server.port}"
        async with httpx2.AsyncClient(base_url=address, headers={"Origin": ORIGIN}) as ada:
            body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
            await ada.post("/api/auth/sign-up/email", json=body)
            answer = await ada.post("/api/access-tokens", json={"name": "Assistant", "scope": "write"})
            created = answer.json()
            settings = {"TODO_ACCESS_TOKEN": created["token"], "TODO_URL": address, "TZ": "Europe/Berlin"}
            program = StdioServerParameters(
                command=sys.executable, args=["-m", "app.mcp"], env=settings, cwd=SOURCE
            )
            async with Client(stdio_client(program)) as client:
                await use_every_kind(client)
                await ada.delete(f"/api/access-tokens/{created['id']}")
                with pytest.raises(MCPError, match="revoked"):
                    await client.call_tool("list_tasks", {})
    finally:
        server.process.terminate()
        server.ended()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "TODO_ACCESS_TOKEN is not set"),
        (
            {"TODO_ACCESS_TOKEN": "todo_pat_x", "TODO_URL": "http://127.0.0.1:9"},
            "Start the application or correct TODO_URL.",
        ),
        (
            {"TODO_ACCESS_TOKEN": "todo_pat_x", "TODO_URL": "no address"},
            "Start the application or correct TODO_URL.",
        ),
    ],
)
def test_the_program_reports_wrong_settings(settings: dict[str, str], message: str) -> None:
    command = [sys.executable, "-m", "app.mcp"]
    ended = subprocess.run(
        command,
        cwd=SOURCE,
        env=settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
