"""The endpoints of Web Push. They need a session: a subscription ends with it."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.accounts.cookies import SessionCookies
from app.accounts.dependencies import not_signed_in, session_owner
from app.dependencies import DatabaseDep, SettingsDep
from app.push import service
from app.push.addresses import is_public
from app.push.encryption import AUTH_BYTES, CURVE, from_base64url
from app.push.keys import server_key
from app.push.models import ENDPOINT_LENGTH
from app.push.sender import ReminderSender
from app.ratelimits import Limit

_owner = session_owner("push", Limit(calls=60, window_s=60))
# The session itself is what these operations work on, so no endpoint needs its user.
router = APIRouter(prefix="/api/push", tags=["push"], dependencies=[_owner])
_KEY = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    host = parts.hostname or ""
    # Accessing the port validates it.
    if (
        not re.fullmatch(r"https://[!-~]+", value)
        or parts.username is not None
        or parts.port not in {None, 443}
    ):
        raise ValueError("must be an https:// URL without a port")
    if not _may_be_public(host):
        raise ValueError("must be the address of a push service on the internet")
    return value


def _may_be_public(host: str) -> bool:
    """Return whether a host is a public address or a name with a domain, whose addresses decide later."""
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        return "." in host.strip(".") and not host.rstrip(".").endswith((".localhost", ".local", ".internal"))


def _point(value: str) -> str:
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, _bytes(value, 65))
    return value


def _secret(value: str) -> str:
    _bytes(value, AUTH_BYTES)
    return value


def _bytes(value: str, length: int) -> bytes:
    data = from_base64url(value)
    if len(data) != length:
        raise ValueError(f"must be {length} bytes in base64url")
    return data


class PushKeyOut(BaseModel):
    """The key for `applicationServerKey` of `PushManager.subscribe`: a point of P-256 in base64url."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"public_key": _KEY}]})

    public_key: str


class PushKeys(BaseModel):
    """The keys that encrypt messages for a browser, in base64url."""

    model_config = ConfigDict(extra="forbid")

    p256dh: Annotated[str, Field(max_length=88), AfterValidator(_point)]
    auth: Annotated[str, Field(max_length=24), AfterValidator(_secret)]


class PushSubscriptionIn(BaseModel):
    """A subscription, as `PushSubscription.toJSON` returns it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "https://push.example.net/send/8fJ2Yp0WZk",
                    "keys": {"p256dh": _KEY, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
                }
            ]
        },
    )

    endpoint: Annotated[str, Field(max_length=ENDPOINT_LENGTH), AfterValidator(_endpoint)]
    keys: PushKeys


@router.get("/key")
async def read_push_key(database: DatabaseDep, settings: SettingsDep) -> PushKeyOut:
    """Read the key with which a browser subscribes to reminders. It is the same on every server."""
    key = await server_key(database, settings.better_auth_secret.get_secret_value())
    return PushKeyOut(public_key=key.public)


@router.put("/subscription", status_code=204)
async def subscribe(request: Request, database: DatabaseDep, new: PushSubscriptionIn) -> None:
    """Send the reminders of your tasks to this browser, until its session ends.

    It replaces an earlier subscription of the session. A user has at most 20; a further one replaces the
    oldest.
    """
    browser = service.Browser(new.endpoint, new.keys.p256dh, new.keys.auth)
    if not await service.subscribe(database, _token(request), browser):
        raise not_signed_in()
    sender: ReminderSender = request.app.state.reminders
    sender.look()


@router.delete("/subscription", status_code=204)
async def unsubscribe(request: Request, database: DatabaseDep) -> None:
    """Send no more reminders to this browser. Has no effect without a subscription."""
    await service.unsubscribe(database, _token(request))


def _token(request: Request) -> str:
    return SessionCookies.of(request).token(request) or ""
