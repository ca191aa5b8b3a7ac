"""The endpoints of personal access tokens. They need a session: no token can create another."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from app.accounts.access_tokens import AccessTokens, Scope
from app.accounts.dependencies import access_tokens_of, session_owner
from app.accounts.models import AccessToken
from app.instants import Instant
from app.numbers import WholeNumber
from app.ratelimits import Limit
from app.text import one_line, some_text

LONGEST_LIFETIME_DAYS = 3650
_EXAMPLE: JsonDict = {"name": "Desktop assistant", "scope": "write", "expires_in_days": 90}


class AccessTokenCreate(BaseModel):
    """A new access token. Without `expires_in_days`, it is valid until it is revoked."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: Annotated[str, BeforeValidator(one_line), Field(min_length=1, max_length=100), some_text()]
    scope: Scope = "read"
    expires_in_days: Annotated[WholeNumber, Field(ge=1, le=LONGEST_LIFETIME_DAYS)] | None = None


class AccessTokenOut(BaseModel):
    """An access token without its text. `prefix` is the beginning of the text."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    scope: Scope
    prefix: str
    created_at: Instant
    last_used_at: Instant | None
    expires_at: Instant | None


class NewAccessToken(AccessTokenOut):
    """A new access token with its text, which no other response contains."""

    token: str


class AccessTokenList(BaseModel):
    """All access tokens of the user, newest first."""

    items: list[AccessTokenOut]


async def _access_tokens(request: Request) -> AccessTokens:
    return access_tokens_of(request)


router = APIRouter(prefix="/api/access-tokens", tags=["access tokens"])
Owner = Annotated[str, session_owner("access-tokens", Limit(calls=60, window_s=60))]
AccessTokensDep = Annotated[AccessTokens, Depends(_access_tokens)]


@router.get("")
async def list_access_tokens(user_id: Owner, access_tokens: AccessTokensDep) -> AccessTokenList:
    """List your access tokens, newest first."""
    found = await access_tokens.all_of(user_id)
    return AccessTokenList(items=[_out(token) for token in found])


@router.post("", status_code=201)
async def create_access_token(
    user_id: Owner, access_tokens: AccessTokensDep, new: AccessTokenCreate
) -> NewAccessToken:
    """Create an access token for a program.

    The program sends it as `Authorization: Bearer`. It is valid for tasks and `/mcp`, not for the account.
    The response is the only one that contains the token. Returns 409 if you have too many.
    """
    lifetime = timedelta(days=new.expires_in_days) if new.expires_in_days else None
    token, text = await access_tokens.create(user_id, new.name, new.scope, lifetime)
    return NewAccessToken(**_out(token).model_dump(), token=text)


@router.delete("/{token_id}", status_code=204)
async def revoke_access_token(
    user_id: Owner, access_tokens: AccessTokensDep, token_id: Annotated[str, Path(max_length=64)]
) -> None:
    """Revoke an access token. It ends at once, on every server."""
    await access_tokens.revoke(user_id, token_id)


def _out(token: AccessToken) -> AccessTokenOut:
    return AccessTokenOut.model_validate(token)
