"""The stored time zone is that of dates in words when a request names none."""

from collections.abc import Awaitable, Callable

import pytest

from backend.tests.browsers import Person
from backend.tests.chat.stream import say

SignIn = Callable[..., Awaitable[Person]]
# Far enough from each other and from UTC: on no day is noon the same instant in two of them.
STORED, GIVEN = "Asia/Tokyo", "Pacific/Honolulu"
NOON = {"UTC": "12:00", STORED: "03:00", GIVEN: "22:00"}


@pytest.mark.parametrize(("stored", "given"), [(None, None), (STORED, None), (STORED, GIVEN)])
async def test_words_are_read_in_the_zone_of_the_request_or_the_stored_one(
    signed_in: SignIn, stored: str | None, given: str | None
) -> None:
    ada = await signed_in("Ada")
    if stored:
        assert (await ada.patch("/api/preferences", json={"time_zone": stored})).status_code == 200
    expected = NOON[given or stored or "UTC"]
    more = {"time_zone": given} if given else {}

    parsed = await ada.post("/api/tasks/parse", json={"text": "call Ann tomorrow at noon", **more})
    assert parsed.json()["due_at"][11:16] == expected
    parts = await say(ada, "add call Ann tomorrow at noon", **more)
    assert parts[2]["output"]["task"]["due_at"][11:16] == expected
    file = "TYPE,CONTENT,PRIORITY,DATE\r\ntask,Buy milk,1,tomorrow at noon\r\n"
    imported = await ada.post(
        "/api/tasks/import", content=file, params=more, headers={"Content-Type": "text/csv"}
    )
    assert imported.status_code == 200, imported.text
    tasks = {task["title"]: task for task in (await ada.get("/api/tasks")).json()["items"]}
    assert tasks["Buy milk"]["due_at"][11:16] == expected
    answer = await ada.post(
        "/api/tasks/bulk",
        json={
            "ids": [tasks["Buy milk"]["id"]],
            "action": "update",
            "changes": {"due_on": "2026-12-24"},
            **more,
        },
    )
    assert answer.json()["tasks"][0]["due_at"][11:16] == expected
