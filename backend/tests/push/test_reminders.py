"""A reminder reaches each browser once, encrypted, and only while it is wanted."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from sqlalchemy import delete, update

from app.accounts.models import Session, User
from app.accounts.signatures import sign
from app.database import utc_now
from app.push import delivery, sender
from app.push.encryption import CURVE, from_base64url
from app.push.sender import ReminderSender
from backend.tests.browsers import SECRET, Person
from backend.tests.push.browser import PushService
from backend.tests.push.conftest import Clock
from backend.tests.push.reminding import remind, subscribed, subscriptions, titles

SignIn = Callable[..., Awaitable[Person]]


async def test_a_reminder_is_sent_encrypted_and_signed(
    signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    task = await remind(ada, "Ärzte anrufen 🎉", due_at="2099-03-28T07:00:00Z")
    await reminders.send_due()
    assert service.requests == []
    clock.advance(minutes=2)
    await reminders.send_due()
    await reminders.send_due()
    [(_, headers, content)] = service.requests
    assert "rzte" not in content.decode("latin-1")
    assert browser.read(content) == {
        "tag": f"{task['id']} {task['remind_at']}",
        "task_id": task["id"],
        "title": "Ärzte anrufen 🎉",
        "due_at": "2099-03-28T07:00:00Z",
        "all_day": False,
    }
    assert (headers["content-encoding"], headers["urgency"]) == ("aes128gcm", "high")
    assert 3400 < int(headers["ttl"]) <= 3600
    assert len(headers["topic"]) == 32
    public = (await ada.get("/api/push/key")).json()["public_key"]
    token, _, key = headers["authorization"].removeprefix("vapid t=").partition(", k=")
    assert key == public
    verifying = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, from_base64url(public))
    claims = jwt.decode(token, verifying, algorithms=["ES256"], audience="https://push.example.net")
    assert claims["sub"] == "mailto:ops@example.org"


async def test_servers_with_one_database_send_a_reminder_once(
    app: FastAPI, signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    browsers = [await subscribed(ada, "a"), await subscribed(bob, "b")]
    for person in (ada, bob):
        for number in range(4):
            await remind(person, f"{person.user.name} {number}")
    others = [
        ReminderSender(app.state.database, SECRET, "mailto:ops@example.org", service.network())
        for _ in range(2)
    ]
    clock.advance(minutes=2)
    async with asyncio.timeout(30):
        while len(service.requests) < 8:
            await asyncio.gather(*(each.send_due() for each in (reminders, *others)))
    await asyncio.gather(*(each.send_due() for each in (reminders, *others)))
    await asyncio.gather(*(each.close() for each in others))
    assert [sorted(titles(service, browser)) for browser in browsers] == [
        [f"{name} {number}" for number in range(4)] for name in ("Ada", "Bob")
    ]


async def test_each_browser_of_a_user_gets_the_reminder_and_no_other(
    app: FastAPI, signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    first, others = await subscribed(ada, "a"), await subscribed(bob, "b")
    token = "t" * 32
    async with app.state.database.transaction() as session:
        session.add(Session(user_id=ada.user.id, token=token, expires_at=utc_now() + timedelta(days=1)))
    phone = await signed_in("Ada's phone")
    phone.cookies.clear()
    phone.cookies.set("better-auth.session_token", sign(token, SECRET), domain="localhost.local")
    second = await subscribed(phone, "c")
    await remind(ada)
    clock.advance(minutes=2)
    await reminders.send_due()
    assert [titles(service, browser) for browser in (first, second, others)] == [
        ["Call Ann"],
        ["Call Ann"],
        [],
    ]


async def test_a_reminder_that_is_not_wanted_any_more_is_not_sent(
    signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    done, gone, snoozed = [await remind(ada, title) for title in ("Done", "Gone", "Snoozed")]
    # The first attempt fails, so all of them wait for another one.
    service.statuses = [503]
    clock.advance(minutes=2)
    await reminders.send_due()
    assert len(service.requests) == 1
    await ada.post(f"/api/tasks/{done['id']}/complete")
    await ada.delete(f"/api/tasks/{gone['id']}")
    later = (utc_now() + timedelta(minutes=30)).isoformat()
    await ada.patch(f"/api/tasks/{snoozed['id']}", json={"remind_at": later})
    service.requests.clear()
    clock.advance(minutes=5)
    await reminders.send_due()
    assert titles(service, browser) == []
    clock.advance(minutes=30)
    await reminders.send_due()
    await reminders.send_due()
    assert titles(service, browser) == ["Snoozed"]


async def test_the_next_task_of_a_repeating_one_has_a_reminder_of_its_own(
    signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    due = (utc_now() + timedelta(minutes=1)).isoformat()
    body = {
        "title": "Bins",
        "due_at": due,
        "remind_before": 0,
        "recurrence": "FREQ=DAILY",
        "time_zone": "UTC",
    }
    task = (await ada.post("/api/tasks", json=body)).json()
    clock.advance(minutes=2)
    await reminders.send_due()
    await ada.post(f"/api/tasks/{task['id']}/complete")
    await reminders.send_due()
    assert titles(service, browser) == ["Bins"]
    clock.advance(days=1)
    await reminders.send_due()
    first, second = service.messages(browser)
    assert first["task_id"] == task["id"] != second["task_id"]


async def test_a_reminder_that_is_over_an_hour_late_is_not_sent(
    signed_in: SignIn, reminders: ReminderSender, service: PushService, clock: Clock
) -> None:
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    await remind(ada, "Late", minutes=1)
    await remind(ada, "In time", minutes=10)
    clock.advance(minutes=65)
    await reminders.send_due()
    assert titles(service, browser) == ["In time"]


async def test_a_browser_gets_no_reminder_from_before_its_subscription(
    signed_in: SignIn, reminders: ReminderSender, service: PushService
) -> None:
    ada = await signed_in("Ada")
    await remind(ada, minutes=-5)
    browser = await subscribed(ada)
    await reminders.send_due()
    assert titles(service, browser) == []


async def test_a_user_gets_a_limited_number_of_reminders_an_hour(
    signed_in: SignIn,
    reminders: ReminderSender,
    service: PushService,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "REMINDERS_PER_HOUR", 3)
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    for number in range(5):
        await remind(ada, str(number))
    clock.advance(minutes=2)
    async with asyncio.timeout(30):
        while len(service.requests) < 3:
            await reminders.send_due()
    await reminders.send_due()
    assert titles(service, browser) == ["0", "1", "2"]
    assert len(service.connections) == 1


@pytest.mark.parametrize("end", ["sign-out", "revoked", "expired", "deleted", "unsubscribed"])
async def test_a_subscription_ends_with_its_session(
    app: FastAPI,
    signed_in: SignIn,
    reminders: ReminderSender,
    service: PushService,
    clock: Clock,
    end: str,
) -> None:
    ada = await signed_in("Ada")
    await subscribed(ada)
    await remind(ada)
    async with app.state.database.transaction() as session:
        if end == "revoked":
            await session.execute(delete(Session))
        elif end == "expired":
            await session.execute(update(Session).values(expires_at=utc_now() - timedelta(seconds=1)))
        elif end == "deleted":
            await session.execute(delete(User))
    if end == "sign-out":
        assert (await ada.post("/api/auth/sign-out", json={})).status_code == 200
    elif end == "unsubscribed":
        assert (await ada.delete("/api/push/subscription")).status_code == 204
    if end != "expired":
        assert await subscriptions(app) == []
    clock.advance(minutes=2)
    await reminders.send_due()
    assert service.requests == []


async def test_a_server_without_subscriptions_executes_one_statement(
    app: FastAPI, reminders: ReminderSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[object] = []
    fetch = app.state.database.fetch

    async def counting(statement: Any, *arguments: Any) -> Any:
        statements.append(statement)
        return await fetch(statement, *arguments)

    monkeypatch.setattr(app.state.database, "fetch", counting)
    monkeypatch.setattr(app.state.database, "transaction", None)
    assert await reminders.send_due() is None
    assert len(statements) == 1


async def test_the_sender_wakes_for_a_subscription_and_a_reminder_and_survives_errors(
    app: FastAPI,
    signed_in: SignIn,
    reminders: ReminderSender,
    service: PushService,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], str],
) -> None:
    monkeypatch.setattr(sender, "INTERVAL_SECONDS", 0.05)
    failed = asyncio.Event()
    send_due = reminders.send_due

    async def failing_once() -> float | None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("unexpected")
        return await send_due()

    monkeypatch.setattr(reminders, "send_due", failing_once)
    reminders.start()
    async with asyncio.timeout(20):
        await failed.wait()
        ada = await signed_in("Ada")
        browser = await subscribed(ada)
        await remind(ada, minutes=0.01)
        await service.reached.wait()
    await reminders.close()
    assert titles(service, browser) == ["Call Ann"]
    assert "reminders not sent" in logged()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("reminder")]


async def test_another_server_sends_what_a_server_did_not_finish(
    app: FastAPI,
    signed_in: SignIn,
    reminders: ReminderSender,
    service: PushService,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(sender, "ROUND_SECONDS", 0.05)
    ada = await signed_in("Ada")
    browser = await subscribed(ada)
    await remind(ada)
    clock.advance(minutes=2)
    service.answers.clear()
    await reminders.send_due()
    await service.reached.wait()
    await reminders.close()
    service.answers.set()
    monkeypatch.setattr(sender, "CLOSE_SECONDS", 30)
    monkeypatch.setattr(sender, "ROUND_SECONDS", 30)
    other = ReminderSender(app.state.database, SECRET, "mailto:ops@example.org", service.network())
    await other.send_due()
    assert len(service.requests) == 1
    clock.advance(minutes=1)
    await other.send_due()
    await other.close()
    assert titles(service, browser) == ["Call Ann"] * 2
