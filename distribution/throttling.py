"""How many requests a key may make: counted for all processes of a machine together."""

import functools
import logging
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from distribution.authentication import key_of
from distribution.rate_moments import Moments, OwnMoments, open_moments

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    """One request every `interval` seconds, and up to `burst` at once after a pause."""

    interval: float
    burst: int

    def take(self, due: float, now: float) -> tuple[float, float]:
        """Ask for one request: return when the next one is due, and the seconds to wait, or 0.

        This is GCRA, a token bucket told by one number. A moment further ahead than a whole burst
        was not written by this rate since the machine started: it counts as none.
        """
        if not due <= now + self.interval * (self.burst + 1):
            due = now
        due = max(due, now)
        wait = due - now - self.interval * (self.burst - 1)
        if wait > self.interval * 1e-6:  # sums of fractions are a little off
            return due, wait
        return due + self.interval, 0.0


@functools.lru_cache(maxsize=8)
def read_rate(limit: str, burst: int) -> Rate:
    """Return what a limit such as 20/s or 600/m means."""
    count, _, unit = limit.partition("/")
    return Rate(interval=UNIT_SECONDS[unit] / int(count), burst=burst)


class KeyRateThrottle(BaseThrottle):
    """Lets each key make `API_RATE_LIMIT` requests, and `API_RATE_BURST` at once.

    Ninja's own throttles keep the request at hand on themselves, where threads that serve several
    keys overwrite it, and a list of all requests, which grows with the rate.
    """

    def __init__(self) -> None:
        self._moments: Moments | None = None
        self._opening = threading.Lock()
        self._refused = threading.local()

    def allow_request(self, request: HttpRequest) -> bool:
        """Count a request of the key; whether it may be answered."""
        if not settings.API_RATE_LIMIT:
            return True
        rate = read_rate(settings.API_RATE_LIMIT, settings.API_RATE_BURST)
        # Since the machine started: one clock for all processes, which nobody sets.
        now = time.monotonic()
        self._refused.wait = self._change(key_of(request).pk, rate, now)
        return not self._refused.wait

    def wait(self) -> float | None:
        """Return the seconds until this thread's refused request would have been answered."""
        return float(self._refused.wait)

    def _change(self, key_id: int, rate: Rate, now: float) -> float:
        moments = self._opened()
        try:
            return moments.change(key_id, lambda due: rate.take(due, now))
        except OSError:
            return self._without(moments).change(key_id, lambda due: rate.take(due, now))

    def _opened(self) -> Moments:
        # One for all threads: a second of the same file would not know the first one's lock.
        with self._opening:
            if self._moments is None:
                self._moments = open_moments(settings.DATA_DIR) or self._alone()
            return self._moments

    def _without(self, failed: Moments) -> Moments:
        with self._opening:
            if self._moments is failed:
                self._moments = self._alone()
            return self._moments or failed

    def _alone(self) -> Moments:
        logger.warning("Each process counts API requests for itself: no file can be shared.")
        return OwnMoments()
