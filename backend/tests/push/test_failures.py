"""A push service that refuses, redirects or is unavailable."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.push.models import PushDelivery
from app.push.sender import ReminderSender
from backend.tests.browsers import Person
from backend.tests.push.browser import PushService
from backend.tests.push.conftest import Clock
from backend.tests.push.reminding import remind, subscribed, subscriptions, titles

SignIn = Callable[..., Awaitable[Person]]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(
    app: FastAPI,
    signed_in: SignIn,
    reminders: ReminderSender,
    service: PushService,
    clock: Clock,
    status: int,
) -> None:
    ada = await signed_in("Ada")
    await subscribed(ada)
    await remind(ada)
    service.statuses = [status]
    clock.advance(minutes=2)
    await reminders.send_due()
    assert len(service.requests) == 1
    assert await subscriptions(app) == []
    assert await reminders.send_due() is None


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_attempt_that_may_succeed_later_is_repeated_with_growing_delays(
    signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock, status: int
) -> None:
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    await remind(ada)
    service.statuses = [status] * 3
    clock.advance(minutes=2)
    counts = []
    for seconds in (0, 20, 15, 40, 25, 100, 25):
        clock.advance(seconds=seconds)
        await reminders.send_due()
        counts.append(len(service.requests))
    # After 30 s, 60 s and 120 s.
    assert counts == [1, 1, 2, 2, 3, 3, 4]
    clock.advance(minutes=30)
    await reminders.send_due()
    assert titles(service, browser) == ["Call Ann"] * 4


async def test_a_push_service_decides_how_long_to_wait(
    signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada = await signed_in("Ada")
    await subscribed(ada)
    await remind(ada)
    service.statuses, service.headers = [429], {"Retry-After": "600"}
    clock.advance(minutes=2)
    await reminders.send_due()
    clock.advance(minutes=9)
    await reminders.send_due()
    assert len(service.requests) == 1
    clock.advance(minutes=2)
    await reminders.send_due()
    assert len(service.requests) == 2


async def test_attempts_end_an_hour_after_the_reminder(
    app: FastAPI, signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada = await signed_in("Ada")
    await subscribed(ada)
    await remind(ada)
    service.statuses = [500] * 100
    clock.advance(minutes=2)
    for _ in range(40):
        await reminders.send_due()
        clock.advance(minutes=3)
    assert 5 < len(service.requests) < 12
    clock.advance(hours=1)
    await reminders.forget_past()
    async with app.state.database.transaction(read_only=True) as session:
        assert (await session.scalars(select(PushDelivery))).all() == []


async def test_a_refusal_is_final_and_a_redirect_is_not_followed(
    signed_in: SignIn,
    reminders: ReminderSender,
    service: PushService,
    clock: Clock,
    logged: Callable[[], str],
) -> None:
    ada = await signed_in("Ada")
    await subscribed(ada)
    await remind(ada, "First")
    await remind(ada, "Second")
    service.statuses, service.headers = [307, 403], {"Location": "https://push.example.net/elsewhere"}
    clock.advance(minutes=2)
    await reminders.send_due()
    clock.advance(minutes=20)
    await reminders.send_due()
    assert [path for path, _, _ in service.requests] == ["/send/a", "/send/a"]
    lines = logged()
    assert "status 307" in lines
    assert "status 403" in lines
    assert "/send/a" not in lines
