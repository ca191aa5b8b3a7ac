"""The order by hand survives moves at any place, at the same time and on several servers."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
from fastapi import FastAPI
from sqlalchemy import update

from app.database import Database
from app.tasks import ordering
from app.tasks.models import Task
from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]


async def add(person: httpx2.AsyncClient, *titles: str) -> dict[str, str]:
    return {title: (await person.post("/api/tasks", json={"title": title})).json()["id"] for title in titles}


async def order(person: httpx2.AsyncClient) -> str:
    page = await person.get("/api/tasks", params={"sort": "hand"})
    return "".join(task["title"] for task in page.json()["items"])


async def move(person: httpx2.AsyncClient, task: str, before: str | None) -> httpx2.Response:
    return await person.post(f"/api/tasks/{task}/move", json={"before": before})


async def test_a_task_moves_before_another_or_to_the_end(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    ids = await add(ada, "d", "c", "b", "a")
    assert await order(ada) == "abcd"
    assert (await move(ada, ids["d"], ids["b"])).json()["title"] == "d"
    assert await order(ada) == "adbc"
    await move(ada, ids["a"], None)
    assert await order(ada) == "dbca"
    await move(ada, ids["c"], ids["d"])
    assert await order(ada) == "cdba"
    assert (await move(ada, ids["c"], ids["c"])).status_code == 200
    await add(ada, "e")
    assert await order(ada) == "ecdba"
    assert (await ada.post("/api/undo", json={})).status_code == 200
    assert (await ada.post("/api/undo", json={})).json()["changes"][0]["undone"] == "updated"
    assert await order(ada) == "dbca"


async def test_places_are_numbered_anew_when_none_is_free(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    ids = await add(ada, "c", "b", "a")
    async with app.state.database.transaction() as session:
        await session.execute(update(Task).values(position=7))
    alike = await order(ada)
    for title in alike[::-1]:
        await move(ada, ids[title], ids[alike[0]])
    # The first one did not move before itself.
    assert await order(ada) == alike[::-1]
    answer = await ada.get("/api/tasks", params={"sort": "hand", "order": "desc", "limit": 2})
    rest = await ada.get(
        "/api/tasks", params={"sort": "hand", "order": "desc", "cursor": answer.json()["next_cursor"]}
    )
    assert len(answer.json()["items"] + rest.json()["items"]) == 3


async def test_a_move_needs_two_tasks_of_the_person(signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    ids, theirs = await add(ada, "a"), await add(bob, "b")
    for task, before in ((theirs["b"], None), (ids["a"], theirs["b"]), ("x", None), (ids["a"], "x")):
        answer = await move(ada, task, before)
        assert (answer.status_code, answer.json()["code"]) == (404, "task_not_found")
    assert (await ada.post(f"/api/tasks/{ids['a']}/move", json={})).status_code == 422


async def test_concurrent_moves_on_two_servers_leave_one_order(
    app: FastAPI, database_url: str, signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    ids = await add(ada, *"fedcba")
    replica = Database(database_url)
    # All want the same place.
    await asyncio.gather(
        *(
            ordering.move_task(database, ada.user.id, ids[title], ids["a"])
            for title, database in zip("bcdef", [app.state.database, replica] * 3, strict=False)
        )
    )
    await replica.close()
    tasks = (await ada.get("/api/tasks", params={"sort": "hand"})).json()["items"]
    assert sorted(task["title"] for task in tasks) == list("abcdef")
    assert tasks[-1]["title"] == "a"
    assert len({task["position"] for task in tasks}) == 6
