"""A reminder is at a time or minutes before the due date, and follows the due date."""

from collections.abc import Awaitable, Callable

import pytest

from backend.tests.browsers import Person
from backend.tests.chat.stream import Talk

SignIn = Callable[..., Awaitable[Person]]
DUE = "2099-03-28T07:00:00Z"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"remind_at": "2099-01-01T10:00:00+01:00"}, ("2099-01-01T09:00:00Z", None)),
        ({"due_at": DUE, "remind_before": 10}, ("2099-03-28T06:50:00Z", 10)),
        ({"due_at": DUE, "remind_before": 0, "remind_at": DUE}, ("2099-03-28T07:00:00Z", 0)),
        ({"remind_before": 10}, (None, None)),
        ({}, (None, None)),
    ],
)
async def test_a_new_task_has_its_reminder(signed_in: SignIn, body: object, expected: object) -> None:
    ada = await signed_in("Ada")
    task = (await ada.post("/api/tasks", json={"title": "Milk", **dict(body)})).json()  # type: ignore[call-overload] # the table has plain objects
    assert (task["remind_at"], task["remind_before"]) == expected


async def test_a_reminder_follows_the_due_date(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    task = (await ada.post("/api/tasks", json={"title": "x", "due_at": DUE, "remind_before": 60})).json()

    async def change(**body: object) -> tuple[str | None, int | None]:
        answer = await ada.patch(f"/api/tasks/{task['id']}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["remind_at"], answer.json()["remind_before"]

    assert await change(due_at="2099-03-29T07:00:00Z") == ("2099-03-29T06:00:00Z", 60)
    assert await change(title="y") == ("2099-03-29T06:00:00Z", 60)
    assert await change(remind_at="2099-01-01T00:00:00Z") == ("2099-01-01T00:00:00Z", None)
    assert await change(due_at=DUE) == ("2099-01-01T00:00:00Z", None)
    assert await change(remind_before=5) == ("2099-03-28T06:55:00Z", 5)
    assert await change(remind_before=None) == (None, None)
    await change(remind_before=5)
    assert await change(due_at=None) == (None, None)
    assert (await ada.post("/api/undo", json={})).json()["changes"][0]["task"]["remind_before"] == 5
    for body in ({"remind_before": -1}, {"remind_before": 40_321}, {"remind_at": "tomorrow"}):
        assert (await ada.patch(f"/api/tasks/{task['id']}", json=body)).status_code == 422


async def test_the_next_task_has_the_reminder_as_long_before(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    body = {"title": "Bins", "due_at": DUE, "recurrence": "FREQ=DAILY", "time_zone": "UTC"}
    for reminder in ({"remind_before": 30}, {"remind_at": "2099-03-27T20:00:00Z"}):
        task = (await ada.post("/api/tasks", json=body | reminder)).json()
        await ada.post(f"/api/tasks/{task['id']}/complete")
    page = (await ada.get("/api/tasks", params={"status": "open", "sort": "created", "order": "asc"})).json()
    assert [task["remind_at"] for task in page["items"]] == ["2099-03-29T06:30:00Z", "2099-03-28T20:00:00Z"]


async def test_reminders_of_a_time_are_found(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    for hour in (9, 10, 11):
        await ada.post("/api/tasks", json={"title": f"{hour}", "remind_at": f"2099-01-01T{hour:02}:00:00Z"})
    query = {"reminds_after": "2099-01-01T10:00:00Z", "reminds_before": "2099-01-01T11:00:00Z"}
    page = (await ada.get("/api/tasks", params=query)).json()
    assert [task["title"] for task in page["items"]] == ["10"]


@pytest.mark.parametrize(
    ("text", "title", "at", "minutes"),
    [
        ("call Ann on 3 jan 2099 at 17:00, remind me 10 minutes before", "call Ann", None, 10),
        ("call Ann on 3 jan 2099 at 17:00 and remind me an hour before #home", "call Ann", None, 60),
        ("pay rent on 3 jan 2099 remind me at 9", "pay rent", "2099-01-03T08:00:00Z", None),
        (
            "pay rent on 3 jan 2099, remind me on 2 jan 2099 at 20:00",
            "pay rent",
            "2099-01-02T19:00:00Z",
            None,
        ),
        ("call Ann remind me 10 minutes before", "call Ann", None, None),
        ("buy a reminder book", "buy a reminder book", None, None),
    ],
)
async def test_the_grammar_reads_a_reminder(
    signed_in: SignIn, text: str, title: str, at: str | None, minutes: int | None
) -> None:
    ada = await signed_in("Ada")
    body = {"text": text, "time_zone": "Europe/Berlin"}
    found = (await ada.post("/api/tasks/parse", json=body)).json()
    assert (found["title"].lower(), found["remind_at"], found["remind_before"]) == (
        title.lower(),
        at,
        minutes,
    )
    assert ("reminder" in [span["field"] for span in found["spans"]]) == ("remind me" in text)


async def test_the_chat_sets_a_reminder(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await Talk(ada).say("add call Ann on 3 jan 2099 at 17:00, remind me 10 minutes before")
    [task] = (await ada.get("/api/tasks")).json()["items"]
    assert (task["title"], task["due_at"], task["remind_at"]) == (
        "Call Ann",
        "2099-01-03T16:00:00Z",
        "2099-01-03T15:50:00Z",
    )
