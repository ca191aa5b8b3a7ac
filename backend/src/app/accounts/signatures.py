"""Signed values, Better Auth's format of session tokens in cookies and headers."""

import base64
import hashlib
import hmac
from urllib.parse import unquote


def sign(value: str, secret: str) -> str:
    """Return the value, a dot and the base64 of its HMAC-SHA256."""
    digest = hmac.digest(secret.encode(), value.encode(), hashlib.sha256)
    return f"{value}.{base64.b64encode(digest).decode()}"


def unsign(signed: str, secret: str) -> str | None:
    """Return the value of a signed text, percent-encoded or not; None unless the signature is valid."""
    signed = unquote(signed)
    value, dot, _ = signed.rpartition(".")
    if not dot or not signed.isascii():
        return None
    return value if hmac.compare_digest(sign(value, secret).encode(), signed.encode()) else None
