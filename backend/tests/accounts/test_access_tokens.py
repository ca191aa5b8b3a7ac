"""Personal access tokens: made once, stored as a hash, limited to tasks, and ended at once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from app.accounts import access_tokens
from app.accounts.access_tokens import LIMIT, PER_USER, PREFIX
from app.accounts.models import AccessToken, Account
from app.accounts.passwords import hash_password
from app.database import utc_now
from app.main import create_app
from app.ratelimits import Limit
from app.settings import Settings
from backend.tests.browsers import ORIGIN, Person, browser

SignIn = Callable[..., Awaitable[Person]]


async def create(person: Person, **body: Any) -> dict[str, Any]:
    answer = await person.post("/api/access-tokens", json={"name": "Script", "scope": "write", **body})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def program(app: FastAPI, token: str) -> Person:
    """A client without cookies and Origin that sends an access token."""
    client = browser(app)
    client.headers = {"Authorization": f"Bearer {token}"}
    return client


async def test_a_token_is_shown_once_and_stored_as_a_hash(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    created = await create(ada, name="  My   script ", scope="read", expires_in_days=30)
    token = created.pop("token")
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 32
    assert created["prefix"] == token[: len(PREFIX) + 4]
    assert (created["name"], created["scope"], created["last_used_at"]) == ("My script", "read", None)
    assert (await ada.get("/api/access-tokens")).json() == {"items": [created]}
    async with app.state.database.transaction(read_only=True) as session:
        [stored] = (await session.scalars(select(AccessToken))).all()
    assert token not in {str(getattr(stored, column.key)) for column in AccessToken.__table__.columns}
    assert stored.expires_at == stored.created_at + timedelta(days=30)


async def test_a_lifetime_is_an_integer_as_json_schema_has_it(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    whole = await ada.post(
        "/api/access-tokens",
        content='{"name": "Script", "expires_in_days": 3e1}',
        headers={"Content-Type": "application/json"},
    )
    assert whole.status_code == 201, whole.text
    for value in (1.5, "30", True):
        answer = await ada.post("/api/access-tokens", json={"name": "Script", "expires_in_days": value})
        assert answer.status_code == 422, value


async def test_a_token_changes_the_tasks_of_its_owner_only(app: FastAPI, signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    script = program(app, (await create(ada))["token"])
    task = (await script.post("/api/tasks", json={"title": "Buy milk"})).json()
    assert (await script.post(f"/api/tasks/{task['id']}/complete")).status_code == 200
    assert (await script.post("/api/undo", json={})).status_code == 200
    assert [item["status"] for item in (await ada.get("/api/tasks")).json()["items"]] == ["open"]
    theirs = (await bob.post("/api/tasks", json={"title": "Bread"})).json()
    assert (await script.get(f"/api/tasks/{theirs['id']}")).status_code == 404


async def test_a_read_only_token_reads(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    script = program(app, (await create(ada, scope="read"))["token"])
    assert (await script.get("/api/tasks")).status_code == 200
    assert (await script.post("/api/tasks/parse", json={"text": "milk tomorrow"})).status_code == 200
    refused = await script.post("/api/tasks", json={"title": "Buy milk"})
    assert (refused.status_code, refused.json()["code"]) == (403, "read_only_token")
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


async def test_a_token_opens_no_account_operation_even_beside_a_cookie(
    app: FastAPI, signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    created = await create(ada)
    ada.headers["Authorization"] = f"Bearer {created['token']}"
    for method, path in (
        ("GET", "/api/access-tokens"),
        ("POST", "/api/access-tokens"),
        ("DELETE", f"/api/access-tokens/{created['id']}"),
        ("GET", "/api/conversations"),
    ):
        answer = await ada.request(method, path, json={"name": "More"} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "access_token_refused"), path
    script = program(app, created["token"])
    script.headers["Origin"] = ORIGIN
    assert (await script.get("/api/auth/get-session")).json() is None
    for path in ("change-password", "update-user", "revoke-sessions", "delete-user"):
        body = {"name": "E", "currentPassword": "x", "newPassword": "new password", "password": "x"}
        assert (await script.post(f"/api/auth/{path}", json=body)).status_code == 401, path
    for path in ("list-sessions", "token"):
        assert (await script.get(f"/api/auth/{path}")).status_code == 401, path


async def test_a_json_web_token_creates_no_access_token(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    script = program(app, (await ada.get("/api/auth/token")).json()["token"])
    answer = await script.post("/api/access-tokens", json={"name": "Script"})
    assert answer.status_code == 401


@pytest.mark.parametrize("token", [PREFIX, f"{PREFIX}{'a' * 32}", f"{PREFIX}é", PREFIX + "a" * 5000])
async def test_an_unknown_token_is_challenged(app: FastAPI, token: str) -> None:
    client = browser(app)
    answer = await client.get("/api/tasks", headers={b"Authorization": f"Bearer {token}".encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_revoked_or_expired_token_ends_at_once_on_every_server(
    app: FastAPI, settings: Settings, signed_in: SignIn
) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    first, second = await create(ada), await create(ada, expires_in_days=1)
    other = create_app(settings)
    scripts = [program(server, made["token"]) for server in (app, other) for made in (first, second)]
    assert [(await script.get("/api/tasks")).status_code for script in scripts] == [200] * 4
    refused = await bob.delete(f"/api/access-tokens/{first['id']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "access_token_not_found")
    assert (await ada.delete(f"/api/access-tokens/{first['id']}")).status_code == 204
    async with app.state.database.transaction() as session:
        past = utc_now() - timedelta(seconds=1)
        await session.execute(update(AccessToken).values(expires_at=past))
    assert [(await script.get("/api/tasks")).status_code for script in scripts] == [401] * 4
    await other.state.database.close()


async def test_the_last_use_is_recorded_once_a_minute(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    script = program(app, (await create(ada))["token"])

    async def last_use() -> str:
        [item] = (await ada.get("/api/access-tokens")).json()["items"]
        return str(item["last_used_at"])

    await script.get("/api/tasks")
    first = await last_use()
    await script.get("/api/tasks")
    assert first == await last_use() != "None"
    async with app.state.database.transaction() as session:
        await session.execute(update(AccessToken).values(last_used_at=utc_now() - timedelta(hours=1)))
    await script.get("/api/tasks")
    assert await last_use() > first


async def test_each_token_has_a_rate_limit(
    app: FastAPI, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "LIMIT", Limit(calls=2, window_s=LIMIT.window_s))
    ada = await signed_in("Ada")
    scripts = [program(app, (await create(ada))["token"]) for _ in range(2)]
    answers = [await scripts[0].get("/api/tasks") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[2].headers["retry-after"]) <= LIMIT.window_s
    assert (await scripts[1].get("/api/tasks")).status_code == 200


async def test_a_person_has_a_limited_number_of_tokens(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    async with app.state.database.transaction() as session:
        session.add_all(
            AccessToken(user_id=ada.user.id, name="x", scope="read", prefix=PREFIX, hash=str(number))
            for number in range(PER_USER)
        )
    refused = await ada.post("/api/access-tokens", json={"name": "One more"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_access_tokens")


@pytest.mark.parametrize("signs_out_others", [True, False])
async def test_a_new_password_revokes_tokens_with_the_other_sessions(
    app: FastAPI, signed_in: SignIn, signs_out_others: bool
) -> None:
    ada = await signed_in("Ada")
    async with app.state.database.transaction() as session:
        hashed = await hash_password("correct horse")
        session.add(
            Account(account_id=ada.user.id, provider_id="credential", user_id=ada.user.id, password=hashed)
        )
    script = program(app, (await create(ada))["token"])
    body = {
        "currentPassword": "correct horse",
        "newPassword": "horse correct",
        "revokeOtherSessions": signs_out_others,
    }
    assert (await ada.post("/api/auth/change-password", json=body)).status_code == 200
    assert (await script.get("/api/tasks")).status_code == (401 if signs_out_others else 200)
