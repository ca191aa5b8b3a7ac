"""Hooks of Schemathesis, so that requests reach what the operations do.

Every request comes from another address, so that no limit of an address ends it. An account operation gets a
session token, because it accepts no JSON Web Token, and a new one after an operation that ends sessions.
"""

import ipaddress
import itertools
import os
import uuid
from typing import Any

import httpx2
import schemathesis

ORIGIN = "http://localhost:3000"
ADDRESS, TOKEN = "SCHEMATHESIS_ADDRESS", "SCHEMATHESIS_TOKEN"
"""The environment variables with the server's address and the JSON Web Token of most requests."""
_ENDING = ("/sign-out", "/revoke-session", "/delete-user", "/change-password")
_numbers = itertools.count(1)
_sessions: list[str] = []


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], _options: dict[str, Any]
) -> None:
    """Set the address as a proxy does, and the credentials unless the case has none on purpose."""
    case.headers["X-Forwarded-For"] = _address()
    is_account = case.operation.path.startswith(("/api/auth/", "/api/access-tokens", "/api/calendar"))
    if is_account and case.headers.get("Authorization") == f"Bearer {os.environ[TOKEN]}":
        if not _sessions:
            _sessions.append(signed_up(os.environ[ADDRESS]).headers["set-auth-token"])
        case.headers["Authorization"] = f"Bearer {_sessions[0]}"


@schemathesis.hook
def after_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], response: Any) -> None:
    """Forget a session that may have ended."""
    if response.status_code == httpx2.codes.OK and case.operation.path.removeprefix("/api/auth").startswith(
        _ENDING
    ):
        _sessions.clear()


def signed_up(address: str) -> httpx2.Response:
    """Return the answer to the sign-up of a new user."""
    body = {
        "name": "Ada",
        "email": f"{uuid.uuid4().hex}@example.org",
        "password": "a word that nobody guesses",
    }
    headers = {"Origin": ORIGIN, "X-Forwarded-For": _address()}
    answer = httpx2.post(f"{address}/api/auth/sign-up/email", json=body, headers=headers, timeout=30)
    return answer.raise_for_status()


def _address() -> str:
    return str(ipaddress.IPv4Address("10.0.0.0") + next(_numbers) % 2**24)
