"""FastAPI dependencies that authenticate a request."""

from typing import Annotated

from fastapi import Depends, Request

from app.accounts.cookies import SessionCookies
from app.accounts.models import User
from app.accounts.origins import is_trusted
from app.accounts.service import Accounts
from app.dependencies import DatabaseDep, SettingsDep
from app.problems import Problem


def get_accounts(settings: SettingsDep, database: DatabaseDep) -> Accounts:
    return Accounts(
        database,
        secret=settings.better_auth_secret.get_secret_value(),
        issuer=settings.public_url,
        shared_secret=(settings.jwt_secret or settings.better_auth_secret).get_secret_value(),
    )


AccountsDep = Annotated[Accounts, Depends(get_accounts)]


async def get_current_user(request: Request, accounts: AccountsDep) -> User:
    """Return the user of a session cookie, a bearer session token or a JSON Web Token.

    Authentication runs in its own transaction, which ends before the endpoint starts: an endpoint that
    streams or opens its own transaction must not wait for this one.

    Raises:
        Problem: 401 without valid credentials; 403 when another site's page uses the cookie.
    """
    user = await _bearer(request, accounts)
    if user is None:
        signed_in = await accounts.find(SessionCookies.of(request).token(request))
        if signed_in is None:
            raise Problem(
                401, "Not signed in", "Sign in first.", "unauthorized", headers={"WWW-Authenticate": "Bearer"}
            )
        _check_origin(request)
        user = signed_in.user
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def _bearer(request: Request, accounts: Accounts) -> User | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    signed_in = await accounts.find(SessionCookies.of(request).bearer_token(request))
    return signed_in.user if signed_in else await accounts.find_by_token(token.strip())


def _check_origin(request: Request) -> None:
    """Reject a change that another site's page requests with the user's cookie.

    Requests with cookies but without an Origin header are allowed: browsers always send Origin with a
    change, so these come from other programs.
    """
    origin = request.headers.get("origin")
    if request.method not in {"GET", "HEAD", "OPTIONS"} and origin and not is_trusted(request, origin):
        raise Problem(403, "Forbidden", "The request comes from a page of another site.", "invalid_origin")
