"""Every task has an ETag, and a change with If-Match only applies to that version."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI

from app.database import utc_now
from app.tasks import service

SignIn = Callable[..., Awaitable[httpx2.AsyncClient]]
CHANGES = (
    ("PATCH", "", {"title": "Buy bread"}),
    ("POST", "/complete", None),
    ("POST", "/reopen", None),
    ("DELETE", "", None),
)


@pytest.fixture
async def ada(signed_in: SignIn) -> httpx2.AsyncClient:
    return await signed_in("Ada")


async def add(person: httpx2.AsyncClient, **fields: object) -> httpx2.Response:
    response = await person.post("/api/tasks", json={"title": "Buy milk", **fields})
    assert response.status_code == 201
    return response


def path(task: httpx2.Response) -> str:
    return f"/api/tasks/{task.json()['id']}"


async def test_every_answer_with_a_task_has_its_tag(ada: httpx2.AsyncClient) -> None:
    first = await add(ada)
    answers = [
        first,
        await ada.patch(path(first), json={"title": "Buy bread"}),
        await ada.post(f"{path(first)}/complete"),
        await ada.post(f"{path(first)}/reopen"),
        await ada.post(f"{path(first)}/move", json={"before": None}),
    ]
    for answer in answers:
        assert answer.headers["etag"] == f'"{answer.json()["updated_at"]}"'
    assert len({answer.headers["etag"] for answer in answers}) == len(answers)
    assert (await ada.get(path(first))).headers["etag"] == answers[-1].headers["etag"]


@pytest.mark.parametrize(("method", "action", "body"), CHANGES)
async def test_a_change_of_another_version_is_refused(
    ada: httpx2.AsyncClient, method: str, action: str, body: object
) -> None:
    task = await add(ada)
    await ada.post(f"{path(task)}/complete")
    current = await ada.patch(path(task), json={"title": "Buy cheese"})
    answer = await ada.request(
        method, path(task) + action, json=body, headers={"If-Match": task.headers["etag"]}
    )
    assert answer.status_code == 412
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "task_changed"
    assert answer.json()["current"] == current.json() == (await ada.get(path(task))).json()


@pytest.mark.parametrize(("method", "action", "body"), CHANGES)
@pytest.mark.parametrize("condition", ["{tag}", "*", '"other" , W/"x", {tag}', ', "a,b",{tag},'])
async def test_a_change_of_the_named_version_is_made(
    ada: httpx2.AsyncClient, method: str, action: str, body: object, condition: str
) -> None:
    task = await add(ada)
    headers = {"If-Match": condition.format(tag=task.headers["etag"])}
    answer = await ada.request(method, path(task) + action, json=body, headers=headers)
    assert answer.is_success


async def test_several_headers_are_one_list(ada: httpx2.AsyncClient) -> None:
    task = await add(ada)
    headers = [("If-Match", '"other"'), ("If-Match", task.headers["etag"])]
    assert (await ada.patch(path(task), json={"title": "Buy bread"}, headers=headers)).status_code == 200


async def test_a_weak_tag_matches_nothing(ada: httpx2.AsyncClient) -> None:
    task = await add(ada)
    headers = {"If-Match": f"W/{task.headers['etag']}"}
    assert (await ada.patch(path(task), json={}, headers=headers)).status_code == 412


@pytest.mark.parametrize("condition", ["", "tag", '"', '"a" "b"', '*, "a"', "w/*", ",", '"a b"', '"a"x'])
async def test_a_malformed_condition_is_refused(ada: httpx2.AsyncClient, condition: str) -> None:
    task = await add(ada)
    for method, action, body in CHANGES:
        answer = await ada.request(method, path(task) + action, json=body, headers={"If-Match": condition})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_if_match")
    assert (await ada.get(path(task))).json() == task.json()


async def test_a_missing_task_matches_nothing(ada: httpx2.AsyncClient) -> None:
    for method, action, body in CHANGES:
        answer = await ada.request(method, f"/api/tasks/none{action}", json=body, headers={"If-Match": "*"})
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "action", "body"), [change for change in CHANGES if change[1] != "/reopen"]
)
async def test_one_of_several_concurrent_changes_of_a_version_wins(
    ada: httpx2.AsyncClient, method: str, action: str, body: object
) -> None:
    task = await add(ada)
    headers = {"If-Match": task.headers["etag"]}
    answers = await asyncio.gather(
        *(ada.request(method, path(task) + action, json=body, headers=headers) for _ in range(6))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == ([204] + [404] * 5 if method == "DELETE" else [200] + [412] * 5)


@pytest.mark.parametrize(("method", "action", "body"), CHANGES)
async def test_a_retry_returns_the_stored_outcome(
    ada: httpx2.AsyncClient, method: str, action: str, body: object
) -> None:
    task = await add(ada)
    if action == "/reopen":
        task = await ada.post(f"{path(task)}/complete")
    headers = {"If-Match": task.headers["etag"], "Idempotency-Key": "k-1"}
    first = await ada.request(method, path(task) + action, json=body, headers=headers)
    again = await ada.request(method, path(task) + action, json=body, headers=headers)
    assert first.is_success
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("etag") == first.headers.get("etag")


async def test_concurrent_requests_with_one_key_make_one_change(ada: httpx2.AsyncClient) -> None:
    task = await add(ada)
    headers = {"If-Match": task.headers["etag"], "Idempotency-Key": "k-1"}
    for method, action, body in (CHANGES[0], CHANGES[-1]):
        answers = await asyncio.gather(
            *(ada.request(method, path(task) + action, json=body, headers=headers) for _ in range(6))
        )
        assert all(answer.is_success for answer in answers)
        assert len({answer.content for answer in answers}) == 1
        headers["If-Match"] = answers[0].headers.get("etag", "")


async def test_a_key_belongs_to_one_change_of_one_task(ada: httpx2.AsyncClient) -> None:
    tasks = [await add(ada), await add(ada)]
    key = {"Idempotency-Key": "k-1"}
    for task in tasks:
        answer = await ada.patch(path(task), json={"title": "Buy bread"}, headers=key)
        assert answer.json()["id"] == task.json()["id"]
        assert (await ada.post(f"{path(task)}/complete", headers=key)).json()["status"] == "completed"
    other = await ada.patch(path(tasks[0]), json={"title": "Buy cheese"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refused_change_does_not_use_up_its_key(ada: httpx2.AsyncClient) -> None:
    task = await add(ada)
    key = {"Idempotency-Key": "k-1"}
    refused = await ada.patch(path(task), json={"title": "Bread"}, headers={"If-Match": '"a"', **key})
    assert refused.status_code == 412
    headers = {"If-Match": f'"{refused.json()["current"]["updated_at"]}"', **key}
    assert (await ada.patch(path(task), json={"title": "Bread"}, headers=headers)).status_code == 200


async def test_every_change_advances_the_tag_when_the_clock_is_behind(
    app: FastAPI, ada: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = utc_now() - timedelta(days=1)
    task = await add(ada)
    monkeypatch.setattr("app.tasks.service.utc_now", lambda: past)
    monkeypatch.setattr("app.tasks.journal.utc_now", lambda: past)
    times = [task.json()["updated_at"]]

    async def change(address: str, body: object = None) -> None:
        answer = await ada.post(address, json=body)
        assert answer.status_code == 200
        times.append((await ada.get(path(task))).json()["updated_at"])

    for action in ("complete", "reopen"):
        await change(f"{path(task)}/{action}")
        await change("/api/undo", {"task_id": task.json()["id"]})
        await change(f"{path(task)}/{action}")
    await change(f"{path(task)}/move", {"before": None})
    await change("/api/undo", {"task_id": task.json()["id"]})
    instants = [datetime.fromisoformat(time) for time in times]
    assert instants == sorted(set(instants))


def test_the_next_time_is_later_than_the_last() -> None:
    future = utc_now() + timedelta(days=1)
    assert service.now_after(future) > future
