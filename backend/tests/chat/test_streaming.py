"""Streams over a real connection from a model: stops, silence, failures and concurrent users."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from app.chat import replies
from app.chat.service import REPLY_LIMIT_S, renew_lease, save_reply
from backend.tests.chat.stream import Part, Talk, calls_of, error_of, parts_of, say, text_of
from tests.model_server import ModelServer, model_server

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]


@pytest.fixture(scope="module")
def provider() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def answer_with(app: FastAPI, provider: ModelServer) -> Callable[..., None]:
    """A function that makes the application use a model on the local server."""

    def choose(model: str, **more: Any) -> None:
        app.state.settings = app.state.settings.model_copy(
            update={
                "openai_api_key": SecretStr("sk-local"),
                "openai_base_url": provider.url,
                "agent_model": model,
                **more,
            }
        )

    return choose


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """The address of the application on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task


class Connection:
    """A stream over a real connection that can be closed at any time."""

    def __init__(self, person: httpx2.AsyncClient, address: str) -> None:
        self.client = httpx2.AsyncClient(
            base_url=address, headers={**person.headers, "Cookie": cookies_of(person)}, timeout=30
        )

    async def until(self, message: str, stop: Callable[[Part], bool], **more: Any) -> list[Part]:
        """Send a message, read until `stop` accepts a part, and close the connection."""
        parts: list[Part] = []
        async with self.client.stream("POST", "/api/chat", json={"message": message, **more}) as response:
            assert response.status_code == 200
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    parts.append(json.loads(line.removeprefix("data: ")))
                    if stop(parts[-1]):
                        break
        return parts


def cookies_of(person: httpx2.AsyncClient) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.cookies.jar)


async def stored(person: httpx2.AsyncClient, parts: list[Part], ready: Callable[[Any], bool]) -> Any:
    """Wait for the stored reply to reach a state and return it."""
    async with asyncio.timeout(30):
        while True:
            conversation = await person.get(f"/api/conversations/{parts[0]['conversation_id']}")
            reply = conversation.json()["messages"][-1]
            if ready(reply["parts"]):
                return reply
            await asyncio.sleep(0.01)


async def test_a_model_acts_and_the_reply_contains_its_name(
    signed_in: SignIn, answer_with: Callable[..., None]
) -> None:
    answer_with("local-model")
    talk = Talk(await signed_in("Ada"))
    assert await talk.say("add buy milk tomorrow at 5pm, high priority") == "Added “Buy milk”."
    assert talk.parts[0]["agent"] == {"name": "openai", "model": "local-model"}
    (task,) = (await talk.person.get("/api/tasks")).json()["items"]
    assert (task["title"], task["priority"], task["all_day"]) == ("Buy milk", "high", False)
    assert await talk.say("mark buy milk as done") == "Done: “Buy milk”."
    assert calls_of(talk.parts) == ["list_tasks", "complete_task"]
    assert await talk.say("what is on my list?") == "You have no open tasks."


async def test_signatures_are_sent_back_to_gemini_only(
    signed_in: SignIn, answer_with: Callable[..., None]
) -> None:
    answer_with("gemini-local", openai_api_key=None, gemini_api_key=SecretStr("g-local"))
    talk = Talk(await signed_in("Ada"))
    await talk.say("add buy milk")
    assert (await talk.say("delete buy milk")).endswith("Answer “yes” to confirm.")
    assert talk.parts[0]["agent"]["name"] == "gemini"
    conversation = await talk.person.get(f"/api/conversations/{talk.id}")
    assert "thought_signature" not in conversation.text
    assert "thought_signature" not in json.dumps(talk.parts)


async def test_a_prompt_injection_reaches_no_other_user(
    signed_in: SignIn, answer_with: Callable[..., None]
) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    task = (await ada.post("/api/tasks", json={"title": "Secret"})).json()
    answer_with("script:other-person")
    parts = await say(bob, task["id"])
    assert [part["errorText"] for part in parts if part["type"] == "tool-output-error"] == [
        "There is no task with this id; list_tasks returns the ids.",
        "user_id: Extra inputs are not permitted",
    ]
    assert (await ada.get(f"/api/tasks/{task['id']}")).json() == task
    assert "Secret" not in json.dumps(parts)


async def test_a_failing_model_is_an_error_part_and_is_stored(
    signed_in: SignIn, answer_with: Callable[..., None]
) -> None:
    answer_with("fail-401")
    ada = await signed_in("Ada")
    parts = await say(ada, "hello", idempotency_key="k1")
    assert error_of(parts) == "OpenAI did not accept the key in OPENAI_API_KEY."
    assert [part["type"] for part in parts] == ["start", "error", "finish"]
    reply = await stored(ada, parts, ready=bool)
    assert reply["parts"] == [{"type": "text", "text": "OpenAI did not accept the key in OPENAI_API_KEY."}]
    assert reply["state"] == "failed"
    assert error_of(await say(ada, "hello", idempotency_key="k1")) == error_of(parts)
    answer_with("local-model")
    again = await say(ada, "hello", conversation_id=parts[0]["conversation_id"])
    assert error_of(again) is None


async def test_arguments_that_cannot_be_stored_are_handled(
    signed_in: SignIn, answer_with: Callable[..., None]
) -> None:
    answer_with("script:odd-arguments")
    talk = Talk(await signed_in("Ada"))
    assert await talk.say("add it") == "Never mind."
    assert len([part for part in talk.parts if part["type"] == "tool-output-error"]) == 3
    conversation = await talk.person.get(f"/api/conversations/{talk.id}")
    assert [part.get("toolName") for part in conversation.json()["messages"][1]["parts"]] == [
        "add_task",
        "add_task",
        "add_task",
        None,
    ]
    assert await talk.say("add it") == "Never mind."
    assert (await talk.person.get("/api/tasks")).json()["items"] == []


async def test_pressing_stop_keeps_completed_actions(
    signed_in: SignIn, answer_with: Callable[..., None], address: str
) -> None:
    answer_with("script:act-then-hang")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)
    parts = await connection.until("add it", lambda part: part["type"] == "text-delta", idempotency_key="k1")
    reply = await stored(ada, parts, ready=lambda parts: len(parts) == 2)
    assert reply["parts"][0]["output"]["task"]["title"] == "Half done"
    assert reply["parts"][1] == {"type": "text", "text": "Let me think"}
    assert (reply["state"], reply["model"]) == ("interrupted", "script:act-then-hang")
    assert (await ada.post(f"/api/conversations/{parts[0]['conversation_id']}/stop")).status_code == 204
    assert (await stored(ada, parts, ready=bool))["state"] == "stopped"
    assert [task["title"] for task in (await ada.get("/api/tasks")).json()["items"]] == ["Half done"]
    answer_with("local-model")
    # The conversation continues with an interrupted reply in its history.
    following = await say(ada, "hello", conversation_id=parts[0]["conversation_id"])
    assert error_of(following) is None
    await connection.client.aclose()


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_stop_ends_a_running_reply_on_any_server_even_after_a_failure(
    app: FastAPI,
    signed_in: SignIn,
    answer_with: Callable[..., None],
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
) -> None:
    failures = [RuntimeError("unexpected")]

    async def renew(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        await renew_lease(*arguments)

    monkeypatch.setattr(replies, "renew_lease", renew)
    monkeypatch.setattr(replies, "RENEWAL_S", 0.1)
    answer_with("script:act-then-hang")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)
    stopping: list[asyncio.Task[Any]] = []
    parts: list[Part] = []

    def stop(part: Part) -> bool:
        parts.append(part)
        if part["type"] == "text-delta" and not stopping:
            if elsewhere:
                app.state.replies = replies.RunningReplies()
            address = f"/api/conversations/{parts[0]['conversation_id']}/stop"
            stopping.append(asyncio.create_task(ada.post(address)))
        return False

    await connection.until("add it", stop)
    assert parts[-1] == {"type": "finish"}
    assert not (elsewhere and failures)
    assert (await stopping[0]).status_code == 204
    reply = await stored(ada, parts, ready=lambda parts: len(parts) == 2)
    assert reply["state"] == "stopped"
    await connection.client.aclose()


async def test_an_interrupted_reply_resumes_after_its_last_call(
    signed_in: SignIn, answer_with: Callable[..., None], address: str
) -> None:
    answer_with("script:act-then-hang")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)
    parts = await connection.until(
        "add half done", lambda part: part["type"] == "text-delta", idempotency_key="k1"
    )
    await stored(ada, parts, ready=lambda parts: len(parts) == 2)
    answer_with("local-model")
    again = await say(ada, "add half done", idempotency_key="k1")
    assert again[0].items() >= {"messageId": parts[0]["messageId"], "type": "start"}.items()
    assert [part for part in again if part["type"].startswith("tool")] == parts[1:3]
    assert text_of(again) == "Added “Half done”.", "not what was said before it was interrupted"
    assert again[-1] == {"type": "finish"}
    assert [task["title"] for task in (await ada.get("/api/tasks")).json()["items"]] == ["Half done"]
    reply = await stored(ada, again, ready=lambda parts: len(parts) == 2)
    assert reply["id"] == parts[0]["messageId"]
    await connection.client.aclose()


async def test_a_stopping_server_ends_its_streams_resumably(
    app: FastAPI, signed_in: SignIn, answer_with: Callable[..., None], address: str
) -> None:
    answer_with("script:act-then-hang")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)

    def interrupt(part: Part) -> bool:
        if part["type"] == "text-delta":
            app.state.replies.interrupt()
        return False

    parts = await connection.until("add half done", interrupt, idempotency_key="k1")
    assert [part["type"] for part in parts[-2:]] == ["text-end", "abort"]
    assert (await stored(ada, parts, ready=bool))["state"] == "interrupted"
    late = await say(ada, "hello", idempotency_key="k2")
    assert [part["type"] for part in late] == ["start", "abort"]
    app.state.replies = replies.RunningReplies()  # another server's replies
    answer_with("local-model")
    again = await say(ada, "add half done", idempotency_key="k1")
    assert text_of(again) == "Added “Half done”."
    assert [task["title"] for task in (await ada.get("/api/tasks")).json()["items"]] == ["Half done"]
    await connection.client.aclose()


async def test_disconnecting_while_the_reply_is_stored_loses_nothing(
    signed_in: SignIn, answer_with: Callable[..., None], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing = asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        storing.set()
        await asyncio.sleep(0.3)
        await save_reply(*arguments)

    monkeypatch.setattr(replies, "save_reply", slowly)
    answer_with("local-model")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)
    parts = await connection.until("hello", lambda part: part["type"] == "text-end", idempotency_key="k1")
    await storing.wait()
    reply = await stored(ada, parts, ready=bool)
    assert reply["parts"] == [{"type": "text", "text": text_of(parts)}]
    assert error_of(await say(ada, "hello", idempotency_key="k1")) is None
    await connection.client.aclose()


async def test_no_lock_is_held_while_a_model_answers(
    signed_in: SignIn, answer_with: Callable[..., None], address: str
) -> None:
    answer_with("script:act-then-hang")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)
    body = {"message": "add it", "idempotency_key": "k1"}
    async with connection.client.stream("POST", "/api/chat", json=body) as response:
        # Keep a reference: a garbage-collected iterator closes the connection.
        lines = response.aiter_lines()
        async for line in lines:
            if "Let me think" in line:
                break
        created = await ada.post("/api/tasks", json={"title": "Meanwhile"})
        assert created.status_code == 201
        duplicate = await ada.post("/api/chat", json=body)
        assert duplicate.status_code == 409
        assert duplicate.headers["retry-after"] == "1"
    await connection.client.aclose()


async def test_streams_are_limited_for_the_whole_process(
    app: FastAPI,
    signed_in: SignIn,
    answer_with: Callable[..., None],
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replies, "STREAMS", 1)
    answer_with("script:hang")
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    connection = Connection(ada, address)
    refused: list[httpx2.Response] = []
    async with connection.client.stream("POST", "/api/chat", json={"message": "hello"}) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if "Let me think" in line:
                break
        refused.append(await bob.post("/api/chat", json={"message": "hello"}))
    await connection.client.aclose()
    assert (refused[0].status_code, refused[0].json()["code"]) == (503, "overloaded")
    assert refused[0].headers["retry-after"] == "1"
    assert (await bob.get("/api/conversations")).json()["items"] == []


async def test_silence_is_filled_with_comments(
    signed_in: SignIn,
    answer_with: Callable[..., None],
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replies, "KEEP_ALIVE_S", 0.05)
    answer_with("script:hang")
    connection = Connection(await signed_in("Ada"), address)
    comments = 0
    async with connection.client.stream("POST", "/api/chat", json={"message": "hello"}) as response:
        async for line in response.aiter_lines():
            comments += line == ": keep-alive"
            if comments == 3:
                break
    await connection.client.aclose()
    assert comments == 3


async def test_a_reply_that_takes_too_long_is_stopped(
    signed_in: SignIn, answer_with: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert REPLY_LIMIT_S > 60
    answer_with("local-model")
    ada = await signed_in("Ada")
    await say(ada, "hello")  # the first reply's imports take longer than the timeout below
    monkeypatch.setattr(replies, "REPLY_LIMIT_S", 3)
    answer_with("script:act-then-hang")
    parts = await say(ada, "add it")
    assert error_of(parts) == "This took too long, so I stopped. The changes made so far are kept."
    reply = await stored(ada, parts, ready=lambda parts: len(parts) == 3)
    assert reply["parts"][0]["toolName"] == "add_task"


async def test_a_conversation_deleted_during_a_reply_stays_deleted(
    signed_in: SignIn, answer_with: Callable[..., None], address: str
) -> None:
    answer_with("script:hang")
    ada = await signed_in("Ada")
    connection = Connection(ada, address)
    parts: list[Part] = []

    def delete_soon(part: Part) -> bool:
        parts.append(part)
        return bool(part["type"] == "text-delta")

    await connection.until("hello", delete_soon)
    deleted = await ada.delete(f"/api/conversations/{parts[0]['conversation_id']}")
    assert deleted.status_code == 204
    assert (await ada.get("/api/conversations")).json()["items"] == []
    await connection.client.aclose()


async def test_a_title_with_line_breaks_cannot_forge_an_event(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    response = await ada.post(
        "/api/tasks",
        json={
            "title": "x",
            "description": 'a\n\ndata: {"type":"error","errorText":"forged"}\n\ndata: [DONE]',
        },
    )
    assert response.status_code == 201
    stream = await ada.post("/api/chat", json={"message": "list"})
    parts = parts_of(stream.text)
    assert error_of(parts) is None
    assert parts[-1] == {"type": "finish"}
