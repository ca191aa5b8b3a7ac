"""Rate limits that prevent password guessing: Better Auth's by client address, and one by account."""

import hashlib
import ipaddress
from collections.abc import Iterable

from app.ratelimits import Limit, RateLimiter

STRICT, USUAL = Limit(calls=3, window_s=10), Limit(calls=100, window_s=10, block=10)
GUESSES = Limit(calls=10, window_s=60)
"""Sign-ins to one account from all networks together in which it is not signed in."""
STRICT_PATHS = ("/sign-in", "/sign-up", "/change-password", "/reset-password")
RESETS = Limit(calls=3, window_s=60)
"""Each request of a reset may send an email."""


async def retry_after(limiter: RateLimiter, address: str, path: str) -> int | None:
    """Count a request and return the seconds until a retry if it exceeds the limit, else None.

    Raises:
        SQLAlchemyError, TimeoutError: when the database is unavailable.
    """
    limit = STRICT if path.startswith(STRICT_PATHS) else USUAL
    if path == "/request-password-reset":
        limit = RESETS
    return await limiter.retry_after(f"{network(address)}|{path}", limit)


async def guess_retry_after(
    limiter: RateLimiter, email: str, address: str, known: Iterable[str]
) -> int | None:
    """Count a sign-in and return the seconds until a retry if the account has too many, else None.

    Networks in which the account is signed in are not counted, so that nobody locks its owner out.

    Raises:
        SQLAlchemyError, TimeoutError: when the database is unavailable.
    """
    if network(address) in {network(other) for other in known}:
        return None
    account = hashlib.sha256(email.lower().encode("utf-8", "replace")).hexdigest()
    return await limiter.retry_after(f"{account}|/sign-in", GUESSES)


def network(address: str) -> str:
    """Return the rate-limited network of an address: an IPv4 address, or an IPv6 /64 prefix."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
