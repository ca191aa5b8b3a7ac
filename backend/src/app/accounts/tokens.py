"""JSON Web Tokens: issued as in Better Auth's plugin (EdDSA, keys in jwks), accepted as HS256 too.

Private keys are encrypted in Better Auth's format, so that the table can be migrated with the accounts:
XChaCha20-Poly1305 under the SHA-256 of the secret, nonce first, hexadecimal, as a JSON string.
"""

import base64
import hashlib
import json
import secrets
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from app.accounts.models import SigningKey

LIFETIME = timedelta(minutes=15)
_NONCE_LENGTH = 24
_CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")


def new_signing_key(secret: str) -> SigningKey:
    """Return a new key pair. The caller stores it."""
    private = Ed25519PrivateKey.generate()
    public = {"crv": "Ed25519", "x": _base64url(private.public_key().public_bytes_raw()), "kty": "OKP"}
    return SigningKey(
        public_key=json.dumps(public),
        private_key=json.dumps(
            encrypt(json.dumps(public | {"d": _base64url(private.private_bytes_raw())}), secret)
        ),
        alg="EdDSA",
        crv="Ed25519",
    )


def private_key(key: SigningKey, secret: str) -> Ed25519PrivateKey | None:
    """Decrypt the private key of a stored key; None for another key type or another secret."""
    if key.alg not in {"EdDSA", None} or (key.expires_at and key.expires_at <= datetime.now(UTC)):
        return None
    try:
        return _private_key(key.private_key, secret)
    except (InvalidTag, ValueError, TypeError, KeyError):
        return None


@lru_cache(maxsize=16)
def _private_key(encrypted: str, secret: str) -> Ed25519PrivateKey:
    web_key = json.loads(decrypt(json.loads(encrypted), secret))
    return Ed25519PrivateKey.from_private_bytes(_from_base64url(web_key["d"]))


def public_web_key(key: SigningKey) -> dict[str, Any]:
    """Return the public part of a stored key, for /jwks."""
    return {
        "alg": key.alg or "EdDSA",
        "crv": key.crv or "Ed25519",
        **json.loads(key.public_key),
        "kid": key.id,
    }


def issue(claims: dict[str, Any], subject: str, issuer: str, name: str, key: Ed25519PrivateKey) -> str:
    """Create a token for a user, signed with the named key. Its audience is the issuer."""
    now = datetime.now(UTC)
    registered = {"iat": now, "sub": subject, "exp": now + LIFETIME, "iss": issuer, "aud": issuer}
    return jwt.encode(claims | registered, key, algorithm="EdDSA", headers={"kid": name})


def key_id(token: str) -> str | None:
    """Return the key id in the header of an EdDSA token."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        return None
    name = header.get("kid")
    return name if header.get("alg") == "EdDSA" and isinstance(name, str) and _is_plain(name) else None


def subject(
    token: str, issuer: str, *, shared_secret: str, key: SigningKey | None
) -> tuple[str, str | None] | None:
    """Return the subject of a token and the session that it belongs to, if any.

    Returns None unless its signature, times, issuer and audience are valid.

    Args:
        token: the token as received.
        issuer: the required issuer and audience.
        shared_secret: verifies HS256 tokens.
        key: the stored key that the token names; without it, only HS256 is accepted.
    """
    verifying: Ed25519PublicKey | str = shared_secret
    if key is not None:
        web_key = json.loads(key.public_key)
        verifying = Ed25519PublicKey.from_public_bytes(_from_base64url(web_key["x"]))
    try:
        claims = jwt.decode(
            token,
            verifying,
            algorithms=["EdDSA" if key is not None else "HS256"],
            issuer=issuer,
            audience=issuer,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except (jwt.InvalidTokenError, ValueError):
        return None
    about, session = str(claims["sub"]), claims.get("sid")
    if not _is_plain(about) or not (session is None or (isinstance(session, str) and _is_plain(session))):
        return None
    return about, session


def _is_plain(text: str) -> bool:
    """Return whether text can be an id: JSON allows NUL and lone surrogates, which databases reject."""
    return text.isascii() and text.isprintable()


def encrypt(text: str, secret: str) -> str:
    """Encrypt text as Better Auth's symmetricEncrypt does."""
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    cipher, inner_nonce = _cipher(secret, nonce)
    return (nonce + cipher.encrypt(inner_nonce, text.encode(), None)).hex()


def decrypt(encrypted: str, secret: str) -> str:
    """Decrypt text that Better Auth's symmetricEncrypt encrypted.

    Raises:
        InvalidTag: when it was encrypted under another secret, or modified.
        ValueError: when it is not hexadecimal.
    """
    data = bytes.fromhex(encrypted)
    cipher, inner_nonce = _cipher(secret, data[:_NONCE_LENGTH])
    return cipher.decrypt(inner_nonce, data[_NONCE_LENGTH:], None).decode()


def _cipher(secret: str, nonce: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    """Derive the ChaCha20-Poly1305 key and nonce of XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha).

    The subkey is HChaCha20 of the nonce's first 16 bytes: a ChaCha20 block without the final addition of the
    initial state, which is therefore subtracted.
    """
    key = hashlib.sha256(secret.encode()).digest()
    block = Cipher(ChaCha20(key, nonce[:16]), mode=None).encryptor().update(bytes(64))
    words = struct.unpack("<16I", block)
    initial = (*_CONSTANTS, *struct.unpack("<4I", nonce[:16]))
    subkey = [(word - start) % 2**32 for word, start in zip(words[:4] + words[12:], initial, strict=True)]
    return ChaCha20Poly1305(struct.pack("<8I", *subkey)), bytes(4) + nonce[16:]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
