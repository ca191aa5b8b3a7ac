"""Guessed passwords: a limit for each account, and common passwords are refused."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from app.accounts import passwords
from app.accounts.ratelimits import GUESSES
from app.errors import OverloadedError
from backend.tests.browsers import Person, browser

ADA = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
SIGN_IN = "/api/auth/sign-in/email"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare passwords without scrypt, which takes 0.1 s for each of many guesses."""

    async def same(password: str, salt: str) -> bytes:
        return f"{salt}{password}".encode()

    monkeypatch.setattr(passwords, "_key", same)


async def _sign_in(app: FastAPI, address: str, **changes: Any) -> int:
    async with browser(app, address) as client:
        return (await client.post(SIGN_IN, json=ADA | changes)).status_code


async def test_guesses_from_many_networks_are_limited_for_each_account(app: FastAPI) -> None:
    async with browser(app, "192.0.2.1") as ada:
        assert (await ada.post("/api/auth/sign-up/email", json=ADA)).status_code == 200
    guesses = [
        await _sign_in(app, f"10.0.{number}.1", password=f"a guess {number}", email="ADA@example.org")
        for number in range(GUESSES.calls + 2)
    ]
    assert guesses == [401] * GUESSES.calls + [429, 429]
    # Neither the owner, where she is signed in, nor anybody else is locked out.
    assert await _sign_in(app, "192.0.2.1") == 200
    assert await _sign_in(app, "10.1.0.1", email="bob@example.org") == 401


async def test_common_passwords_are_refused(client: Person) -> None:
    for password in ("password", "PassWord1", "qwertyuiop", "12345678"):
        refused = await client.post("/api/auth/sign-up/email", json=ADA | {"password": password})
        if refused.status_code == 429:
            break
        assert (refused.status_code, refused.json()["code"]) == (400, "PASSWORD_COMPROMISED")


def test_each_common_password_is_one_that_a_person_could_choose_here() -> None:
    common = passwords.common_passwords()
    assert len(common) > 1900
    assert common is passwords.common_passwords(), "the file is read only once"
    for password in common:
        assert password == password.lower().strip()
        assert len(password) >= passwords.MINIMUM_LENGTH


async def test_a_common_password_cannot_replace_a_good_one(
    app: FastAPI, signed_in: Callable[..., Awaitable[Person]]
) -> None:
    ada = await signed_in("Ada")
    body = {"currentPassword": "correct horse", "newPassword": "iloveyou1"}
    refused = await ada.post("/api/auth/change-password", json=body)
    assert refused.json()["code"] == "PASSWORD_COMPROMISED"


async def test_hashes_that_would_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(passwords, "_in_work", 100)
    with pytest.raises(OverloadedError):
        await passwords.hash_password("correct horse")
