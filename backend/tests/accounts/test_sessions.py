"""Sessions: their duration, where they are valid and how they end."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from app.accounts.models import Session
from app.accounts.signatures import sign
from app.database import utc_now
from backend.tests.browsers import SECRET, Person, browser

SignIn = Callable[..., Awaitable[Person]]
COOKIE = "better-auth.session_token"


async def change(app: FastAPI, **values: datetime) -> None:
    """Update every session in the database."""
    async with app.state.database.transaction() as session:
        await session.execute(update(Session).values(**values))


async def test_a_session_is_extended_when_its_last_extension_is_a_day_old(
    app: FastAPI, signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    await change(app, expires_at=utc_now() + timedelta(days=6))
    response = await ada.get("/api/auth/get-session")
    expires = datetime.fromisoformat(response.json()["session"]["expiresAt"])
    assert expires - utc_now() > timedelta(days=6, hours=23)
    assert f"{COOKIE}=" in response.headers["set-cookie"]
    assert "Max-Age=604800" in response.headers["set-cookie"]
    assert response.headers["access-control-expose-headers"] == "set-auth-token, set-auth-jwt"


@pytest.mark.parametrize("path", ["/get-session?disableRefresh=true", "/get-session"])
async def test_a_session_is_extended_only_when_allowed(app: FastAPI, signed_in: SignIn, path: str) -> None:
    ada = await signed_in("Ada")
    if path == "/get-session":
        ada.cookies.set("better-auth.dont_remember", sign("true", SECRET), domain="localhost.local")
    await change(app, expires_at=utc_now() + timedelta(hours=1))
    response = await ada.get(f"/api/auth{path}")
    assert response.json()["user"]["name"] == "Ada"
    assert "set-cookie" not in response.headers


async def test_an_expired_session_is_rejected_and_deleted(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await change(app, expires_at=utc_now())
    response = await ada.get("/api/auth/get-session")
    assert response.json() is None
    assert response.headers.get_list("set-cookie")[0].startswith(f"{COOKIE}=; Max-Age=0")
    async with app.state.database.transaction(read_only=True) as session:
        assert await session.scalar(select(func.count(Session.id))) == 0


async def test_a_revoked_session_ends_at_once(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    assert (await ada.get("/api/tasks")).status_code == 200
    await ada.post("/api/auth/revoke-sessions", json={})
    assert (await ada.get("/api/tasks")).status_code == 401


async def test_an_old_session_cannot_do_sensitive_actions(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    await change(app, created_at=utc_now() - timedelta(days=1))
    deletion = await ada.post("/api/auth/delete-user", json={})
    assert (deletion.status_code, deletion.json()["code"]) == (400, "SESSION_EXPIRED")
    listing = await ada.get("/api/auth/list-sessions")
    assert (listing.status_code, listing.json()["code"]) == (403, "SESSION_NOT_FRESH")


async def test_users_see_only_their_own_sessions(signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    [session] = (await ada.get("/api/auth/list-sessions")).json()
    assert session["userId"] == ada.user.id
    await bob.post("/api/auth/revoke-session", json={"token": session["token"]})
    assert (await ada.get("/api/tasks")).status_code == 200


async def test_session_responses_are_not_cached(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    assert (await ada.get("/api/auth/get-session")).headers["cache-control"] == "no-store"


async def test_the_https_cookie_is_secure(app: FastAPI) -> None:
    app.state.settings = app.state.settings.model_copy(update={"better_auth_url": "https://todo.example"})
    async with browser(app) as client:
        body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
        response = await client.post(
            "/api/auth/sign-up/email", json=body, headers={"Origin": "https://todo.example"}
        )
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"__Secure-{COOKIE}=")
    assert cookie.endswith("; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 201),
        ("http://127.0.0.1:3000", 201),
        (None, 403),
        ("", 403),
        ("https://evil.example", 403),
        ("http://localhost:3001", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_another_sites_page_cannot_use_the_cookie(
    signed_in: SignIn, origin: str | None, status: int
) -> None:
    ada = await signed_in("Ada")
    if origin is None:
        del ada.headers["Origin"]
    else:
        ada.headers["Origin"] = origin
    assert (await ada.post("/api/tasks", json={"title": "Buy milk"})).status_code == status


@pytest.mark.parametrize(
    "authorization",
    ["Basic abc", "Bearer", "Bearer ", "Bearer .", "bearer ..", "Bearer %00.%00", "Bearer é.é"],
)
async def test_a_malformed_authorization_header_is_unauthorized(app: FastAPI, authorization: str) -> None:
    headers: Any = {"Authorization": authorization.encode("latin-1")}
    async with browser(app) as anybody:
        assert (await anybody.get("/api/tasks", headers=headers)).status_code == 401


async def test_an_unknown_token_in_a_signed_cookie_is_unauthorized(app: FastAPI) -> None:
    async with browser(app) as anybody:
        for token in ("x" * 32, "nul\0", ""):
            anybody.cookies.set(COOKIE, sign(token, SECRET), domain="localhost.local")
            assert (await anybody.get("/api/tasks")).status_code == 401
