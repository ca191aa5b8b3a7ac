"""FastAPI dependencies that authenticate a request."""

from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request

from app.accounts.access_tokens import PREFIX, AccessTokens, Grant
from app.accounts.cookies import SessionCookies
from app.accounts.origins import is_trusted
from app.accounts.service import Accounts
from app.database import Database, Guard
from app.dependencies import get_database, get_settings
from app.errors import TooManyRequestsError
from app.problems import Problem
from app.ratelimits import Limit


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


def access_tokens_of(request: Request) -> AccessTokens:
    """Return the access tokens of the application."""
    return AccessTokens(get_database(request), request.app.state.rate_limiter)


async def get_current_user_id(request: Request) -> str:
    """Return the id of the user of a session cookie, a bearer session token or a JSON Web Token.

    Authentication has ended its work with the database before the endpoint starts: an endpoint that streams
    or opens a transaction must not wait for it.

    Raises:
        Problem: 401 without valid credentials; 403 with an access token, or when another site's page uses
            the cookie.
    """
    accounts, token = accounts_of(request), _bearer_token(request)
    if token is not None and not token.startswith(PREFIX):
        session_token = SessionCookies.of(request).bearer_token(request)
        user_id = await accounts.user_of_session(session_token) or await accounts.user_of_token(token)
        if user_id is not None:
            return user_id
    return await get_session_user_id(request)


async def get_session_user_id(request: Request) -> str:
    """Return the id of the user of a session, for operations that no token given to a program may run.

    Raises:
        Problem: 401 without a session; 403 with an access token, or when another site's page uses the cookie.
    """
    cookies = SessionCookies.of(request)
    if (_bearer_token(request) or "").startswith(PREFIX):
        detail = "An access token is valid for tasks and /mcp only. Sign in for this operation."
        raise Problem(403, "Access token refused", detail, "access_token_refused")
    user_id = await accounts_of(request).user_of_session(cookies.token(request))
    if user_id is None:
        raise token_refused() if _bearer_token(request) else not_signed_in()
    if cookies.bearer_token(request) is None and not _has_origin(request):
        detail = "A change with a cookie needs the Origin header of this site; a bearer token does not."
        raise Problem(403, "Forbidden", detail, "invalid_origin")
    return user_id


CurrentUserId = Annotated[str, Depends(get_current_user_id)]


def session_owner(purpose: str, limit: Limit) -> Any:
    """Return a dependency: the user of a session, whose requests for a purpose are limited.

    It is for operations on credentials: no program may use a token to create another one.
    """

    async def owner(request: Request) -> str:
        user_id = await get_session_user_id(request)
        seconds = await request.app.state.rate_limiter.retry_after(f"{user_id}|{purpose}", limit)
        if seconds is not None:
            raise TooManyRequestsError(retry_after_seconds=seconds)
        return user_id

    return Depends(owner)


class Caller(NamedTuple):
    """The user of a request, and the database as the request may use it."""

    user_id: str
    database: Database


async def get_caller(request: Request) -> Caller:
    """Return the user as `get_current_user_id` does, or of an access token, for a few statements.

    The user of a session never changes. Once this server knows the user, the statements of the operation
    themselves require that the session is active, which saves the statement that reads it.

    Raises:
        Problem: 401 without valid credentials, also when a statement finds that the session has ended; 403
            when another site's page uses the cookie, or a read-only token would change something.
    """
    database, cookies = get_database(request), SessionCookies.of(request)
    grant = await access_token_grant(request)
    if grant is not None:
        if grant.scope != "write" and request.method not in {"GET", "HEAD"}:
            raise read_only()
        return Caller(grant.user_id, database)
    has_header = "authorization" in request.headers
    token = cookies.bearer_token(request) if has_header else cookies.token(request)
    user_id = request.app.state.known.user_of(token)
    if token is None or user_id is None or not (has_header or _has_origin(request)):
        return Caller(await get_current_user_id(request), database)
    accounts = accounts_of(request)

    async def check() -> None:
        if await accounts.user_of_session(token) is None:
            raise not_signed_in()

    return Caller(user_id, database.guarded(Guard(*accounts.activity_of(token, user_id), check)))


CallerDep = Annotated[Caller, Depends(get_caller)]


async def access_token_grant(request: Request) -> Grant | None:
    """Return what the access token of a request permits; None for a request with other credentials or none.

    Raises:
        Problem: 401 when the token is invalid.
        TooManyRequestsError: when the token exceeds its rate limit.
    """
    token = _bearer_token(request)
    if token is None or not token.startswith(PREFIX):
        return None
    grant = await access_tokens_of(request).use(token)
    if grant is None:
        raise token_refused()
    return grant


async def get_reader(request: Request) -> str:
    """Return the user as `get_caller` does, for an operation that changes nothing, whatever its method."""
    grant = await access_token_grant(request)
    return grant.user_id if grant is not None else await get_current_user_id(request)


ReaderId = Annotated[str, Depends(get_reader)]


def not_signed_in(detail: str = "Sign in first.", *, error: str | None = None) -> Problem:
    """Return the problem for a request without valid credentials (RFC 6750)."""
    challenge = "Bearer" if error is None else f'Bearer error="{error}"'
    return Problem(401, "Not signed in", detail, "unauthorized", headers={"WWW-Authenticate": challenge})


def token_refused() -> Problem:
    """Return the problem for a request with an invalid bearer token (RFC 6750)."""
    return not_signed_in("The access token is unknown, revoked or expired.", error="invalid_token")


def read_only() -> Problem:
    """Return the problem for a change with a read-only access token (RFC 6750)."""
    challenge = 'Bearer error="insufficient_scope", scope="write"'
    detail = "This access token can only read. Create one that can also write."
    return Problem(
        403, "Read-only access token", detail, "read_only_token", headers={"WWW-Authenticate": challenge}
    )


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _has_origin(request: Request) -> bool:
    """Return whether a request with the user's cookie comes from a page of this site, or changes nothing.

    Browsers send Origin with every change. Other programs use a bearer token, or send the header themselves.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return True
    return is_trusted(request, request.headers.get("origin") or request.headers.get("referer") or "")
