"""A conversation with an authentication server, and the recorded responses of a Better Auth server.

`recorded.json` contains the responses of Better Auth 1.7.7, run from `better_auth_server.mjs`. To record
them again, start the server in a directory with the npm package better-auth:

    NODE_ENV=production node better_auth_server.mjs 41001

Then run this in the repository:

    python -m backend.tests.accounts.conversation http://127.0.0.1:41001
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx2

RECORDED = Path(__file__).with_name("recorded.json")
ORIGIN = "http://localhost:3000"
PASSWORD = "correct horse battery"
HEADERS = (
    "access-control-expose-headers",
    "content-type",
    "location",
    "pragma",
    "set-auth-jwt",
    "set-auth-token",
    "x-retry-after",
)


@dataclass(frozen=True)
class Step:
    """One request.

    Attributes:
        name: the description of the request, and the key of its recorded response.
        call: the method and the path below /api/auth.
        body: sent as JSON, unless it is bytes. In strings, "{ada}" becomes the session token of browser
            "ada".
        browser: the browser whose cookies are sent and updated; none if empty.
        headers: additional headers; None removes a default header.
    """

    name: str
    call: str
    body: Any = None
    browser: str = ""
    headers: dict[str, str | None] = field(default_factory=dict)


def person(name: str) -> dict[str, str]:
    """Return the body of a sign-up."""
    return {"name": name.title(), "email": f"{name}@example.org", "password": PASSWORD}


def credentials(name: str) -> dict[str, str]:
    """Return the body of a sign-in."""
    return {"email": f"{name}@example.org", "password": PASSWORD}


def without(mapping: dict[str, str], key: str) -> dict[str, str]:
    """Return a copy without one key."""
    return {name: value for name, value in mapping.items() if name != key}


ADA, BOB = person("ada"), person("bob")
SIGN_UP, SIGN_IN = "POST /sign-up/email", "POST /sign-in/email"
REQUEST_RESET, RESET = "POST /request-password-reset", "POST /reset-password"
EVIL = "https://evil.example"

STEPS = (
    Step("sign up", SIGN_UP, ADA, "ada"),
    Step("sign up, not to be remembered", SIGN_UP, BOB | {"rememberMe": False}, "bob"),
    Step("sign up with an image", SIGN_UP, person("cyd") | {"image": "https://example.org/c.png"}, "cyd"),
    Step("sign up with unknown fields", SIGN_UP, person("dan") | {"role": "admin", "emailVerified": True}),
    Step(
        "sign up as a form",
        SIGN_UP,
        b"name=Eve&email=eve%40example.org&password=correct+horse",
        headers={"content-type": "application/x-www-form-urlencoded"},
    ),
    Step("sign up with an address that is taken", SIGN_UP, ADA),
    Step("sign up with a taken address in capitals", SIGN_UP, ADA | {"email": "ADA@Example.ORG"}),
    Step("sign up with a word as address", SIGN_UP, ADA | {"email": "nonsense"}),
    Step("sign up with a host without a dot", SIGN_UP, ADA | {"email": "a@b"}),
    Step("sign up with an umlaut in the address", SIGN_UP, ADA | {"email": "jürgen@example.org"}),
    Step("sign up with a number as address", SIGN_UP, ADA | {"email": 5}),
    Step("sign up without an address", SIGN_UP, without(ADA, "email")),
    Step("sign up without a name", SIGN_UP, without(ADA, "name")),
    Step("sign up without a password", SIGN_UP, without(ADA, "password")),
    Step("sign up with a list as name", SIGN_UP, ADA | {"name": []}),
    Step("sign up with null as name", SIGN_UP, ADA | {"name": None}),
    Step("sign up with an empty password", SIGN_UP, person("fay") | {"password": ""}),
    Step("sign up with a short password", SIGN_UP, person("fay") | {"password": "1234567"}),
    Step("sign up with a long password", SIGN_UP, person("fay") | {"password": "x" * 129}),
    Step("sign up with a number as password", SIGN_UP, person("fay") | {"password": 12345678}),
    Step("sign up with null as image", SIGN_UP, person("fay") | {"image": None}),
    Step("sign up with a word as rememberMe", SIGN_UP, person("fay") | {"rememberMe": "no"}),
    Step("sign up with nothing", SIGN_UP, {}),
    Step("sign up with a list", SIGN_UP, []),
    Step("sign up with null", SIGN_UP, b"null"),
    Step("sign up with a string", SIGN_UP, b'"text"'),
    Step("sign up with half an object", SIGN_UP, b'{"name": "x"'),
    Step("sign up with an empty body", SIGN_UP, b""),
    Step("sign up as text", SIGN_UP, b"{}", headers={"content-type": "text/plain"}),
    Step("sign up as nothing known", SIGN_UP, b"{}", headers={"content-type": None}),
    Step("sign up by GET", "GET /sign-up/email"),
    Step("sign up and go elsewhere", SIGN_UP, person("fay") | {"callbackURL": EVIL}),
    Step("sign in", SIGN_IN, credentials("ada"), "ada, again"),
    Step("sign in with capitals", SIGN_IN, credentials("ada") | {"email": "Ada@EXAMPLE.org"}),
    Step(
        "sign in, not to be remembered", SIGN_IN, credentials("ada") | {"rememberMe": False}, "ada, briefly"
    ),
    Step("sign in and go on", SIGN_IN, credentials("ada") | {"callbackURL": "/tasks"}),
    Step("sign in with a wrong password", SIGN_IN, credentials("ada") | {"password": "wrong horse"}),
    Step("sign in as nobody", SIGN_IN, credentials("nobody")),
    Step("sign in with a word as address", SIGN_IN, credentials("ada") | {"email": "nonsense"}),
    Step("sign in without an address", SIGN_IN, {"password": PASSWORD}),
    Step("sign in without a password", SIGN_IN, {"email": "ada@example.org"}),
    Step("sign in with an empty password", SIGN_IN, credentials("ada") | {"password": ""}),
    Step("sign in with a long password", SIGN_IN, credentials("ada") | {"password": "x" * 129}),
    Step("sign in with nothing", SIGN_IN, {}),
    Step("session of nobody", "GET /get-session"),
    Step("session", "GET /get-session", browser="ada"),
    Step("session, not to be remembered", "GET /get-session", browser="bob"),
    Step("session past the cookie cache", "GET /get-session?disableCookieCache=true", browser="ada"),
    Step("session by POST", "POST /get-session", {}, "ada"),
    Step(
        "session of a cookie that is not signed",
        "GET /get-session",
        headers={"cookie": "better-auth.session_token={ada}"},
    ),
    Step(
        "session of a cookie signed by another",
        "GET /get-session",
        headers={"cookie": "better-auth.session_token={ada}.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"},
    ),
    Step("session of a bearer", "GET /get-session", headers={"authorization": "Bearer {ada.signed}"}),
    Step(
        "session of a bearer, encoded", "GET /get-session", headers={"authorization": "bearer {ada.cookie}"}
    ),
    Step(
        "session of a bearer without signature", "GET /get-session", headers={"authorization": "Bearer {ada}"}
    ),
    Step(
        "session of a bearer signed by another",
        "GET /get-session",
        headers={"authorization": "Bearer {ada}.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    ),
    Step("token", "GET /token", browser="ada"),
    Step("token of nobody", "GET /token"),
    Step("keys", "GET /jwks"),
    Step("update the name", "POST /update-user", {"name": "Ada L."}, "ada"),
    Step("update the image", "POST /update-user", {"image": "https://example.org/a.png"}, "ada"),
    Step("update when not to be remembered", "POST /update-user", {"name": "Bobby"}, "bob"),
    Step("session after the update", "GET /get-session", browser="ada"),
    Step("update the image to null", "POST /update-user", {"image": None}, "ada"),
    Step("update the address", "POST /update-user", {"email": "new@example.org"}, "ada"),
    Step("update nothing", "POST /update-user", {}, "ada"),
    Step("update what is unknown", "POST /update-user", {"role": "admin"}, "ada"),
    Step("update with a list", "POST /update-user", [], "ada"),
    Step("update nobody", "POST /update-user", {"name": "Nobody"}),
    Step("sessions of nobody", "GET /list-sessions"),
    Step("sessions", "GET /list-sessions", browser="bob"),
    Step("revoke what is unknown", "POST /revoke-session", {"token": "unknown"}, "bob"),
    Step("revoke somebody else's", "POST /revoke-session", {"token": "{ada}"}, "bob"),
    Step("session that somebody else revoked", "GET /get-session", browser="ada"),
    Step("revoke without a token", "POST /revoke-session", {}, "bob"),
    Step("revoke as nobody", "POST /revoke-session", {"token": "{ada}"}),
    Step("revoke one", "POST /revoke-session", {"token": "{ada, again}"}, "ada"),
    Step("update in a session that is revoked", "POST /update-user", {"name": "A"}, "ada, again"),
    Step("session that is revoked and forgotten", "GET /get-session", browser="ada, again"),
    Step(
        "change the password of nobody",
        "POST /change-password",
        {"currentPassword": PASSWORD, "newPassword": "new password"},
    ),
    Step(
        "change the password to a short one",
        "POST /change-password",
        {"currentPassword": PASSWORD, "newPassword": "short"},
        "ada",
    ),
    Step(
        "change the password to a long one",
        "POST /change-password",
        {"currentPassword": PASSWORD, "newPassword": "x" * 129},
        "ada",
    ),
    Step(
        "change the password by a wrong one",
        "POST /change-password",
        {"currentPassword": "wrong horse", "newPassword": "new password"},
        "ada",
    ),
    Step("change the password without one", "POST /change-password", {}, "ada"),
    Step(
        "change the password",
        "POST /change-password",
        {"currentPassword": PASSWORD, "newPassword": "new password"},
        "ada",
    ),
    Step("sign in with the old password", SIGN_IN, credentials("ada")),
    Step(
        "sign in with the new password",
        SIGN_IN,
        credentials("ada") | {"password": "new password"},
        "ada, again",
    ),
    Step(
        "change the password and sign out elsewhere",
        "POST /change-password",
        {"currentPassword": "new password", "newPassword": PASSWORD, "revokeOtherSessions": True},
        "ada",
    ),
    Step("session that was ended elsewhere", "GET /get-session", browser="ada, again"),
    Step("session here", "GET /get-session", browser="ada"),
    Step("sign in again", SIGN_IN, credentials("ada"), "ada, again"),
    Step("revoke the others", "POST /revoke-other-sessions", {}, "ada"),
    Step("session of the others", "GET /get-session", browser="ada, again"),
    Step("session of the one", "GET /get-session", browser="ada"),
    Step("revoke all", "POST /revoke-sessions", {}, "ada"),
    Step("session after revoking all", "GET /get-session", browser="ada"),
    Step("revoke all of nobody", "POST /revoke-sessions", {}),
    Step("cookie without an origin", "POST /update-user", {"name": "B"}, "bob", {"origin": None}),
    Step("cookie from elsewhere", "POST /update-user", {"name": "B"}, "bob", {"origin": EVIL}),
    Step("cookie from null", "POST /update-user", {"name": "B"}, "bob", {"origin": "null"}),
    Step("cookie from another port", "POST /update-user", {"name": "B"}, "bob", {"origin": f"{ORIGIN}1"}),
    Step(
        "cookie with a referer",
        "POST /update-user",
        {"name": "B"},
        "bob",
        {"origin": None, "referer": f"{ORIGIN}/tasks?x=1"},
    ),
    Step(
        "cookie with a referer from elsewhere",
        "POST /update-user",
        {"name": "B"},
        "bob",
        {"origin": None, "referer": f"{EVIL}/{ORIGIN}"},
    ),
    Step("sign in from elsewhere", SIGN_IN, credentials("bob"), headers={"origin": EVIL}),
    Step("sign in without an origin", SIGN_IN, credentials("bob"), headers={"origin": None}),
    Step(
        "sign in by a form elsewhere",
        SIGN_IN,
        credentials("bob"),
        headers={"origin": EVIL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ),
    Step(
        "sign in by fetch without an origin",
        SIGN_IN,
        credentials("bob"),
        headers={"origin": None, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
    ),
    Step("session from elsewhere", "GET /get-session", browser="bob", headers={"origin": EVIL}),
    Step("reset", REQUEST_RESET, {"email": "bob@example.org", "redirectTo": "/reset-password"}),
    Step("reset as nobody", REQUEST_RESET, {"email": "nobody@example.org", "redirectTo": "/reset-password"}),
    Step("reset without an address", REQUEST_RESET, {}),
    Step("reset with a word as address", REQUEST_RESET, {"email": "nonsense"}),
    Step("reset and go elsewhere", REQUEST_RESET, {"email": "bob@example.org", "redirectTo": EVIL}),
    Step("new password by a wrong token", RESET, {"newPassword": PASSWORD, "token": "wrong"}),
    Step("new password without a token", RESET, {"newPassword": PASSWORD}),
    Step("new password by a token in the query", f"{RESET}?token=wrong", {"newPassword": PASSWORD}),
    Step("new password that is short", RESET, {"newPassword": "1234567", "token": "wrong"}),
    Step("new password that is long", RESET, {"newPassword": "x" * 129, "token": "wrong"}),
    Step("no new password", RESET, {"token": "wrong"}),
    Step("reset link by a wrong token", "GET /reset-password/wrong?callbackURL=/reset-password"),
    Step("reset link with a query", "GET /reset-password/wrong?callbackURL=%2Freset-password%3Fx%3D1"),
    Step("reset link to elsewhere", f"GET /reset-password/wrong?callbackURL={EVIL}"),
    Step("reset link to nowhere", "GET /reset-password/wrong"),
    Step("delete nobody", "POST /delete-user", {}),
    Step("delete by a wrong password", "POST /delete-user", {"password": "wrong horse"}, "bob"),
    Step("delete by a number", "POST /delete-user", {"password": 5}, "bob"),
    Step("delete by a password", "POST /delete-user", {"password": PASSWORD}, "bob"),
    Step("session of the deleted", "GET /get-session", browser="bob"),
    Step("sign in as the deleted", SIGN_IN, credentials("bob")),
    Step("delete freshly", "POST /delete-user", {}, "cyd"),
    Step("sign in to leave", SIGN_IN, credentials("ada") | {"rememberMe": False}, "ada"),
    Step("sign out", "POST /sign-out", {}, "ada"),
    Step("session after signing out", "GET /get-session", browser="ada"),
    Step("sign out as nobody", "POST /sign-out", {}),
    Step("sign out without a body", "POST /sign-out", b"", headers={"content-type": None}),
    Step("unknown path", "GET /unknown"),
    Step("unknown path by POST", "POST /unknown", {}),
    Step("path with a slash too many", "GET /get-session/"),
    Step("path by another method", "DELETE /get-session"),
    Step("ok", "GET /ok"),
)


def answers(client: httpx2.Client) -> Iterator[tuple[Step, dict[str, Any]]]:
    """Run the conversation; yield each step with its response, with names in place of random values."""
    jars: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for step in STEPS:
        jar = jars.setdefault(step.browser, {}) if step.browser else {}
        response = client.send(_request(client, step, jar, names))
        client.cookies.clear()
        for header in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                jar[name] = morsel.value
                if morsel["max-age"] == "0":
                    del jar[name]
        if step.browser and (token := jar.get("better-auth.session_token")):
            signed = httpx2.URL(f"http://x/?v={token}").params["v"].replace(" ", "+")
            names |= {step.browser: signed.split(".")[0], f"{step.browser}.signed": signed}
            names[f"{step.browser}.cookie"] = token
        yield step, _answer(response)


def _request(client: httpx2.Client, step: Step, jar: dict[str, str], names: dict[str, str]) -> httpx2.Request:
    method, path = step.call.split(" ")
    content = step.body
    if content is not None and not isinstance(content, bytes):
        content = _fill(json.dumps(content), names).encode()
    headers: dict[str, str | None] = {"origin": ORIGIN, "user-agent": "conversation"}
    if content is not None:
        headers["content-type"] = "application/json"
    if jar:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    headers |= step.headers
    filled = {name: _fill(value, names) for name, value in headers.items() if value is not None}
    return client.build_request(method, f"/api/auth{path}", content=content, headers=filled)


def _fill(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _answer(response: httpx2.Response) -> dict[str, Any]:
    try:
        body = response.json() if response.content else ""
    except ValueError:
        body = response.text
    return {
        "status": response.status_code,
        "headers": {name: _named(response.headers[name]) for name in HEADERS if name in response.headers},
        "cookies": [_named(cookie) for cookie in response.headers.get_list("set-cookie")],
        "body": _named(body),
    }


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "<address>" if key == "ipAddress" else _named(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item) for item in value]
    if isinstance(value, str):
        for pattern, name in (
            (r"^[\w-]{43}$", "<key>"),
            (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "<jwt>"),
            (r"\b[a-zA-Z0-9]{32}\.[\w%+/]+={0,2}", "<signed>"),
            (r"=true\.[\w%+/]+={0,2}", "=<signed true>"),
            (r"\b[a-zA-Z0-9]{32}\b", "<id>"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<date>"),
        ):
            value = re.sub(pattern, name, value, flags=re.ASCII)
    return value


if __name__ == "__main__":
    with httpx2.Client(base_url=sys.argv[1]) as client:
        recorded = {step.name: answer for step, answer in answers(client)}
    RECORDED.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
