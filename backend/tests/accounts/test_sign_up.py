"""Sign-up, including concurrent and hostile requests."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.accounts.models import Account, Session, User
from backend.tests.browsers import ORIGIN, Person, browser

SIGN_UP = "/api/auth/sign-up/email"
ADA = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}


async def test_concurrent_sign_ups_with_one_address_create_one_account(app: FastAPI) -> None:
    async def sign_up(number: int) -> int:
        async with browser(app, address=f"10.0.0.{number}") as client:
            return (await client.post(SIGN_UP, json=ADA)).status_code

    statuses = await asyncio.gather(*(sign_up(number) for number in range(6)))
    assert sorted(statuses) == [200, *[422] * 5]
    async with app.state.database.transaction(read_only=True) as session:
        for table in (User, Account, Session):
            assert await session.scalar(select(func.count(table.id))) == 1


async def test_the_password_may_be_typed_in_another_normal_form(client: Person) -> None:
    await client.post(SIGN_UP, json=ADA | {"password": "cafe\u0301 ﬁn"})
    response = await client.post(
        "/api/auth/sign-in/email", json={"email": ADA["email"], "password": "caf\u00e9 fin"}
    )
    assert response.status_code == 200


async def test_the_password_is_stored_as_a_hash_only(app: FastAPI, client: Person) -> None:
    await client.post(SIGN_UP, json=ADA)
    async with app.state.database.transaction(read_only=True) as session:
        stored = await session.scalar(select(Account.password))
    assert ADA["password"] not in stored
    assert len(stored) == 32 + 1 + 128


DEEP = b"[" * 60_000 + b"]" * 60_000
HOSTILE: dict[str, Any] = {
    "NUL in the name": ADA | {"name": "A\0da"},
    "half a surrogate pair in the name": ADA | {"name": "A\ud800da"},
    "an endless name": ADA | {"name": "A" * 100_000},
    "NUL in the address": ADA | {"email": "a\0@example.org"},
    "a line feed after the address": ADA | {"email": "ada@example.org\n"},
    "a header in the address": ADA | {"email": "ada@example.org\r\nset-cookie: x=y"},
    "an address in another script": ADA | {"email": "ада@пример.рф"},
    "an endless address": ADA | {"email": "a" * 100_000 + "@example.org"},
    "an address made for backtracking": ADA | {"email": "a." * 400 + "!"},
    "an object as address": ADA | {"email": {"$ne": ""}},
    "NUL in the image": ADA | {"image": "\0"},
    "an endless password": ADA | {"password": "x" * 100_000},
    "a deep body": DEEP,
    "a deep name": b'{"name": ' + DEEP + b"}",
    "an endless number": b'{"name": ' + b"9" * 10_000 + b"}",
    "not a number": b'{"name": NaN}',
    "bytes that are not text": b"\xff\xfe\x00{",
    "a script as callback": ADA | {"callbackURL": "javascript:alert(1)"},
    "a header as callback": ADA | {"callbackURL": "/x\r\nset-cookie: a=b"},
    "a protocol-relative callback": ADA | {"callbackURL": "//evil.example"},
    "a backslashed callback": ADA | {"callbackURL": "/\\evil.example"},
    "a header behind a callback of ours": ADA | {"callbackURL": f"{ORIGIN}/\r\nset-cookie: a=b"},
    "a callback that no header can hold": ADA | {"callbackURL": f"{ORIGIN}/€"},
    "a number as callback": ADA | {"callbackURL": 5},
    "a broken callback": ADA | {"callbackURL": "http://["},
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_input_is_refused_with_a_message(app: FastAPI, client: Person, name: str) -> None:
    body = HOSTILE[name]
    content = body if isinstance(body, bytes) else json.dumps(body)
    response = await client.post(SIGN_UP, content=content, headers={"content-type": "application/json"})
    assert response.status_code in {400, 403}
    assert response.json().keys() == {"message", "code"}
    assert len(response.content) < 500
    async with app.state.database.transaction(read_only=True) as session:
        assert await session.scalar(select(func.count(User.id))) == 0


async def test_a_name_in_any_script_is_kept(client: Person) -> None:
    name = "Åsa 李 🦊 \u202e"
    response = await client.post(SIGN_UP, json=ADA | {"name": name})
    assert response.json()["user"]["name"] == name
    session = await client.get("/api/auth/get-session")
    assert session.json()["user"]["name"] == name
