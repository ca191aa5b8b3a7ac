"""FastAPI dependencies that authenticate a request."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from app.accounts.cookies import SessionCookies
from app.accounts.origins import is_trusted
from app.accounts.service import Accounts
from app.database import Database, Guard
from app.dependencies import get_database, get_settings
from app.problems import Problem


def accounts_of(request: Request) -> Accounts:
    """Return the accounts with the settings of the application."""
    settings = get_settings(request)
    return Accounts(
        get_database(request),
        secret=settings.better_auth_secret.get_secret_value(),
        issuer=settings.public_url,
        shared_secret=(settings.jwt_secret or settings.better_auth_secret).get_secret_value(),
        known=request.app.state.known,
    )


async def _accounts(request: Request) -> Accounts:
    return accounts_of(request)


AccountsDep = Annotated[Accounts, Depends(_accounts)]


async def get_current_user_id(request: Request) -> str:
    """Return the id of the user of a session cookie, a bearer session token or a JSON Web Token.

    Authentication has ended its work with the database before the endpoint starts: an endpoint that streams
    or opens a transaction must not wait for it.

    Raises:
        Problem: 401 without valid credentials; 403 when another site's page uses the cookie.
    """
    accounts, cookies = accounts_of(request), SessionCookies.of(request)
    user_id = await _bearer(request, cookies, accounts)
    if user_id is None:
        user_id = await accounts.user_of_session(cookies.token(request))
        if user_id is None:
            raise _not_signed_in()
        if not _has_origin(request):
            detail = "A change with a cookie needs the Origin header of this site; a bearer token does not."
            raise Problem(403, "Forbidden", detail, "invalid_origin")
    return user_id


CurrentUserId = Annotated[str, Depends(get_current_user_id)]


class Caller(NamedTuple):
    """The user of a request, and the database as the request may use it."""

    user_id: str
    database: Database


async def get_caller(request: Request) -> Caller:
    """Return the user as `get_current_user_id` does, for operations that need few statements.

    The user of a session never changes. Once this server knows the user, the statements of the operation
    themselves require that the session is active, which saves the statement that reads it.

    Raises:
        Problem: 401 without valid credentials, also when a statement finds that the session has ended; 403
            when another site's page uses the cookie.
    """
    database, cookies = get_database(request), SessionCookies.of(request)
    has_header = "authorization" in request.headers
    token = cookies.bearer_token(request) if has_header else cookies.token(request)
    user_id = request.app.state.known.user_of(token)
    if token is None or user_id is None or not (has_header or _has_origin(request)):
        return Caller(await get_current_user_id(request), database)
    accounts = accounts_of(request)

    async def check() -> None:
        if await accounts.user_of_session(token) is None:
            raise _not_signed_in()

    return Caller(user_id, database.guarded(Guard(*accounts.activity_of(token, user_id), check)))


CallerDep = Annotated[Caller, Depends(get_caller)]


def _not_signed_in() -> Problem:
    headers = {"WWW-Authenticate": "Bearer"}
    return Problem(401, "Not signed in", "Sign in first.", "unauthorized", headers=headers)


async def _bearer(request: Request, cookies: SessionCookies, accounts: Accounts) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    user_id = await accounts.user_of_session(cookies.bearer_token(request))
    return user_id or await accounts.user_of_token(token.strip())


def _has_origin(request: Request) -> bool:
    """Return whether a request with the user's cookie comes from a page of this site, or changes nothing.

    Browsers send Origin with every change. Other programs use a bearer token, or send the header themselves.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return True
    return is_trusted(request, request.headers.get("origin") or request.headers.get("referer") or "")
