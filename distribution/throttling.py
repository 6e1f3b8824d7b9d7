"""How many requests a key may make, counted in each server process for itself."""

import threading
import time

from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from distribution.authentication import key_of

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class KeyRateThrottle(BaseThrottle):
    """A token bucket for each key: `20/s` holds 20 tokens and gains 20 a second.

    Ninja's own throttles keep the request at hand on themselves, where threads that serve several
    keys overwrite it, and a list of all requests, which grows with the rate.
    """

    def __init__(self, rate: str) -> None:
        """Take a rate such as 20/s or 600/m."""
        count, _, unit = rate.partition("/")
        self._size = float(count)
        self._per_second = self._size / UNIT_SECONDS[unit]
        self._buckets: dict[int, tuple[float, float]] = {}  # key id: tokens, and when
        self._lock = threading.Lock()
        self._refused = threading.local()

    def allow_request(self, request: HttpRequest) -> bool:
        """Take a token from the key's bucket, if there is one."""
        key_id, now = key_of(request).pk, time.monotonic()
        with self._lock:
            tokens, since = self._buckets.get(key_id, (self._size, now))
            tokens = min(self._size, tokens + (now - since) * self._per_second)
            allowed = tokens >= 1
            self._buckets[key_id] = (tokens - 1 if allowed else tokens, now)
        self._refused.wait = (1 - tokens) / self._per_second
        return allowed

    def wait(self) -> float | None:
        """Return the seconds until this thread's refused request would have found a token."""
        return float(self._refused.wait)
