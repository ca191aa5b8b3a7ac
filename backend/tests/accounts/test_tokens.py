"""JSON Web Tokens of this server, and of other servers with the shared secret."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import delete

from app.accounts.models import User
from app.accounts.tokens import decrypt, encrypt
from backend.tests.browsers import ORIGIN, SECRET, Person, browser

SignIn = Callable[..., Awaitable[Person]]


def claims(user: User, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    usual = {"sub": user.id, "iss": ORIGIN, "aud": ORIGIN, "iat": now, "exp": now + timedelta(minutes=15)}
    return {name: value for name, value in (usual | changes).items() if value is not None}


async def status_with(app: FastAPI, token: str) -> int:
    async with browser(app) as anybody:
        response = await anybody.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    return response.status_code


async def test_a_token_identifies_its_user(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    token = (await ada.get("/api/auth/token")).json()["token"]
    assert await status_with(app, token) == 200


async def test_a_token_verifies_with_the_published_keys(signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    token = (await ada.get("/api/auth/get-session")).headers["set-auth-jwt"]
    published = jwt.PyJWKSet.from_dict((await ada.get("/api/auth/jwks")).json())
    key = published[jwt.get_unverified_header(token)["kid"]]
    read = jwt.decode(token, key.key, algorithms=["EdDSA"], issuer=ORIGIN, audience=ORIGIN)
    assert read["sub"] == ada.user.id
    assert read["email"] == ada.user.email
    assert read["exp"] - read["iat"] == 15 * 60


async def test_a_token_signed_with_the_shared_secret_identifies_its_user(
    app: FastAPI, signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    assert await status_with(app, jwt.encode(claims(ada.user), SECRET, "HS256")) == 200


async def test_a_separate_shared_secret_replaces_the_servers(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    other = "another secret of thirty-two characters"
    app.state.settings = app.state.settings.model_copy(update={"jwt_secret": SecretStr(other)})
    assert await status_with(app, jwt.encode(claims(ada.user), other, "HS256")) == 200
    assert await status_with(app, jwt.encode(claims(ada.user), SECRET, "HS256")) == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"exp": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "https://evil.example"},
        {"aud": None},
        {"sub": None},
        {"sub": "nobody"},
        {"sub": "nul\0"},
        {"sub": "half a surrogate pair \ud800"},
        {"nbf": datetime(2100, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
async def test_a_token_with_a_wrong_claim_identifies_nobody(
    app: FastAPI, signed_in: SignIn, changes: dict[str, Any]
) -> None:
    ada = await signed_in("Ada")
    assert await status_with(app, jwt.encode(claims(ada.user, **changes), SECRET, "HS256")) == 401


async def test_a_token_with_a_wrong_signature_identifies_nobody(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    token = (await ada.get("/api/auth/token")).json()["token"]
    [public] = (await ada.get("/api/auth/jwks")).json()["keys"]
    header, payload, signature = token.split(".")
    about_ada = claims(ada.user)
    forged = {
        "changed": f"{header}.{payload[:-2]}AA.{signature}",
        "unsigned": jwt.encode(about_ada, "", "none"),
        "another secret": jwt.encode(about_ada, SECRET[::-1], "HS256"),
        "the public key as secret": jwt.encode(
            about_ada, public["x"], "HS256", headers={"kid": public["kid"]}
        ),
        "another key": jwt.encode(
            about_ada, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": public["kid"]}
        ),
        "an unknown key": jwt.encode(about_ada, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "x"}),
        "a key named by NUL": jwt.encode(
            about_ada, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "\0"}
        ),
        "a key named by half a surrogate pair": jwt.encode(
            about_ada, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "\ud800"}
        ),
        "another algorithm": jwt.encode(about_ada, SECRET, "HS384"),
        "no token": "a.b.c",
        "nothing": "",
    }
    statuses = {name: await status_with(app, token) for name, token in forged.items()}
    assert statuses == dict.fromkeys(forged, 401)


async def test_the_token_of_a_deleted_account_identifies_nobody(app: FastAPI, signed_in: SignIn) -> None:
    ada = await signed_in("Ada")
    token = (await ada.get("/api/auth/token")).json()["token"]
    async with app.state.database.transaction() as session:
        await session.execute(delete(User))
    assert await status_with(app, token) == 401


async def test_a_new_secret_creates_a_new_key_and_keeps_the_old_one_published(
    app: FastAPI, signed_in: SignIn
) -> None:
    ada = await signed_in("Ada")
    before = (await ada.get("/api/auth/token")).json()["token"]
    secret = SecretStr("another secret of thirty-two characters")
    app.state.settings = app.state.settings.model_copy(update={"better_auth_secret": secret})
    headers = {"Authorization": f"Bearer {before}"}
    assert (await ada.get("/api/tasks", headers=headers)).status_code == 200

    bob = await signed_in("Bob", secret=secret.get_secret_value())
    after = (await bob.get("/api/auth/token")).json()["token"]
    published = {key["kid"] for key in (await bob.get("/api/auth/jwks")).json()["keys"]}
    assert published == {jwt.get_unverified_header(token)["kid"] for token in (before, after)}
    assert len(published) == 2


def test_private_keys_are_encrypted_as_better_auth_does() -> None:
    # Created by symmetricEncrypt of better-auth 1.7.7.
    encrypted = (
        "6ad22c4c2f6e384c2dae3758cd09f63a4cdcf4f5e65270d9dd01518ab78b669f"
        "a46a3f9a10f7bcbe41d42af26be22bc9c6dd1895a5279cb274"
    )
    secret = "s3cret-s3cret-s3cret-s3cret-s3cret-1234"
    assert json.loads(decrypt(encrypted, secret)) == {"crv": "Ed25519"}
    assert decrypt(encrypt("text", secret), secret) == "text"
    with pytest.raises(InvalidTag):
        decrypt(encrypted, secret[::-1])


@pytest.mark.parametrize("end", ["sign-out", "revoke-sessions", "revoke-other-sessions", "change-password"])
async def test_every_credential_of_a_session_ends_with_it_at_once(app: FastAPI, end: str) -> None:
    account = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
    async with browser(app, "192.0.2.1") as other, browser(app, "192.0.2.2") as one, browser(app) as program:
        signed_up = await one.post("/api/auth/sign-up/email", json=account)
        bearer = signed_up.headers["set-auth-token"]
        token = (await one.get("/api/auth/token")).json()["token"]
        cookies = dict(one.cookies)
        credentials = [
            {"Authorization": f"Bearer {bearer}"},
            {"Authorization": f"Bearer {token}"},
            {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
        ]
        before = [(await program.get("/api/tasks", headers=headers)).status_code for headers in credentials]
        assert before == [200, 200, 200]
        ending = one
        if end == "revoke-other-sessions":
            assert (await other.post("/api/auth/sign-in/email", json=account)).status_code == 200
            ending = other
        body = {
            "currentPassword": "correct horse",
            "newPassword": "battery staple",
            "revokeOtherSessions": True,
        }
        response = await ending.post(f"/api/auth/{end}", json=body if end == "change-password" else {})
        assert response.status_code == 200, response.text
        after = [(await program.get("/api/tasks", headers=headers)).status_code for headers in credentials]
        assert after == [401, 401, 401]
