"""Authorization of each operation of the OpenAPI document, with every kind of credentials.

An operation that is not in OPERATIONS fails the test: add a line that says who may run it, and how a valid
call looks.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import or_, select
from starlette.routing import Route

from app import openapi
from app.accounts.models import Account
from app.accounts.passwords import hash_password
from app.accounts.resets import PasswordResets
from app.database import Base
from app.push.endpoints import PushSubscriptionIn
from backend.tests.browsers import Person, browser

SignIn = Callable[..., Awaitable[Person]]
PASSWORD = "correct horse"
MARKER = "Ada's own words"

Access = Literal["anybody", "account", "session", "program"]
"""`account` needs a session; `session` accepts a JSON Web Token too, and `program` an access token."""

SUBSCRIPTION = PushSubscriptionIn.model_json_schema()["examples"][0]


@dataclass(frozen=True)
class Operation:
    """Permissions of an operation, and a valid body; `reads` is for a POST that changes nothing."""

    access: Access
    body: dict[str, Any] | None = None
    query: dict[str, str] | None = None
    reads: bool = False
    status: int = 200


OPERATIONS = {
    "GET /health": Operation("anybody"),
    "GET /ready": Operation("anybody"),
    "POST /api/auth/sign-up/email": Operation(
        "anybody", {"name": "Eve", "email": "{unique}@example.org", "password": PASSWORD}
    ),
    "POST /api/auth/sign-in/email": Operation("anybody", {"email": "{email}", "password": PASSWORD}),
    "POST /api/auth/sign-out": Operation("anybody", {}),
    "POST /api/auth/request-password-reset": Operation("anybody", {"email": "{email}"}),
    "GET /api/auth/reset-password/{token}": Operation(
        "anybody", query={"callbackURL": "/reset-password"}, status=302
    ),
    "POST /api/auth/reset-password": Operation(
        # With a token, whoever has it; without one, nobody.
        "anybody",
        {"token": "unknown", "newPassword": "a new horse"},
        status=400,
    ),
    "GET /api/auth/get-session": Operation("anybody"),
    "GET /api/auth/jwks": Operation("anybody"),
    "GET /api/auth/ok": Operation("anybody"),
    "GET /api/auth/token": Operation("account"),
    "POST /api/auth/update-user": Operation("account", {"name": "Else"}),
    "POST /api/auth/change-password": Operation(
        "account", {"currentPassword": PASSWORD, "newPassword": "horse correct", "revokeOtherSessions": True}
    ),
    "POST /api/auth/delete-user": Operation("account", {}),
    "GET /api/auth/list-sessions": Operation("account"),
    "POST /api/auth/revoke-session": Operation("account", {"token": "{session_token}"}),
    "POST /api/auth/revoke-sessions": Operation("account"),
    "POST /api/auth/revoke-other-sessions": Operation("account"),
    "GET /api/access-tokens": Operation("account"),
    "POST /api/access-tokens": Operation("account", {"name": "Script"}, status=201),
    "DELETE /api/access-tokens/{token_id}": Operation("account", status=204),
    "GET /api/calendar": Operation("account"),
    "POST /api/calendar": Operation("account", status=201),
    "DELETE /api/calendar": Operation("account", status=204),
    "GET /api/calendar/feed.ics": Operation("anybody", query={"key": "{calendar_key}"}),
    "GET /api/push/key": Operation("account"),
    "PUT /api/push/subscription": Operation("account", SUBSCRIPTION, status=204),
    "DELETE /api/push/subscription": Operation("account", status=204),
    "POST /api/chat": Operation("session", {"message": "add buy milk"}),
    "GET /api/conversations": Operation("session"),
    "GET /api/conversations/{conversation_id}": Operation("session"),
    "PATCH /api/conversations/{conversation_id}": Operation("session", {"title": "Groceries"}),
    "DELETE /api/conversations/{conversation_id}": Operation("session", status=204),
    "POST /api/conversations/{conversation_id}/stop": Operation("session", status=204),
    "GET /api/events": Operation("session"),
    "GET /api/tasks": Operation("program"),
    "POST /api/tasks": Operation("program", {"title": "Buy milk"}, status=201),
    "POST /api/tasks/parse": Operation("program", {"text": "milk tomorrow"}, reads=True),
    "POST /api/tasks/bulk": Operation("program", {"ids": ["{task_id}"], "action": "complete"}),
    "GET /api/tasks/{task_id}": Operation("program"),
    "PATCH /api/tasks/{task_id}": Operation("program", {"title": "Buy bread"}),
    "DELETE /api/tasks/{task_id}": Operation("program", status=204),
    "POST /api/tasks/{task_id}/move": Operation("program", {"before": None}),
    "POST /api/tasks/{task_id}/complete": Operation("program"),
    "POST /api/tasks/{task_id}/reopen": Operation("program"),
    "GET /api/tasks/export": Operation("program"),
    "POST /api/tasks/import": Operation("program", {"tasks": [{"title": "Buy milk"}]}),
    "GET /api/insights": Operation("program"),
    "GET /api/preferences": Operation("program"),
    "PATCH /api/preferences": Operation("program", {"week_start": "saturday"}),
    "POST /api/undo": Operation("program", {"step": "{step}"}),
}
HIDDEN = {
    "/api/openapi.json": "public",
    "/api/health": "as /health",
    "/metrics": "the frontend does not forward it",
    "/mcp": "mcp/test_assistants.py",
    "/api/auth/get-session": "its POST is always refused",
    "/api/auth/{path:path}": "404 and 405",
}
"""The paths that the document does not have, and why."""


def operations_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


DOCUMENT = json.loads(openapi.document())
DOCUMENTED = operations_of(DOCUMENT)


@pytest.fixture
def database_kind() -> str:
    """Use one database: the rules are the same on both."""
    return "sqlite"


class _Unlimited:
    """Counts nothing: the limits are a matter of other tests."""

    async def retry_after(self, *_: object) -> None:
        return None

    retry_after_in = retry_after

    async def forget_past(self) -> None:
        return None


class _NoMail(PasswordResets):
    """Sends nothing: the messages are a matter of other tests."""

    def send(self, *_: object) -> None:
        return None


@dataclass
class World:
    """Ada with one thing of each kind, and everybody who calls."""

    app: FastAPI
    ada: Person
    values: dict[str, str]
    callers: dict[str, Person] = field(default_factory=dict)

    async def call(self, operation: str, caller: str) -> Any:
        """Make the valid call of an operation."""
        method, _, path = operation.partition(" ")
        known = OPERATIONS[operation]
        body, query = (
            given and {name: self._filled(value) for name, value in given.items()}
            for given in (known.body, known.query)
        )
        return await self.callers[caller].request(method, self._filled(path), json=body, params=query)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return value.format(**self.values, unique=secrets.token_hex(4)) if isinstance(value, str) else value

    async def everything_of_ada(self) -> dict[str, list[Any]]:
        """Return all rows of Ada, without the last use of her tokens."""
        found = {}
        async with self.app.state.database.transaction(read_only=True) as transaction:
            for table in Base.metadata.sorted_tables:
                owners = [
                    column
                    for column in table.c
                    if column.name in {"user_id", "userId"} or (table.name == "user" and column.name == "id")
                ]
                if owners:
                    columns = [column for column in table.c if column.name != "last_used_at"]
                    mine = or_(*(column == self.values["user_id"] for column in owners))
                    rows = await transaction.execute(
                        select(*columns).where(mine).order_by(*table.primary_key)
                    )
                    found[table.name] = [tuple(row) for row in rows]
        return found


def _program(app: FastAPI, token: str) -> Person:
    client = browser(app)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.fixture(scope="session")
async def hashed() -> str:
    return await hash_password(PASSWORD)


@pytest.fixture
async def world(app: FastAPI, signed_in: SignIn, hashed: str, ending_events: None) -> World:
    app.state.rate_limiter = _Unlimited()
    app.state.resets = _NoMail(app.state.database, "")
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    async with app.state.database.transaction() as session:
        session.add_all(
            Account(account_id=user.id, provider_id="credential", user_id=user.id, password=hashed)
            for user in (ada.user, bob.user)
        )
    tokens = {
        scope: (await ada.post("/api/access-tokens", json={"name": MARKER, "scope": scope})).json()
        for scope in ("read", "write")
    }
    task = (await ada.post("/api/tasks", json={"title": "Buy milk", "description": MARKER})).json()
    await ada.post("/api/chat", json={"message": f"show {MARKER}"})
    [conversation] = (await ada.get("/api/conversations")).json()["items"]
    spare = (await ada.post("/api/access-tokens", json={"name": MARKER})).json()
    async with app.state.database.transaction(read_only=True) as session:
        changes = Base.metadata.tables["changes"]
        step = await session.scalar(select(changes.c.step).where(changes.c.user_id == ada.user.id))
    session_token = (await ada.get("/api/auth/get-session")).json()["session"]["token"]
    address = (await ada.post("/api/calendar")).json()["url"]
    json_web_token = (await ada.get("/api/auth/token")).json()["token"]
    values = {
        "user_id": ada.user.id,
        "email": ada.user.email,
        "task_id": task["id"],
        "conversation_id": conversation["id"],
        "token_id": spare["id"],
        "session_token": session_token,
        "step": str(step),
        "token": "unknown",
        "calendar_key": address.partition("key=")[2],
    }
    callers = {
        "nobody": browser(app),
        "another user": bob,
        "read-only token": _program(app, tokens["read"]["token"]),
        "write token": _program(app, tokens["write"]["token"]),
        "JSON Web Token": _program(app, json_web_token),
        "owner": ada,
    }
    return World(app, ada, values, callers)


def expected(operation: str, caller: str) -> int:
    """Return the status of a call."""
    known = OPERATIONS[operation]
    is_account = "/api/auth/" in operation
    if known.access == "anybody" or caller == "owner":
        return known.status
    if caller == "nobody":
        return 401
    if caller == "another user":
        # Bob's session is valid; what he names is not his.
        named = {"POST /api/undo", "POST /api/tasks/bulk"}
        return 404 if "{" in operation or operation in named else known.status
    if caller == "JSON Web Token":
        return 401 if known.access == "account" else known.status
    if known.access != "program":
        return 401 if is_account else 403
    is_reading = operation.startswith("GET ") or known.reads
    return known.status if caller == "write token" or is_reading else 403


def check_known(document: dict[str, Any]) -> None:
    """Fail for an operation that this test does not know, or that is gone."""
    assert operations_of(document).keys() == OPERATIONS.keys(), (
        "OPERATIONS says who may run each operation, and how a valid call looks"
    )


def test_every_operation_is_known() -> None:
    check_known(DOCUMENT)


def test_an_operation_that_nobody_knows_fails() -> None:
    paths = {**DOCUMENT["paths"], "/api/new": {"get": {}}}
    with pytest.raises(AssertionError, match="OPERATIONS says"):
        check_known({**DOCUMENT, "paths": paths})


def test_every_route_is_documented_or_hidden_for_a_reason(routes: APIRouter) -> None:
    paths = {route.path for route in routes.routes if isinstance(route, Route)}
    assert paths - {*DOCUMENT["paths"]} <= {*HIDDEN}


@pytest.mark.parametrize("operation", DOCUMENTED)
def test_the_document_names_the_credentials(operation: str) -> None:
    ways = DOCUMENTED[operation].get("security", [{}])
    schemes = {
        "anybody": set(),
        "account": {"session", "bearer"},
        "session": {"session", "bearer"},
        "program": {"session", "bearer", "accessToken"},
    }
    access = OPERATIONS[operation].access
    assert ({} in ways) == (access == "anybody")
    if access != "anybody":
        assert {name for way in ways for name in way} == schemes[access]


@pytest.mark.parametrize("last", ["write token", "JSON Web Token", "owner"])
@pytest.mark.parametrize("operation", DOCUMENTED)
async def test_an_operation_obeys_those_who_may_run_it(world: World, operation: str, last: str) -> None:
    for caller in ("nobody", "another user", "read-only token", last):
        await check(world, operation, caller)


async def check(world: World, operation: str, caller: str) -> None:
    before = await world.everything_of_ada()
    answer = await world.call(operation, caller)
    assert answer.status_code == expected(operation, caller), answer.text
    if answer.status_code == 403:
        code = "read_only_token" if OPERATIONS[operation].access == "program" else "access_token_refused"
        assert answer.json()["code"] == code
    is_refused = answer.status_code >= 400
    may_change = caller in {"write token", "JSON Web Token", "owner"} and not is_refused
    # Anybody who knows the password starts a session.
    if not may_change and not operation.endswith("/sign-in/email"):
        assert await world.everything_of_ada() == before
    if caller in {"nobody", "another user"}:
        assert MARKER not in answer.text
