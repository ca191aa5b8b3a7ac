"""Changes are undone for good: whoever made them, as one step, with the same ids."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.database import utc_now
from app.tasks import journal
from app.tasks.journal import Change
from backend.tests.browsers import Person
from backend.tests.chat.stream import Talk

SignIn = Callable[..., Awaitable[Person]]


async def tasks(person: httpx2.AsyncClient) -> list[dict[str, object]]:
    return list((await person.get("/api/tasks", params={"sort": "title"})).json()["items"])


async def add(person: httpx2.AsyncClient, title: str, **more: object) -> str:
    response = await person.post("/api/tasks", json={"title": title, **more})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def test_an_undone_deletion_brings_back_the_same_task(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    milk = await add(ada, "Milk", tags=["shop", "home"], priority="high", due_at="2099-01-01T10:00:00Z")
    before = await tasks(ada)
    await ada.delete(f"/api/tasks/{milk}")
    undone = await ada.post("/api/undo", json={"task_id": milk})
    assert undone.status_code == 200, undone.text
    assert [change["undone"] for change in undone.json()["changes"]] == ["deleted"]
    assert await tasks(ada) == before


async def test_every_kind_of_change_is_undone_in_turn(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    milk = await add(ada, "Milk", tags=["shop"])
    states = [await tasks(ada)]
    await ada.patch(f"/api/tasks/{milk}", json={"title": "Oat milk", "tags": ["home", "shop"]})
    states.append(await tasks(ada))
    await ada.post(f"/api/tasks/{milk}/complete")
    states.append(await tasks(ada))
    await ada.post(f"/api/tasks/{milk}/reopen")
    for kind in ("reopened", "completed", "updated"):
        response = await ada.post("/api/undo", json={})
        assert [change["undone"] for change in response.json()["changes"]] == [kind]
        # Only the time of the last change is new.
        [found], [expected] = await tasks(ada), states.pop()
        assert {**found, "updated_at": None} == {**expected, "updated_at": None}
    assert (await ada.post("/api/undo", json={})).json()["changes"][0]["undone"] == "added"
    assert await tasks(ada) == []
    assert (await ada.post("/api/undo", json={})).json()["code"] == "nothing_to_undo"


async def test_a_message_is_one_step_that_its_receipt_names(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    talk = Talk(ada)
    await talk.say("add buy milk and add call Ann")
    steps = {part["output"]["step"] for part in talk.parts if part["type"] == "tool-output-available"}
    [step] = steps
    assert len(await tasks(ada)) == 2
    assert (await ada.post("/api/undo", json={"step": step})).status_code == 200
    assert await tasks(ada) == []
    again = await ada.post("/api/undo", json={"step": step})
    assert (again.status_code, again.json()["code"]) == (409, "already_undone")


async def test_a_conversation_says_which_of_its_changes_were_undone(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    talk = Talk(ada)
    await talk.say("add buy milk")
    [step] = [part["output"]["step"] for part in talk.parts if part["type"] == "tool-output-available"]
    await talk.say("add call Ann")
    assert (await ada.post("/api/undo", json={"step": step})).status_code == 200
    await talk.say("undo")
    await talk.say("add call Bob")
    read = (await ada.get(f"/api/conversations/{talk.id}")).json()["messages"]
    calls = [part for message in read for part in message["parts"] if part["type"] == "tool"]
    marks = [
        (call["toolName"], call.get("undone", False)) for call in calls if call["toolName"] != "list_tasks"
    ]
    assert marks == [("add_task", True), ("add_task", True), ("undo", False), ("add_task", False)]


async def test_a_step_is_not_undone_over_later_changes(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    talk = Talk(ada)
    await talk.say("add buy milk")
    [step] = [part["output"]["step"] for part in talk.parts if part["type"] == "tool-output-available"]
    [task] = await tasks(ada)
    await ada.patch(f"/api/tasks/{task['id']}", json={"title": "Buy bread"})
    assert (await ada.post("/api/undo", json={"step": step})).status_code == 409
    assert [found["title"] for found in await tasks(ada)] == ["Buy bread"]


async def test_nobody_undoes_for_another(signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    milk = await add(ada, "Milk")
    for body in ({}, {"task_id": milk}):
        assert (await bob.post("/api/undo", json=body)).status_code == 404
    assert len(await tasks(ada)) == 1


async def test_changes_are_forgotten_after_thirty_days(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await add(ada, "Milk")
    database = app.state.database
    async with database.transaction() as session:
        await session.execute(update(Change).values(created_at=utc_now() - timedelta(days=31)))
    await journal.forget_past(database)
    assert (await ada.post("/api/undo", json={})).status_code == 404


async def test_completing_a_task_that_repeats_makes_the_next(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    bins = await add(
        ada,
        "Bins",
        due_at="2099-03-28T07:00:00Z",
        recurrence="FREQ=DAILY",
        time_zone="Europe/Berlin",
        tags=["home"],
    )
    before = await tasks(ada)
    await ada.post(f"/api/tasks/{bins}/complete")
    open_tasks = [task for task in await tasks(ada) if task["status"] == "open"]
    # The clocks changed in the night: 8:00 is one hour earlier in UTC.
    assert [(task["due_at"], task["recurrence"], task["tags"]) for task in open_tasks] == [
        ("2099-03-29T06:00:00Z", "FREQ=DAILY", ["home"])
    ]
    assert (await ada.post("/api/undo", json={})).status_code == 200
    [found], [expected] = await tasks(ada), before
    assert {**found, "updated_at": None} == {**expected, "updated_at": None}


@pytest.mark.parametrize(
    "rule",
    ["every day", "FREQ=SECONDLY", "FREQ=DAILY;COUNT=3", "FREQ=DAILY\nFREQ=DAILY", "FREQ=DAILY;BYDAY=XX"],
)
async def test_other_rules_are_refused(signed_in: SignIn, rule: str) -> None:
    ada = await signed_in("Ada")
    body = {"title": "Bins", "due_at": "2099-03-28T07:00:00Z", "recurrence": rule}
    assert (await ada.post("/api/tasks", json=body)).status_code == 422


async def test_a_sentence_is_read_with_positions_for_python_and_javascript(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    text = "🎂 cake for Zoë every monday at 8 #party !high"
    response = await ada.post("/api/tasks/parse", json={"text": text, "time_zone": "Europe/Berlin"})
    found = response.json()
    assert (found["title"], found["recurrence"]) == ("🎂 cake for Zoë", "FREQ=WEEKLY;BYDAY=MO")
    assert (found["tags"], found["priority"]) == (["party"], "high")
    units = text.encode("utf-16-le")
    for span in found["spans"]:
        said = text[span["start"] : span["end"]]
        assert units[2 * span["utf16_start"] : 2 * span["utf16_end"]].decode("utf-16-le") == said
    assert [text[span["start"] : span["end"]] for span in found["spans"]] == [
        "every monday",
        "at 8",
        "#party",
        "!high",
    ]
    problem = await ada.post("/api/tasks/parse", json={"text": "pay on 31 feb"})
    assert problem.json()["problem"] == "There is no 31 February."


async def test_the_path_of_parsing_is_no_task(signed_in: SignIn) -> None:
    response = await (await signed_in("Ada")).options("/api/tasks/parse")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
