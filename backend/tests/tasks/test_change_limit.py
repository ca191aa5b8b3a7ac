"""The rate limit of changes to tasks."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI

from app import ratelimits
from app.ratelimits import ChangeLimiter
from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]


class Clock:
    """A clock that a test sets."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def database_kind() -> str:
    """Use one database, because the limit needs none."""
    return "sqlite"


async def test_changes_above_the_limit_are_refused_for_one_user_only(app: FastAPI, signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    clock = Clock()
    app.state.change_limiter = ChangeLimiter(clock)
    app.state.settings = app.state.settings.model_copy(update={"task_changes_per_minute": 6})
    task = (await ada.post("/api/tasks", json={"title": "Milk"})).json()
    path = f"/api/tasks/{task['id']}"
    changes = [
        await ada.patch(path, json={"title": "Bread"}),
        await ada.post(f"{path}/complete"),
        await ada.post(f"{path}/reopen"),
        await ada.delete(path),
        await ada.post("/api/tasks", json={"title": "Rice"}),
    ]
    assert all(response.is_success for response in changes)
    refused = await ada.post("/api/tasks", json={"title": "Tea"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_changes")
    assert refused.headers["retry-after"] == "10"
    assert (await ada.get("/api/tasks")).status_code == 200
    assert (await bob.post("/api/tasks", json={"title": "Tea"})).status_code == 201
    clock.seconds += 10
    assert (await ada.post("/api/tasks", json={"title": "Tea"})).status_code == 201


def test_the_limiter_forgets_those_who_changed_nothing_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimits, "USERS_COUNTED", 2)
    limiter = ChangeLimiter(Clock())
    seconds = [limiter.retry_after(user, 1) for user in ("ada", "bob", "bob", "cleo", "bob", "ada")]
    assert seconds == [None, None, 60, None, 60, None]
