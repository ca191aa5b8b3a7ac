"""Changes of many tasks at once: one transaction, one step to undo, nothing half done."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from app.tasks.bulk import moved_to
from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]


@pytest.fixture
async def ada(signed_in: SignIn) -> Person:
    return await signed_in("Ada")


async def add(person: Person, title: str, **more: Any) -> str:
    answer = await person.post("/api/tasks", json={"title": title, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def bulk(person: Person, ids: list[str], action: str, **more: Any) -> httpx2.Response:
    return await person.post("/api/tasks/bulk", json={"ids": ids, "action": action, **more})


async def all_tasks(person: Person) -> list[dict[str, Any]]:
    items = (await person.get("/api/tasks", params={"sort": "title"})).json()["items"]
    return [{name: value for name, value in task.items() if name != "updated_at"} for task in items]


@pytest.mark.parametrize(
    ("action", "changes", "status"),
    [
        ("complete", None, "completed"),
        ("reopen", None, "open"),
        ("update", {"priority": "high", "add_tags": ["Work"], "due_on": "2026-12-24"}, None),
        ("delete", None, None),
    ],
)
async def test_each_action_is_one_step(
    ada: Person, action: str, changes: dict[str, Any] | None, status: str | None
) -> None:
    ids = [await add(ada, title, tags=["home"]) for title in "ABC"]
    kept = await add(ada, "Kept")
    await ada.post(f"/api/tasks/{ids[0]}/complete")
    if action == "reopen":
        await bulk(ada, ids, "complete")
    before = await all_tasks(ada)
    answer = await bulk(ada, ids, action, **({"changes": changes} if changes else {}))
    assert answer.status_code == 200, answer.text
    assert [task["id"] for task in answer.json()["tasks"]] == ids
    after = {task["id"]: task for task in await all_tasks(ada)}
    if action == "delete":
        assert after.keys() == {kept}
    elif changes is not None:
        for task in (after[task_id] for task_id in ids):
            assert (task["priority"], task["tags"]) == ("high", ["home", "work"])
            assert (task["due_at"], task["all_day"]) == ("2026-12-24T00:00:00Z", True)
    else:
        assert {after[task_id]["status"] for task_id in ids} == {status}
    undone = await ada.post("/api/undo", json={"step": answer.json()["step"]})
    assert undone.status_code == 200, undone.text
    assert await all_tasks(ada) == before


async def test_a_missing_task_is_named_and_nothing_changes(ada: Person, signed_in: SignIn) -> None:
    bob = await signed_in("Bob")
    ids = [await add(ada, title) for title in "AB"]
    foreign = await add(bob, "Secret")
    before = await all_tasks(ada)
    for action in ("complete", "delete"):
        answer = await bulk(ada, [*ids, foreign, "gone"], action)
        assert (answer.status_code, answer.json()["code"]) == (404, "tasks_not_found")
        assert answer.json()["missing"] == [foreign, "gone"]
    assert await all_tasks(ada) == before
    assert [task["status"] for task in await all_tasks(bob)] == ["open"]


async def test_a_move_keeps_the_time_of_day_across_daylight_saving(ada: Person) -> None:
    timed = await add(ada, "Timed", due_at="2026-10-24T15:00:00Z")
    day = await add(ada, "Whole day", due_at="2026-10-23T22:00:00Z", all_day=True)
    undated = await add(ada, "Undated")
    ids = [timed, day, undated]
    where = {"time_zone": "Europe/Berlin"}
    answer = await bulk(ada, ids, "update", changes={"due_on": "2026-10-26"}, **where)
    assert [(task["due_at"], task["all_day"]) for task in answer.json()["tasks"]] == [
        ("2026-10-26T16:00:00Z", False),
        ("2026-10-25T23:00:00Z", True),
        ("2026-10-25T23:00:00Z", True),
    ]
    again = await bulk(ada, ids, "update", changes={"due_on": "2026-10-26"}, **where)
    assert again.json()["step"] is None, "nothing changed"
    cleared = await bulk(ada, ids, "update", changes={"due_on": None})
    assert {task["due_at"] for task in cleared.json()["tasks"]} == {None}


async def test_repeating_tasks_continue_and_undo_removes_the_next_ones(ada: Person) -> None:
    more = {"due_at": "2030-01-07T09:00:00Z", "recurrence": "FREQ=WEEKLY", "time_zone": "UTC"}
    ids = [await add(ada, title, **more) for title in "AB"]
    answer = await bulk(ada, ids, "complete")
    assert len(await all_tasks(ada)) == 4
    assert (await ada.post("/api/undo", json={"step": answer.json()["step"]})).status_code == 200
    assert [(task["id"], task["status"]) for task in await all_tasks(ada)] == [(i, "open") for i in ids]


async def test_five_hundred_tasks_change_at_once(ada: Person) -> None:
    rows = [{"title": f"Task {number:03}", "tags": ["old"]} for number in range(500)]
    imported = await ada.post("/api/tasks/import", json={"tasks": rows})
    assert imported.status_code == 200, imported.text
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await ada.get("/api/tasks", params={"limit": 200, **cursor})).json()
        ids += [task["id"] for task in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    changes = {"add_tags": ["new"], "remove_tags": ["old"], "priority": "low"}
    answer = await bulk(ada, ids, "update", changes=changes)
    assert {(*task["tags"], task["priority"]) for task in answer.json()["tasks"]} == {("new", "low")}
    assert (await ada.post("/api/undo", json={"step": answer.json()["step"]})).status_code == 200
    too_many = await bulk(ada, [*ids, "x"], "complete")
    assert too_many.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"ids": [], "action": "complete"},
        {"ids": ["x"], "action": "rename"},
        {"ids": ["x"], "action": "update"},
        {"ids": ["x"], "action": "update", "changes": {}},
        {"ids": ["x"], "action": "complete", "changes": {"priority": "low"}},
        {"ids": ["a\0b"], "action": "complete"},
        {"ids": ["x"], "action": "update", "changes": {"priority": None}},
        {"ids": ["x"], "action": "update", "changes": {"due_on": "0001-01-01"}},
    ],
)
async def test_an_invalid_request_is_refused(ada: Person, body: dict[str, Any]) -> None:
    assert (await ada.post("/api/tasks/bulk", json=body)).status_code == 422


async def test_too_many_tags_change_nothing(ada: Person) -> None:
    ids = [await add(ada, "A"), await add(ada, "B", tags=[f"t{number}" for number in range(20)])]
    answer = await bulk(ada, ids, "update", changes={"add_tags": ["one-more"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_tags")
    assert next(task["tags"] for task in await all_tasks(ada)) == []


@pytest.mark.parametrize(
    ("due", "all_day", "moved", "is_whole_day"),
    [
        ("2026-11-10T16:30:00Z", False, "2026-11-18T16:30:00Z", False),
        ("2026-11-10T08:30:00Z", False, "2026-11-17T23:00:00Z", True),
        ("2026-11-09T23:00:00Z", True, "2026-11-17T23:00:00Z", True),
        # The time on the clock stays when the clocks change.
        ("2026-10-20T15:00:00Z", False, "2026-11-18T16:00:00Z", False),
    ],
)
def test_a_task_that_moves_to_today_is_not_overdue_again(
    due: str, all_day: bool, moved: str, is_whole_day: bool
) -> None:
    row = {"due_at": datetime.fromisoformat(due), "all_day": all_day}
    now, zone = datetime(2026, 11, 18, 9, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    assert moved_to(row, date(2026, 11, 18), zone, now) == {
        "due_at": datetime.fromisoformat(moved),
        "all_day": is_whole_day,
    }
