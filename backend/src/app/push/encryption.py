"""Messages that only a browser can read (RFC 8291), from a server that it knows (RFC 8292).

On `cryptography` and PyJWT, which are here for accounts. The libraries for Web Push bring an HTTP client, a
DNS library or the forms of old drafts; what is needed of them is this module, which a test compares with
the example of RFC 8291.
"""

import base64
import os
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
AUTH_BYTES = 16
RECORD_BYTES = 4096
"""The size of a record, of which a message has one. Push services accept no larger messages."""
_TOKEN_LIFETIME = timedelta(hours=12)
_LAST_RECORD = b"\x02"


class ServerKey(NamedTuple):
    """The application's key pair; the public key as browsers expect it."""

    public: str
    private: ec.EllipticCurvePrivateKey


def encrypt(
    message: bytes,
    browser: bytes,
    auth: bytes,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt a message for a browser, as content with the encoding `aes128gcm` (RFC 8188).

    Args:
        message: at most 3,993 bytes.
        browser: the browser's public key (`p256dh`), an uncompressed point.
        auth: the browser's secret (`auth`), of 16 bytes.
        key: the key for this message alone; a new one, except in tests.
        salt: 16 bytes; random, except in tests.

    Raises:
        ValueError: when the browser's key is not a point of P-256.
    """
    key, salt = key or ec.generate_private_key(CURVE), salt or os.urandom(16)
    sender = point(key.public_key())
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, browser))
    secret = _derived(shared, auth, b"WebPush: info\0" + browser + sender, 32)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + struct.pack("!LB", RECORD_BYTES, len(sender)) + sender
    return header + AESGCM(content_key).encrypt(nonce, message + _LAST_RECORD, None)


def authorization(endpoint: str, contact: str, key: ServerKey) -> str:
    """Return the Authorization header by which a push service recognises this application.

    Args:
        endpoint: the address that the message is sent to.
        contact: a `mailto:` or https address of the operator.
        key: the key that the browser has subscribed with.
    """
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": datetime.now(UTC) + _TOKEN_LIFETIME,
        "sub": contact,
    }
    return f"vapid t={jwt.encode(claims, key.private, algorithm='ES256')}, k={key.public}"


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as an uncompressed point, of 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_base64url(data: bytes) -> str:
    """Encode bytes without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode bytes with or without padding. Raises ValueError."""
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)


def _derived(key: bytes, salt: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, purpose).derive(key)
