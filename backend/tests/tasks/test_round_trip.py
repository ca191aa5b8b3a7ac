"""Whatever is accepted can be stored, read back and sent again; what cannot is refused."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]
CHANGEABLE = ("title", "description", "priority", "tags", "due_at", "all_day")
ACCEPTED: dict[str, dict[str, Any]] = {
    "the first instant": {"due_at": "1900-01-01T00:00:00Z"},
    "the first instant elsewhere": {"due_at": "1899-12-31T12:00:00-12:00"},
    "the last instant": {"due_at": "9998-12-31T23:59:59.999999Z"},
    "a leap day with microseconds": {"due_at": "2028-02-29T23:59:59.123456+14:00"},
    "an emoji of many characters": {"title": "👩‍👩‍👧‍👦", "tags": ["👩‍👩‍👧‍👦"]},
    "text in both directions": {"title": "abc \u202e אבג", "description": "\u2067x\u2069"},
    "combining characters": {"title": "e\u0301" * 100, "tags": ["e\u0301"]},
    "characters beyond the basic plane": {"title": "\U0010ffff" * 200, "description": "𝔘" * 1000},
    "letters that grow in lower case": {"title": "İ" * 200, "tags": ["ẞ"]},
    "what looks like code": {"title": "'; DROP TABLE task; --", "description": "</script>${7*7}%00\\u0000"},
    "unusual line ends": {"description": "a\u2028b\u2029c\u0085d"[:5]},
    "the largest": {"title": "x" * 200, "description": "y" * 1000, "tags": [f"t{n}" for n in range(20)]},
}
REFUSED: dict[str, dict[str, Any]] = {
    "before the first instant, in UTC": {"due_at": "1900-01-01T00:00:00+23:59"},
    "after the last instant, in UTC": {"due_at": "9998-12-31T23:59:59-00:01"},
    "outside of the calendar in UTC": {"due_at": "0001-01-01T00:00:00+23:59"},
    "half a character": {"title": "\ud83e"},
    "NUL": {"description": "a\0b"},
    "an escape sequence": {"title": "\x1b[2J"},
    "no time zone": {"due_at": "2026-01-01T00:00:00"},
    "too long a tag": {"tags": ["x" * 51]},
}


@pytest.fixture
async def ada(signed_in: SignIn) -> httpx2.AsyncClient:
    return await signed_in("Ada")


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_is_accepted_comes_back_and_can_be_sent_again(ada: httpx2.AsyncClient, name: str) -> None:
    created = await ada.post("/api/tasks", json={"title": "Milk", **ACCEPTED[name]})
    assert created.status_code == 201, created.text
    path = f"/api/tasks/{created.json()['id']}"
    task = (await ada.get(path)).json()
    assert task == created.json()
    values = {field: task[field] for field in CHANGEABLE}
    changed = await ada.patch(path, json=values)
    assert changed.status_code == 200, changed.text
    assert {field: changed.json()[field] for field in CHANGEABLE} == values
    again = await ada.post("/api/tasks", json=values)
    assert {field: again.json()[field] for field in CHANGEABLE} == values
    found = await ada.get("/api/tasks", params={"q": task["title"]})
    assert found.json()["items"][-1]["id"] == task["id"]


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_come_back_is_refused(ada: httpx2.AsyncClient, name: str) -> None:
    body = json.dumps({"title": "Milk", **REFUSED[name]})
    refused = await ada.post("/api/tasks", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 422
    assert (await ada.get("/api/tasks")).json()["items"] == []
