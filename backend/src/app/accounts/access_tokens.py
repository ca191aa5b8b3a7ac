"""Personal access tokens: what a program presents instead of a person's session.

A token has 190 random bits, so that a fast hash protects it. Every use reads it from the database, so that a
revocation takes effect at once on every server.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import structlog
from sqlalchemy import bindparam, delete, func, or_, select, update

from app.accounts.models import AccessToken, User
from app.database import Call, Database, Statement, new_id, utc_now
from app.errors import RefusalError, TooManyRequestsError
from app.ratelimits import Limit, RateLimiter

PREFIX = "todo_pat_"
"""Every token begins with it, so that scanners for secrets recognise one."""
SHOWN_CHARACTERS = len(PREFIX) + 4
PER_USER = 50
LIMIT = Limit(calls=600, window_s=60, block=10)
"""The requests of one token, on all servers together."""
USED_EVERY = timedelta(minutes=1)
"""The precision of the last use, which would otherwise cost a write for each request."""

Scope = Literal["read", "write"]
"""`write` includes `read`."""


class TooManyAccessTokensError(RefusalError):
    """The user has the maximum number of tokens."""

    status = 409
    title = "Too many access tokens"
    code = "too_many_access_tokens"
    detail = f"You have {PER_USER} access tokens, the maximum. Revoke one first."


class AccessTokenNotFoundError(RefusalError):
    """The user has no token with this id."""

    status = 404
    title = "Access token not found"
    code = "access_token_not_found"
    detail = "You have no access token with this id."


@dataclass(frozen=True)
class Grant:
    """Permission of a valid token: the user whose tasks it opens, and its scope."""

    user_id: str
    scope: str


_TOKEN = Statement(
    select(
        AccessToken.id.label("id"),
        AccessToken.user_id.label("user_id"),
        AccessToken.scope.label("scope"),
        AccessToken.last_used_at.label("last_used_at"),
    ).where(
        AccessToken.hash == bindparam("hash"),
        or_(AccessToken.expires_at.is_(None), AccessToken.expires_at > bindparam("now")),
    )
)
_USE = Statement(
    update(AccessToken)
    .where(AccessToken.id == bindparam("token_id"))
    .values(last_used_at=bindparam("now"))
    .returning(AccessToken.id)
)


class AccessTokens:
    """Creates, lists, revokes and verifies access tokens.

    Args:
        database: stores the tokens.
        limiter: counts the requests of each token.
    """

    def __init__(self, database: Database, limiter: RateLimiter) -> None:
        self._database = database
        self._limiter = limiter

    async def create(
        self, user_id: str, name: str, scope: Scope, lifetime: timedelta | None
    ) -> tuple[AccessToken, str]:
        """Create a token. Its text is returned here and never again.

        Raises:
            TooManyAccessTokensError: when the user has the maximum number.
        """
        text, now = PREFIX + new_id(), utc_now()
        token = AccessToken(
            id=new_id(),
            user_id=user_id,
            name=name,
            scope=scope,
            prefix=text[:SHOWN_CHARACTERS],
            hash=_hash(text),
            created_at=now,
            last_used_at=None,
            expires_at=now + lifetime if lifetime else None,
        )
        async with self._database.transaction() as transaction:
            # Concurrent requests of one user count one after another.
            await transaction.execute(select(User.id).where(User.id == user_id).with_for_update())
            count = await transaction.scalar(
                select(func.count()).select_from(AccessToken).where(AccessToken.user_id == user_id)
            )
            if (count or 0) >= PER_USER:
                raise TooManyAccessTokensError
            transaction.add(token)
        return token, text

    async def all_of(self, user_id: str) -> list[AccessToken]:
        """Return a user's tokens, newest first."""
        async with self._database.transaction(read_only=True) as transaction:
            found = await transaction.scalars(
                select(AccessToken)
                .where(AccessToken.user_id == user_id)
                .order_by(AccessToken.created_at.desc(), AccessToken.id)
            )
            return list(found)

    async def revoke(self, user_id: str, token_id: str) -> None:
        """Delete a token, which ends it at once.

        Raises:
            AccessTokenNotFoundError: when the user has no such token.
        """
        async with self._database.transaction() as transaction:
            revoked = await transaction.scalar(
                delete(AccessToken)
                .where(AccessToken.user_id == user_id, AccessToken.id == token_id)
                .returning(AccessToken.id)
            )
        if revoked is None:
            raise AccessTokenNotFoundError

    async def use(self, text: str) -> Grant | None:
        """Return what a token permits; None when it is unknown, revoked or expired.

        Raises:
            TooManyRequestsError: when the token exceeds its rate limit.
        """
        now = utc_now()
        rows = await self._database.fetch(_TOKEN, {"hash": _hash(text), "now": now})
        if not rows:
            return None
        [row] = rows
        structlog.contextvars.bind_contextvars(user_id=row["user_id"], access_token=row["id"])
        seconds = await self._limiter.retry_after(f"{row['id']}|access-token", LIMIT)
        if seconds is not None:
            raise TooManyRequestsError(retry_after_seconds=seconds)
        if row["last_used_at"] is None or row["last_used_at"] <= now - USED_EVERY:
            await self._database.execute(Call(_USE, {"token_id": row["id"], "now": now}))
        return Grant(row["user_id"], row["scope"])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
