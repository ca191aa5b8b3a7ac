"""Password hashes in Better Auth's format, so that each server verifies the other's hashes."""

import asyncio
import hashlib
import hmac
import os
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from app.accounts.errors import AccountError
from app.errors import OverloadedError

MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 128

_N, _R, _P, _KEY_LENGTH = 16384, 16, 1, 64
_MEMORY = 128 * _N * _R * 2

WAITING = 8
"""The number of hashes that may wait; each waits in a request that is in work."""
# A hash takes 0.1 s of CPU and 32 MB of memory. The pool size bounds both; further hashes are queued.
_WORKERS = min(4, os.cpu_count() or 1)
_pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="scrypt")
_in_work = 0


def length(password: str) -> int:
    """Return the password's length in UTF-16 code units, as Better Auth counts it."""
    return len(password.encode("utf-16-le", "surrogatepass")) // 2


@cache
def common_passwords() -> frozenset[str]:
    """Return the passwords that every guess begins with, in lower case, of at least MINIMUM_LENGTH.

    They are those of zxcvbn's frequency list (MIT licence), which come from published leaks.
    """
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.splitlines())


def check_new(password: str) -> None:
    """Refuse a new password that is too short, too long or common.

    Raises:
        AccountError: PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG or PASSWORD_COMPROMISED.
    """
    check_length(password)
    if password.lower() in common_passwords():
        raise AccountError("PASSWORD_COMPROMISED")


def check_length(password: str, *, minimum: int = MINIMUM_LENGTH) -> None:
    """Refuse a password that is too short or too long.

    Raises:
        AccountError: PASSWORD_TOO_SHORT or PASSWORD_TOO_LONG.
    """
    if length(password) < minimum:
        raise AccountError("PASSWORD_TOO_SHORT")
    if length(password) > MAXIMUM_LENGTH:
        raise AccountError("PASSWORD_TOO_LONG")


async def hash_password(password: str) -> str:
    """Return `salt:key` in hexadecimal. The salt is the hexadecimal text itself, not the bytes it encodes."""
    salt = secrets.token_hex(16)
    return f"{salt}:{(await _key(password, salt)).hex()}"


async def verify_password(password: str, hashed: str) -> bool:
    """Return whether a password matches a hash, in constant time."""
    salt, _, key = hashed.partition(":")
    return hmac.compare_digest((await _key(password, salt)).hex().encode(), key.lower().encode())


async def _key(password: str, salt: str) -> bytes:
    global _in_work
    if _in_work >= WAITING + _WORKERS:
        raise OverloadedError
    _in_work += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, _scrypt, password, salt)
    finally:
        _in_work -= 1


def _scrypt(password: str, salt: str) -> bytes:
    # JavaScript replaces a lone surrogate, which UTF-8 cannot encode, with the replacement character.
    text = password.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    normalised = unicodedata.normalize("NFKC", text).encode()
    return hashlib.scrypt(normalised, salt=salt.encode(), n=_N, r=_R, p=_P, dklen=_KEY_LENGTH, maxmem=_MEMORY)
