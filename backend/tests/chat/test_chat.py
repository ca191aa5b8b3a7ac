"""Chat rules: storage, validation and repeated requests."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.chat import service
from app.chat.models import Message, ReplyState
from app.database import utc_now
from app.main import create_app
from app.pagination import encode_cursor
from backend.tests.browsers import Person
from backend.tests.chat.stream import Part, Talk, error_of, say, text_of

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def ada(signed_in: SignIn) -> httpx2.AsyncClient:
    return await signed_in("Ada")


async def tasks(person: httpx2.AsyncClient) -> list[str]:
    return [task["title"] for task in (await person.get("/api/tasks")).json()["items"]]


async def test_a_reply_streams_its_parts_in_the_order_of_the_protocol(ada: httpx2.AsyncClient) -> None:
    parts = await say(ada, "add buy milk", time_zone="Europe/Berlin")
    assert [part["type"] for part in parts] == [
        "start",
        "tool-input-available",
        "tool-output-available",
        "text-start",
        "text-delta",
        "text-end",
        "finish",
    ]
    start, call, result, *_ = parts
    assert start["agent"] == {"name": "offline", "model": None}
    assert call["toolName"] == "add_task"
    assert call["input"] == {"title": "Buy milk"}
    assert result["toolCallId"] == call["toolCallId"]
    assert result["output"]["task"]["title"] == "Buy milk"


async def test_a_tools_refusal_is_part_of_the_stream(ada: httpx2.AsyncClient) -> None:
    parts = await say(ada, "add buy milk " + " ".join(f"#tag{number}" for number in range(21)))
    assert "tool-output-error" in [part["type"] for part in parts]
    assert (
        text_of(parts)
        == "I could not add ‘Buy milk’: tags: List should have at most 20 items after validation, not 21"
    )
    assert await tasks(ada) == []


async def test_a_stored_conversation_equals_its_stream(ada: httpx2.AsyncClient) -> None:
    parts = await say(ada, "add buy milk")
    conversation = (await ada.get(f"/api/conversations/{parts[0]['conversation_id']}")).json()
    assert conversation["title"] == "add buy milk"
    message, reply = conversation["messages"]
    assert (message["role"], message["agent"]) == ("user", None)
    assert message["parts"] == [{"type": "text", "text": "add buy milk"}]
    assert (reply["role"], reply["agent"], reply["id"]) == ("assistant", "offline", parts[0]["messageId"])
    tool, text = reply["parts"]
    assert tool == {
        "type": "tool",
        "toolCallId": parts[1]["toolCallId"],
        "toolName": "add_task",
        "input": {"title": "Buy milk"},
        "output": parts[2]["output"],
    }
    assert text == {"type": "text", "text": text_of(parts)}


async def test_a_conversation_survives_a_restart(app: FastAPI, ada: httpx2.AsyncClient) -> None:
    talk = Talk(ada)
    await talk.say("add buy milk")
    restarted = create_app(app.state.settings)
    # The same browser calls a new server.
    ada._transport = httpx2.ASGITransport(restarted)
    assert await talk.say("complete it") == "Done: ‘Buy milk’."
    assert len((await ada.get(f"/api/conversations/{talk.id}")).json()["messages"]) == 4
    await restarted.state.database.close()


async def test_another_users_conversation_is_not_found(ada: httpx2.AsyncClient, signed_in: SignIn) -> None:
    bob = await signed_in("Bob")
    talk = Talk(ada)
    await talk.say("add secret plan")
    address = f"/api/conversations/{talk.id}"
    for response in (
        await bob.get(address),
        await bob.patch(address, json={"title": "Mine"}),
        await bob.delete(address),
        await bob.post("/api/chat", json={"message": "list", "conversation_id": talk.id}),
    ):
        assert response.status_code == 404
        assert response.json()["code"] == "conversation_not_found"
        assert "secret" not in response.text
    assert (await bob.get("/api/conversations")).json() == {"items": [], "next_cursor": None}
    assert (await ada.get(address)).json()["title"] == "add secret plan"


async def test_requests_without_a_session_are_unauthorized(client: httpx2.AsyncClient) -> None:
    for method, path in (
        ("POST", "/api/chat"),
        ("GET", "/api/conversations"),
        ("GET", "/api/conversations/x"),
        ("PATCH", "/api/conversations/x"),
        ("DELETE", "/api/conversations/x"),
    ):
        assert (await client.request(method, path, json={"message": "x", "title": "x"})).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": " \n\t "}, "message"),
        ({"message": "x" * 4001}, "message"),
        ({"message": "a\0b"}, "message"),
        ({"message": ["list"]}, "message"),
        ({"message": "list", "time_zone": "Mars/Phobos"}, "time_zone"),
        ({"message": "list", "time_zone": "../../etc/passwd"}, "time_zone"),
        ({"message": "list", "time_zone": "Europe"}, "time_zone"),
        ({"message": "list", "time_zone": ""}, "time_zone"),
        ({"message": "list", "time_zone": "UTC\0"}, "time_zone"),
        ({"message": "list", "idempotency_key": ""}, "idempotency_key"),
        ({"message": "list", "idempotency_key": "k" * 201}, "idempotency_key"),
        ({"message": "list", "conversation_id": "a\0b"}, "conversation_id"),
        ({"message": "list", "user_id": "someone"}, "user_id"),
    ],
)
async def test_an_invalid_message_is_refused_with_the_name_of_the_field(
    ada: httpx2.AsyncClient, body: dict[str, Any], field: str
) -> None:
    response = await ada.post("/api/chat", json=body)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(f"{field}: ")
    assert (await ada.get("/api/conversations")).json()["items"] == []


@pytest.mark.parametrize(
    "message",
    [
        "x" * 4000,
        "add קנה חלב",
        "add \u202eevil\u2066 title",
        "add line\r\n\r\ndata: [DONE]\r\n\r\nevent: x",
        "add a\u2028b\u2029c\x85d",
        "add bell\x07 and escape\x1b[31m",
        "🥛" * 4000,
        "e\u0301" * 2000,
        "\ufffc" * 10,
        "add \ufffc \x1f x tomorrow",
    ],
)
async def test_any_script_is_answered_in_one_well_formed_stream(
    ada: httpx2.AsyncClient, message: str
) -> None:
    parts = await say(ada, message)
    assert error_of(parts) is None
    assert text_of(parts)
    conversation = (await ada.get(f"/api/conversations/{parts[0]['conversation_id']}")).json()
    assert conversation["messages"][0]["parts"][0]["text"] == message.strip()
    assert 1 <= len(conversation["title"]) <= 80


async def test_a_repeated_key_replays_the_reply_and_runs_nothing_twice(ada: httpx2.AsyncClient) -> None:
    first = await say(ada, "add buy milk", idempotency_key="k1")
    second = await say(ada, "add buy milk", idempotency_key="k1")
    assert second[0] == first[0]
    assert [part for part in second if part["type"].startswith("tool")] == [
        part for part in first if part["type"].startswith("tool")
    ]
    assert text_of(second) == text_of(first)
    assert await tasks(ada) == ["Buy milk"]
    conversation = (await ada.get(f"/api/conversations/{first[0]['conversation_id']}")).json()
    assert len(conversation["messages"]) == 2


async def test_a_key_belongs_to_one_message_of_one_user(ada: httpx2.AsyncClient, signed_in: SignIn) -> None:
    await say(ada, "add buy milk", idempotency_key="k1")
    response = await ada.post("/api/chat", json={"message": "add buy bread", "idempotency_key": "k1"})
    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"
    bob = await signed_in("Bob")
    await say(bob, "add buy milk", idempotency_key="k1")
    assert await tasks(bob) == ["Buy milk"]


async def test_concurrent_requests_with_one_key_run_once(ada: httpx2.AsyncClient) -> None:
    body = {"message": "add buy milk", "idempotency_key": "k1"}
    responses = await asyncio.gather(*(ada.post("/api/chat", json=body) for _ in range(6)))
    statuses = [response.status_code for response in responses]
    assert 200 in statuses
    assert set(statuses) <= {200, 409}
    for response in responses:
        if response.status_code == 409:
            assert response.json()["code"] == "reply_in_progress"
            assert response.headers["retry-after"] == "1"
    assert await tasks(ada) == ["Buy milk"]
    assert len((await ada.get("/api/conversations")).json()["items"]) == 1


@pytest.fixture
async def interrupted(app: FastAPI, ada: httpx2.AsyncClient) -> list[Part]:
    """The parts of a reply with the key "k1", stored as if its server had been killed during the reply."""
    first = await say(ada, "add buy milk", idempotency_key="k1")
    await change_reply(app, first, state=ReplyState.RUNNING, leased_until=utc_now() - timedelta(seconds=1))
    return first


async def change_reply(app: FastAPI, reply: list[Part], **values: Any) -> None:
    async with app.state.database.transaction() as session:
        await session.execute(update(Message).where(Message.id == reply[0]["messageId"]).values(**values))


@pytest.mark.parametrize("lease_s", [-1, 3600], ids=["expired", "of before the clock was set back"])
async def test_a_reply_of_a_killed_server_is_resumed(
    app: FastAPI, ada: httpx2.AsyncClient, interrupted: list[Part], lease_s: float
) -> None:
    await change_reply(app, interrupted, leased_until=utc_now() + timedelta(seconds=lease_s))
    again = await say(ada, "add buy milk", idempotency_key="k1")
    assert again[:3] == interrupted[:3], "the reply, the call and its outcome are the same"
    assert text_of(again) == text_of(interrupted)
    assert again[-1] == {"type": "finish"}
    assert await tasks(ada) == ["Buy milk"]
    assert await say(ada, "add buy milk", idempotency_key="k1") == again


async def test_a_call_with_an_unknown_outcome_runs_once(
    app: FastAPI, ada: httpx2.AsyncClient, interrupted: list[Part]
) -> None:
    conversation = await ada.get(f"/api/conversations/{interrupted[0]['conversation_id']}")
    call, _ = conversation.json()["messages"][1]["parts"]
    del call["output"]
    await change_reply(app, interrupted, parts=[call])
    again = await say(ada, "add buy milk", idempotency_key="k1")
    assert again[1:3] == interrupted[1:3]
    assert text_of(again) == text_of(interrupted)
    assert await tasks(ada) == ["Buy milk"]


async def last_reply(ada: httpx2.AsyncClient, reply: list[Part]) -> Any:
    return (await ada.get(f"/api/conversations/{reply[0]['conversation_id']}")).json()["messages"][-1]


async def test_messages_tell_who_answered_and_how_it_ended(ada: httpx2.AsyncClient) -> None:
    parts = await say(ada, "add buy milk", idempotency_key="k1")
    conversation = await ada.get(f"/api/conversations/{parts[0]['conversation_id']}")
    message, reply = conversation.json()["messages"]
    assert (message["state"], message["idempotency_key"]) == (None, "k1")
    assert (reply["state"], reply["agent"], reply["model"]) == ("finished", "offline", None)


@pytest.mark.parametrize("lease_s", [-1, 3600], ids=["expired", "of before the clock was set back"])
async def test_a_reply_of_a_killed_server_is_interrupted(
    app: FastAPI, ada: httpx2.AsyncClient, interrupted: list[Part], lease_s: float
) -> None:
    await change_reply(app, interrupted, leased_until=utc_now() + timedelta(seconds=lease_s))
    assert (await last_reply(ada, interrupted))["state"] == "interrupted"
    running = await say(ada, "add buy bread", idempotency_key="k2")
    lease = utc_now() + timedelta(seconds=10)
    await change_reply(app, running, state=ReplyState.RUNNING, leased_until=lease)
    restarted = create_app(app.state.settings)
    async with restarted.router.lifespan_context(restarted), asyncio.timeout(10):
        while True:
            if await stored_state(app, interrupted) != ReplyState.RUNNING:
                break
            await asyncio.sleep(0.01)
    assert await stored_state(app, interrupted) == ReplyState.INTERRUPTED
    assert await stored_state(app, running) == ReplyState.RUNNING, "another server still writes it"
    assert (await last_reply(ada, running))["state"] == "running"


async def test_a_conversation_stays_in_order_when_the_clock_is_set_back(
    ada: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(ada)
    await talk.say("add buy milk")
    now = utc_now() - timedelta(hours=1)
    monkeypatch.setattr(service, "utc_now", lambda: now)
    await talk.say("add call Bob")
    await talk.say("complete it")
    found = (await ada.get(f"/api/conversations/{talk.id}")).json()["messages"]
    assert [message["role"] for message in found] == ["user", "assistant"] * 3
    said = [message["parts"][0]["text"] for message in found if message["role"] == "user"]
    assert said == ["add buy milk", "add call Bob", "complete it"]


async def stored_state(app: FastAPI, reply: list[Part]) -> ReplyState | None:
    async with app.state.database.transaction(read_only=True) as session:
        message: Message = await session.get_one(Message, reply[0]["messageId"])
        return message.state


async def test_a_failed_reply_is_answered_again_on_request(
    app: FastAPI, ada: httpx2.AsyncClient, interrupted: list[Part]
) -> None:
    call = (await last_reply(ada, interrupted))["parts"][0]
    failure = {"type": "error", "errorText": "Out of luck."}
    await change_reply(app, interrupted, state=ReplyState.FAILED, parts=[call, failure])
    assert error_of(await say(ada, "add buy milk", idempotency_key="k1")) == "Out of luck."
    assert (await last_reply(ada, interrupted))["state"] == "failed"
    again = await say(ada, "add buy milk", idempotency_key="k1", retry=True)
    assert text_of(again) == text_of(interrupted)
    assert await tasks(ada) == ["Buy milk"]
    conversation = await ada.get(f"/api/conversations/{again[0]['conversation_id']}")
    assert [message["state"] for message in conversation.json()["messages"]] == [None, "finished"]


async def test_stop_changes_only_an_open_reply(
    ada: httpx2.AsyncClient, interrupted: list[Part], signed_in: SignIn
) -> None:
    address = f"/api/conversations/{interrupted[0]['conversation_id']}/stop"
    assert (await (await signed_in("Bob")).post(address)).status_code == 404
    assert (await last_reply(ada, interrupted))["state"] == "interrupted"
    assert (await ada.post(address)).status_code == 204
    assert (await last_reply(ada, interrupted))["state"] == "stopped"
    await say(ada, "add buy milk", idempotency_key="k1")
    assert (await ada.post(address)).status_code == 204
    assert (await last_reply(ada, interrupted))["state"] == "finished"


async def test_a_reply_of_a_running_server_is_not_taken_over(
    app: FastAPI, ada: httpx2.AsyncClient, interrupted: list[Part]
) -> None:
    await change_reply(app, interrupted, leased_until=utc_now() + timedelta(seconds=10))
    response = await ada.post("/api/chat", json={"message": "add buy milk", "idempotency_key": "k1"})
    assert (response.status_code, response.json()["code"]) == (409, "reply_in_progress")
    assert response.headers["retry-after"] == "1"


async def test_concurrent_requests_resume_an_interrupted_reply_once(
    app: FastAPI, ada: httpx2.AsyncClient, interrupted: list[Part]
) -> None:
    body = {"message": "add buy milk", "idempotency_key": "k1"}
    responses = await asyncio.gather(*(ada.post("/api/chat", json=body) for _ in range(6)))
    assert {response.status_code for response in responses} <= {200, 409}
    async with app.state.database.transaction(read_only=True) as session:
        reply = await session.get_one(Message, interrupted[0]["messageId"])
    assert (reply.state, reply.attempt) == (ReplyState.FINISHED, 2)
    assert await tasks(ada) == ["Buy milk"]


async def test_conversations_are_listed_renamed_and_deleted(ada: httpx2.AsyncClient) -> None:
    talks = [Talk(ada) for _ in range(5)]
    for number, talk in enumerate(talks):
        await talk.say(f"add task number {number}")
    await talks[0].say("list")
    listed: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await ada.get("/api/conversations", params=query)).json()
        listed += [conversation["id"] for conversation in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert listed == [talks[number].id for number in (0, 4, 3, 2, 1)]
    address = f"/api/conversations/{talks[0].id}"
    assert (await ada.patch(address, json={"title": " My\nplans "})).json()["title"] == "My plans"
    assert (await ada.get(address)).json()["title"] == "My plans"
    assert (await ada.patch(address, json={"title": ""})).status_code == 422
    assert (await ada.patch(address, json={"title": "x" * 81})).status_code == 422
    for cursor in ("x", encode_cursor("updated desc", "0001-01-01T00:00:00+14:00", "a")):
        assert (await ada.get("/api/conversations", params={"cursor": cursor})).status_code == 422
    assert (await ada.delete(address)).status_code == 204
    assert (await ada.get(address)).status_code == 404
    assert (await ada.delete(address)).status_code == 404
    assert len(await tasks(ada)) == 5, "the tasks stay"


async def test_conversations_are_searched_by_title_and_text_in_any_script(
    ada: httpx2.AsyncClient, signed_in: SignIn
) -> None:
    async def found(words: str, person: httpx2.AsyncClient = ada) -> list[str]:
        answer = await person.get("/api/conversations", params={"q": words})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    milk, street, kanji = Talk(ada), Talk(ada), Talk(ada)
    await milk.say("add buy MILK 50% off")
    await street.say("add Straße kehren")
    await kanji.say("add 牛乳を買う")
    await street.say("add call Ömer")
    assert await found("mil") == [milk.id]
    assert await found("buy milk added") == [milk.id], "also in the reply"
    assert await found("STRASSE ömer") == [street.id]
    assert await found("牛乳") == [kanji.id]
    assert await found("50%") == [milk.id]
    assert await found("_") == []
    assert await found("milk ömer") == []
    assert await found(" ") == [street.id, kanji.id, milk.id]
    await ada.patch(f"/api/conversations/{milk.id}", json={"title": "Einkäufe"})
    assert await found("EINKÄUFE") == [milk.id]
    assert await found("milk", await signed_in("Bob")) == []
    assert (await ada.get("/api/conversations", params={"q": "x" * 101})).status_code == 422


async def test_the_last_message_can_be_replaced(ada: httpx2.AsyncClient, signed_in: SignIn) -> None:
    first = await say(ada, "add buy milk", idempotency_key="k1")
    where = {"conversation_id": first[0]["conversation_id"]}
    await say(ada, "add buy bread", idempotency_key="k2", **where)
    body = {"message": "add buy rye bread", "idempotency_key": "k3", **where}
    for person, replaces, code in ((ada, "k1", "not_last_message"), (await signed_in("Bob"), "k2", "")):
        refused = await person.post("/api/chat", json={**body, "replaces": replaces})
        assert refused.status_code == (409 if code else 404)
        assert refused.json()["code"] == (code or "conversation_not_found")
    await say(ada, body["message"], idempotency_key="k3", replaces="k2", **where)
    conversation = await ada.get(f"/api/conversations/{where['conversation_id']}")
    states = [message["state"] for message in conversation.json()["messages"]]
    assert states == [None, "finished", "replaced", "replaced", None, "finished"]
    assert await tasks(ada) == ["Buy rye bread", "Buy bread", "Buy milk"], "its acts stay, and can be undone"
    step = conversation.json()["messages"][3]["parts"][0]["output"]["step"]
    assert (await ada.post("/api/undo", json={"step": step})).status_code == 200
    assert await tasks(ada) == ["Buy rye bread", "Buy milk"]
    # A retry of the replaced message runs nothing.
    await say(ada, "add buy bread", idempotency_key="k2", retry=True)
    assert await tasks(ada) == ["Buy rye bread", "Buy milk"]
    alone = await ada.post("/api/chat", json={"message": "hello", "replaces": "k3"})
    assert alone.status_code == 422


async def test_an_agent_does_not_read_a_replaced_message(ada: httpx2.AsyncClient) -> None:
    first = await say(ada, "add buy milk")
    where = {"conversation_id": first[0]["conversation_id"]}
    await say(ada, "add buy bread", idempotency_key="k2", **where)
    await say(ada, "help", replaces="k2", **where)
    assert text_of(await say(ada, "complete it", **where)) == "Done: ‘Buy milk’."


async def test_a_long_conversation_is_paginated_from_its_end(app: FastAPI, ada: Person) -> None:
    talk = Talk(ada)
    await talk.say("help")
    began = utc_now() + timedelta(seconds=1)
    async with app.state.database.transaction() as session:
        session.add_all(
            Message(
                conversation_id=talk.id,
                user_id=ada.user.id,
                role="user",
                parts=[{"type": "text", "text": str(number)}],
                created_at=began + timedelta(milliseconds=number),
            )
            for number in range(300)
        )
    address = f"/api/conversations/{talk.id}"
    latest = (await ada.get(address)).json()
    assert [message["parts"][0]["text"] for message in latest["messages"]] == [
        str(n) for n in range(100, 300)
    ]
    before = (await ada.get(address, params={"cursor": latest["previous_cursor"]})).json()
    assert len(before["messages"]) == 102
    assert before["previous_cursor"] is None
