"""Who is asking, as FastAPI dependencies."""

from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import select

from app.accounts.models import Session, User
from app.accounts.signatures import unsign
from app.database import DatabaseDep, utc_now
from app.problems import Problem
from app.settings import Settings


async def get_current_user(request: Request, database: DatabaseDep) -> User:
    """Return the person a session cookie or bearer token names.

    It has a transaction of its own, finished before the endpoint begins: an endpoint that streams
    or opens its own transaction must not wait for this one.

    Raises:
        Problem: 401 without a valid session.
    """
    settings = cast("Settings", request.app.state.settings)
    cookie = request.cookies.get("better-auth.session_token") or request.cookies.get(
        "__Secure-better-auth.session_token"
    )
    token = unsign(cookie, settings.better_auth_secret.get_secret_value()) if cookie else None
    if token:
        async with database.transaction(read_only=True) as session:
            user = await session.scalar(
                select(User)
                .join(Session, Session.user_id == User.id)
                .where(Session.token == token, Session.expires_at > utc_now())
            )
        if user is not None:
            return user
    raise Problem(
        401, "Not signed in", "Sign in first.", "unauthorized", headers={"WWW-Authenticate": "Bearer"}
    )


CurrentUser = Annotated[User, Depends(get_current_user)]
