"""Better Auth's rate limits by client address, which prevent password guessing."""

import ipaddress

from app.ratelimits import Limit, RateLimiter

STRICT, USUAL = Limit(calls=3, window_s=10), Limit(calls=100, window_s=10)
STRICT_PATHS = ("/sign-in", "/sign-up", "/change-password")


async def retry_after(limiter: RateLimiter, address: str, path: str) -> int | None:
    """Count a request and return the seconds until a retry if it exceeds the limit, else None.

    Raises:
        SQLAlchemyError, TimeoutError: when the database is unavailable.
    """
    limit = STRICT if path.startswith(STRICT_PATHS) else USUAL
    return await limiter.retry_after(f"{network(address)}|{path}", limit)


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
