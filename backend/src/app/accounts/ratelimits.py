"""How often one address may call, so that passwords cannot be tried in bulk: Better Auth's limits."""

import ipaddress

from app.ratelimits import Limit, RateLimiter

STRICT, USUAL = Limit(calls=3, window_s=10), Limit(calls=100, window_s=10)
STRICT_PATHS = ("/sign-in", "/sign-up", "/change-password")


async def retry_after(limiter: RateLimiter, address: str, path: str) -> int | None:
    """Count one call of a route, and return in how many seconds to come again if it is one too many.

    Raises:
        SQLAlchemyError, TimeoutError: when the database cannot be reached.
    """
    limit = STRICT if path.startswith(STRICT_PATHS) else USUAL
    return await limiter.retry_after(f"{network(address)}|{path}", limit)


def network(address: str) -> str:
    """Return what counts as one caller: an IPv4 address, or the /64 that an IPv6 customer has at least."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
