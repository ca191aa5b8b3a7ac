"""How often one address may call, so that passwords cannot be tried in bulk."""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 10
STRICT_LIMIT, LIMIT = 3, 100
STRICT_PATHS = ("/sign-in", "/sign-up", "/change-password")
_PRUNE_ABOVE = 10_000


@dataclass
class _Window:
    ends: float
    count: int = 0


class RateLimiter:
    """Counts calls by address and route in windows of ten seconds, in this process.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    def retry_after(self, address: str, path: str) -> int | None:
        """Count one call of a route, and return in how many seconds to come again if it is one too many."""
        now = self._clock()
        key = (network(address), path)
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            self._prune(now)
            window = self._windows[key] = _Window(now + WINDOW_S)
        if window.count >= (STRICT_LIMIT if path.startswith(STRICT_PATHS) else LIMIT):
            return math.ceil(window.ends - now)
        window.count += 1
        return None

    def _prune(self, now: float) -> None:
        if len(self._windows) > _PRUNE_ABOVE:
            self._windows = {key: window for key, window in self._windows.items() if window.ends > now}


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
