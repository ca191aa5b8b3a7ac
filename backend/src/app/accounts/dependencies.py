"""FastAPI dependencies that authenticate a request."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts.cookies import SessionCookies
from app.accounts.origins import is_trusted
from app.accounts.service import Accounts
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
            raise Problem(
                401, "Not signed in", "Sign in first.", "unauthorized", headers={"WWW-Authenticate": "Bearer"}
            )
        _check_origin(request)
    return user_id


CurrentUserId = Annotated[str, Depends(get_current_user_id)]


async def _bearer(request: Request, cookies: SessionCookies, accounts: Accounts) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    user_id = await accounts.user_of_session(cookies.bearer_token(request))
    return user_id or await accounts.user_of_token(token.strip())


def _check_origin(request: Request) -> None:
    """Reject a change with the user's cookie that does not come from a page of this site.

    Browsers send Origin with every change. Other programs use a bearer token, or send the header themselves.
    """
    origin = request.headers.get("origin") or request.headers.get("referer") or ""
    if request.method not in {"GET", "HEAD", "OPTIONS"} and not is_trusted(request, origin):
        detail = "A change with a cookie needs the Origin header of this site; a bearer token does not."
        raise Problem(403, "Forbidden", detail, "invalid_origin")
