"""Browsers that are subscribed, and tasks with reminders for them."""

from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from app.database import utc_now
from app.push.models import PushSubscription
from backend.tests.browsers import Person
from backend.tests.push.browser import Browser, PushService


async def subscribed(person: Person, name: str = "a") -> Browser:
    browser = Browser(name)
    # With the key, which a browser needs to subscribe.
    assert (await person.get("/api/push/key")).status_code == 200
    answer = await person.put("/api/push/subscription", json=browser.subscription)
    assert answer.status_code == 204, answer.text
    return browser


async def remind(person: Person, title: str = "Call Ann", minutes: float = 1, **fields: Any) -> Any:
    """Add a task with a reminder in some minutes."""
    at = (utc_now() + timedelta(minutes=minutes)).isoformat()
    answer = await person.post("/api/tasks", json={"title": title, "remind_at": at, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def titles(service: PushService, browser: Browser) -> list[str]:
    return [message["title"] for message in service.messages(browser)]


async def subscriptions(app: FastAPI) -> list[PushSubscription]:
    async with app.state.database.transaction(read_only=True) as session:
        return list(await session.scalars(select(PushSubscription)))
