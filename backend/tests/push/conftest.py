"""Fixtures for Web Push: a push service, a clock, and a sender that the test controls."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI

from app.database import utc_now
from app.push import delivery, sender
from app.push.sender import ReminderSender
from backend.tests.browsers import SECRET
from backend.tests.push.browser import PushService, push_service


class Clock:
    """The time of the senders."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self._ahead

    def advance(self, **by: float) -> None:
        self._ahead += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (delivery, sender):
        monkeypatch.setattr(module, "utc_now", clock)
    return clock


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as service:
        yield service


@pytest.fixture
async def reminders(app: FastAPI, service: PushService, clock: Clock) -> ReminderSender:
    """A sender of the application that sends when it is called."""
    await app.state.reminders.close()
    new = ReminderSender(app.state.database, SECRET, "mailto:ops@example.org", service.network())
    app.state.reminders = new
    return new
