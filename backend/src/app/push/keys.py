"""The application's key for Web Push: made by the first server that needs it, shared by all of them."""

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import delete, select

from app.accounts import tokens
from app.database import Database, Statement, again_after_conflict
from app.push.encryption import CURVE, ServerKey, point, to_base64url
from app.push.models import PushKey, PushSubscription

_ONLY = 1
_STORED = Statement(select(PushKey.private_key).where(PushKey.id == _ONLY))


async def stored_key(database: Database, secret: str) -> ServerKey | None:
    """Return the key; None before there is one, and for one that was encrypted with another secret."""
    rows = await database.fetch(_STORED)
    return _decrypted(rows[0]["private_key"], secret) if rows else None


async def server_key(database: Database, secret: str) -> ServerKey:
    """Return the key, and create it if there is none.

    A key of another secret is replaced, and its subscriptions are deleted: push services accept messages for
    them only with the key that they were made with.
    """
    if key := await stored_key(database, secret):
        return key

    async def attempt() -> ServerKey:
        async with database.transaction() as session:
            row = await session.get(PushKey, _ONLY, with_for_update=True)
            if row and (key := _decrypted(row.private_key, secret)):
                return key
            private = ec.generate_private_key(CURVE)
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            key = ServerKey(to_base64url(point(private.public_key())), private)
            values = {"public_key": key.public, "private_key": tokens.encrypt(pem, secret)}
            if row is None:
                session.add(PushKey(id=_ONLY, **values))
            else:
                row.public_key, row.private_key = values["public_key"], values["private_key"]
                await session.execute(delete(PushSubscription))
        return key

    # Another server may create it at the same time.
    return await again_after_conflict(attempt)


@lru_cache(maxsize=4)
def _decrypted(encrypted: str, secret: str) -> ServerKey | None:
    try:
        private = load_pem_private_key(tokens.decrypt(encrypted, secret).encode(), None)
    except (InvalidTag, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    return ServerKey(to_base64url(point(private.public_key())), private)
