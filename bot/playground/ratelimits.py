"""Rate limits by bucket and for the whole bot; Discord publishes only the global one, the others are invented."""

import math
from collections import defaultdict, deque

from bot.playground.clock import Clock
from bot.playground.errors import ApiError
from bot.playground.limits import Limits

GLOBAL_PER_S = 50
NARROW, WIDE = (5, 5.0), (50, 1.0)


class RateLimits:
    """
    Sliding windows over the requests of each bucket.

    A bucket is a method, the first words of the path and its major parameter: a channel, or an interaction's token.
    """

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._windows: defaultdict[tuple[str, ...], deque[float]] = defaultdict(deque)

    def admit(self, method: str, path: str, *, by_token: bool) -> dict[str, str]:
        """
        Count a request; nothing is counted while rate limits are off.

        Args:
            by_token: sent by an interaction's token, to which the global limit does not apply.

        Returns:
            Discord's rate-limit headers.

        Raises:
            ApiError: 429.
        """
        if not self._limits.rate_limits:
            return {}
        if not by_token:
            self._count(("global",), GLOBAL_PER_S, 1.0)
        parts = path.strip("/").split("/")
        if parts[0] == "interactions":
            return {}
        major = parts[1:3] if by_token else parts[1:2]
        key = (method, parts[0], *major, str(len(parts)))
        most, per_s = NARROW if parts[0] in ("channels", "webhooks") else WIDE
        left, reset_s = self._count(key, most, per_s)
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": f"{self._clock.now() + reset_s:.3f}",
            "X-RateLimit-Reset-After": f"{reset_s:.3f}",
            "X-RateLimit-Bucket": f"{method}-{parts[0]}-{len(parts)}".lower(),
        }

    def _count(self, key: tuple[str, ...], most: int, per_s: float) -> tuple[int, float]:
        window, now = self._windows[key], self._clock.now()
        while window and window[0] <= now - per_s:
            window.popleft()
        if len(window) >= most:
            wait_s = math.ceil((window[0] + per_s - now) * 1000) / 1000
            is_global = key == ("global",)
            raise ApiError(429, 0, "You are being rate limited.", retry_after=wait_s, **{"global": is_global})
        window.append(now)
        return most - len(window), window[0] + per_s - now
