"""A client that retries with the same idempotency key adds its task only once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from app.database import utc_now
from app.tasks.idempotency import KEPT, IdempotencyKey, forget_past

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]
MILK = {"title": "Buy milk", "tags": ["home"]}


@pytest.fixture
async def ada(signed_in: SignIn) -> httpx2.AsyncClient:
    return await signed_in("Ada")


async def add(person: httpx2.AsyncClient, key: str, task: object = MILK) -> httpx2.Response:
    return await person.post("/api/tasks", json=task, headers={"Idempotency-Key": key})


async def titles(person: httpx2.AsyncClient) -> list[str]:
    return [task["title"] for task in (await person.get("/api/tasks")).json()["items"]]


async def test_a_repeated_key_returns_the_same_and_adds_nothing(ada: httpx2.AsyncClient) -> None:
    first = await add(ada, '"k-1"')
    again = await add(ada, '"k-1"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"] == f"/api/tasks/{first.json()['id']}"
    assert await titles(ada) == ["Buy milk"]


async def test_the_quotes_of_a_key_are_optional(ada: httpx2.AsyncClient) -> None:
    assert (await add(ada, "k-1")).json() == (await add(ada, '"k-1"')).json()
    assert await titles(ada) == ["Buy milk"]


async def test_concurrent_requests_with_one_key_add_one_task(ada: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(add(ada, "k-1") for _ in range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await titles(ada) == ["Buy milk"]


async def test_a_key_belongs_to_one_task_of_one_user(ada: httpx2.AsyncClient, signed_in: SignIn) -> None:
    await add(ada, "k-1")
    other = await add(ada, "k-1", {"title": "Buy bread"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await titles(ada) == ["Buy milk"]
    bob = await signed_in("Bob")
    assert (await add(bob, "k-1")).status_code == 201
    assert await titles(bob) == ["Buy milk"]


async def test_a_refused_task_does_not_use_up_its_key(ada: httpx2.AsyncClient) -> None:
    assert (await add(ada, "k-1", {"title": ""})).status_code == 422
    assert (await add(ada, "k-1")).status_code == 201


async def test_a_deleted_task_is_not_added_again(ada: httpx2.AsyncClient) -> None:
    task = (await add(ada, "k-1")).json()
    await ada.delete(f"/api/tasks/{task['id']}")
    assert (await add(ada, "k-1")).json() == task
    assert await titles(ada) == []


@pytest.mark.parametrize("key", ["", '""', '"', "k" * 201, "k 1", 'k"1', "ключ".encode()])
async def test_an_invalid_key_is_refused_by_name(ada: httpx2.AsyncClient, key: str | bytes) -> None:
    headers = [(b"idempotency-key", key if isinstance(key, bytes) else key.encode())]
    response = await ada.post("/api/tasks", json=MILK, headers=headers)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("Idempotency-Key: ")
    assert await titles(ada) == []


async def test_without_a_key_each_request_adds_a_task(ada: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await ada.post("/api/tasks", json=MILK)
    assert await titles(ada) == ["Buy milk"] * 2


async def test_keys_are_deleted_after_a_day(app: FastAPI, ada: httpx2.AsyncClient) -> None:
    await add(ada, "k-1")
    await add(ada, "k-2")
    database = app.state.database
    async with database.transaction() as session:
        past = utc_now() - KEPT - timedelta(seconds=1)
        old = IdempotencyKey.key.contains("k-1")
        await session.execute(update(IdempotencyKey).where(old).values(created_at=past))
    await forget_past(database)
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(IdempotencyKey)) == 1
