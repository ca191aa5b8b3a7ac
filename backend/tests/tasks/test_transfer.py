"""Tasks leave as a file and come back from one: without loss, all or none, as one step to undo."""

import csv
import gzip
import io
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from app.tasks import transfer
from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]
CSV = {"content-type": "text/csv; charset=utf-8"}
JSON = {"content-type": "application/json"}
TODOIST = "\r\n".join(
    [
        "\ufeffTYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DEADLINE",
        "meta,view_style=list,,,,,,,,,",
        'task,"Fix the ""big"" tap @house",Washer is worn,1,1,Sam (1),,every monday at 9,en,Europe/Berlin,',
        "task,Buy a washer,,4,2,Sam (1),,2099-10-04,en,Europe/Berlin,",
        "note,Hardware shop on Main St,,,,Sam (1),,,,,",
        ",,,,,,,,,,",
        "section,Deep Work,,,,,,,,,",
        "task,Write,,2,1,Sam (1),,tomorrow 18:00,en,Europe/Berlin,",
        "",
    ]
)


async def tasks(person: httpx2.AsyncClient) -> list[dict[str, Any]]:
    return list((await person.get("/api/tasks", params={"sort": "title"})).json()["items"])


async def send(
    person: httpx2.AsyncClient, content: str | bytes, headers: dict[str, str] = CSV, **query: str
) -> httpx2.Response:
    body = content if isinstance(content, bytes) else content.encode()
    return await person.post("/api/tasks/import", content=body, headers=headers, params=query)


def without_ids(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**task, "id": None, "updated_at": None} for task in found]


async def fill(person: httpx2.AsyncClient) -> None:
    """Create tasks with everything that a file could lose."""
    for body in (
        {"title": "=1+1", "description": '-2\n"quoted", with\tcomma;\n\'=3'},
        {"title": "'=already", "tags": ["home", "a,b"], "priority": "high"},
        {
            "title": "Bins 🗑",
            "due_at": "2099-03-28T07:00:00.123456Z",
            "recurrence": "FREQ=MONTHLY;BYMONTHDAY=28",
            "time_zone": "Europe/Berlin",
        },
        {"title": "Whole day", "due_at": "2099-03-27T23:00:00Z", "all_day": True, "remind_before": 60},
        {"title": "@done"},
    ):
        assert (await person.post("/api/tasks", json=body)).status_code == 201
    done = (await tasks(person))[1]
    await person.post(f"/api/tasks/{done['id']}/complete")


@pytest.mark.parametrize(("kind", "headers"), [("json", JSON), ("csv", CSV)])
async def test_an_export_is_imported_without_loss(
    signed_in: SignIn, kind: str, headers: dict[str, str]
) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    await fill(ada)
    response = await ada.get("/api/tasks/export", params={"format": kind})
    assert response.status_code == 200
    assert f'.{kind}"' in response.headers["content-disposition"]
    answer = await send(bob, response.content, headers)
    assert (answer.status_code, answer.json()["imported"]) == (200, 5), answer.text
    assert without_ids(await tasks(bob)) == without_ids(await tasks(ada))
    # Both files meet their own tasks.
    for person in (ada, bob):
        again = await send(person, response.content, headers)
        assert (again.json()["imported"], again.json()["duplicates"]) == (0, 5)
    assert len(await tasks(ada)) == 5


async def test_no_cell_of_a_csv_file_is_a_formula(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await fill(ada)
    text = (await ada.get("/api/tasks/export", params={"format": "csv"})).content.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]


async def test_an_import_is_one_step_to_undo(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    step = (await send(ada, TODOIST)).json()["step"]
    undone = await ada.post("/api/undo", json={"step": step})
    assert (undone.status_code, len(undone.json()["changes"])) == (200, 3)
    assert await tasks(ada) == []


async def test_a_file_of_todoist_is_understood(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    answer = (await send(ada, TODOIST, preview="true")).json()
    assert (answer["imported"], answer["step"], len(answer["tasks"])) == (3, None, 3)
    assert await tasks(ada) == []
    answer = (await send(ada, TODOIST)).json()
    assert [(row["row"], row["notes"]) for row in answer["rows"]] == [
        (4, ['This subtask of “Fix the "big" tap” became a task of its own.']),
        (8, ["The section “Deep Work” became a tag."]),
    ]
    washer, tap, write = await tasks(ada)
    assert (tap["title"], tap["tags"], tap["priority"]) == ('Fix the "big" tap', ["house"], "high")
    assert (tap["recurrence"], tap["time_zone"], tap["description"]) == (
        "FREQ=WEEKLY;BYDAY=MO",
        "Europe/Berlin",
        "Washer is worn",
    )
    assert (washer["due_at"], washer["all_day"]) == ("2099-10-03T22:00:00Z", True)
    assert (washer["description"], washer["priority"]) == ("Hardware shop on Main St", "low")
    assert (write["tags"], write["all_day"], write["priority"]) == (["deep-work"], False, "medium")


async def test_a_row_that_is_not_understood_imports_nothing(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    text = "title,due_at,priority\nMilk,tomorrow,high\nBread,when pigs fly,low\n,,\nEggs,31 feb,huge\n"
    answer = await send(ada, text)
    assert (answer.status_code, answer.json()["code"]) == (422, "rows_not_understood")
    assert [error["field"] for error in answer.json()["errors"]] == ["row 3", "row 5"]
    assert await tasks(ada) == []
    preview = (await send(ada, text, preview="true")).json()
    assert [(row["row"], bool(row["problem"])) for row in preview["rows"]] == [(3, True), (5, True)]
    answer = await send(ada, text, on_error="skip")
    assert (answer.json()["imported"], answer.json()["skipped"]) == (1, 2)
    assert [task["title"] for task in await tasks(ada)] == ["Milk"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        ("{}", JSON, 422, "unreadable_file"),
        ("[" * 100_000, JSON, 422, "unreadable_file"),
        ("", JSON, 422, "unreadable_file"),
        ("", CSV, 422, "unreadable_file"),
        ("name\nMilk", CSV, 422, "unreadable_file"),
        ('title\n"Milk', CSV, 422, "unreadable_file"),
        (b"title\nM\xe4rz", CSV, 422, "unreadable_file"),
        ("[1, null, {}]", JSON, 422, "rows_not_understood"),
        ('[{"title": "\\ud800"}]', JSON, 422, "rows_not_understood"),
        ('[{"title": "a\\u0000"}]', JSON, 422, "rows_not_understood"),
        ("title,due_at,time_zone\nMilk,tomorrow,Mars/Base\n", CSV, 422, "rows_not_understood"),
        ("title\n" + "x\n" * 10_001, CSV, 413, "too_many_rows"),
        ("x" * 1_100_000, CSV, 413, "request_too_large"),
        (gzip.compress(b" " * 9_000_000), {**JSON, "content-encoding": "gzip"}, 413, "file_too_large"),
        ("no gzip", {**JSON, "content-encoding": "gzip"}, 415, "unsupported_file"),
        ("[]", {**JSON, "content-encoding": "br"}, 415, "unsupported_file"),
        ("[]", {"content-type": "text/html"}, 415, "unsupported_file"),
    ],
)
async def test_a_hostile_file_is_refused(
    signed_in: SignIn, content: str | bytes, headers: dict[str, str], status: int, code: str
) -> None:
    ada = await signed_in("Ada")
    answer = await send(ada, content, headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await tasks(ada) == []


async def test_files_of_spreadsheets_are_read(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    assert (await send(ada, "\ufefftitle;tags\r\nMilk;home shop\r\n")).json()["imported"] == 1
    assert (await send(ada, "Title\tPriority\nBread\tlow\n".encode("utf-16"))).json()["imported"] == 1
    answer = (await send(ada, "title,colour\nEggs,white\n")).json()
    assert answer["rows"][0]["notes"] == ["The file's columns colour are unknown and left out."]
    assert [task["title"] for task in await tasks(ada)] == ["Bread", "Eggs", "Milk"]


async def test_another_persons_ids_say_nothing(signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    await fill(ada)
    taken = (await tasks(ada))[0]["id"]
    body = json.dumps({"tasks": [{"id": taken, "title": "Mine"}]})
    assert (await send(bob, body, JSON)).json()["imported"] == 1
    assert len(await tasks(ada)) == 5


async def test_five_thousand_rows_take_seconds(signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAGE_ROWS", 700)
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    rows = "".join(f"Errand {number},on {number % 28 + 1} jan 2099 at 9,home\n" for number in range(5_000))
    began = time.monotonic()
    answer = await send(ada, f"title,due_at,tags\n{rows}")
    assert (answer.status_code, answer.json()["imported"]) == (200, 5_000), answer.text
    content = (await ada.get("/api/tasks/export")).content
    assert len(json.loads(content)["tasks"]) == 5_000
    headers = {**JSON, "content-encoding": "gzip"}
    assert (await send(bob, gzip.compress(content), headers)).json()["imported"] == 5_000
    assert time.monotonic() - began < 60
