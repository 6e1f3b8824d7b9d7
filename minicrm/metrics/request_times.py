"""How long requests took: a histogram that all workers of one server add to."""

import os
import struct
import time
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    Metric,
    disable_created_metrics,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from minicrm.metrics.worker_files import FOLDER, PLACE

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Seconds. Up to the 30 after which gunicorn gives a worker up.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
FILES, NO_ROUTE = "(static files)", "(none)"
READ_ATTEMPTS = 5

if PLACE in os.environ:
    # Named by place, not by process: see `worker_files`.
    of_place = values.MultiProcessValue(lambda: os.environ[PLACE])  # type: ignore[no-untyped-call]
    values.ValueClass = of_place

# When each series began: of no use, and missing with several workers.
disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry()
SECONDS = Histogram(
    "minicrm_request_seconds",
    "Time from the start of a request until its answer was ready, in seconds",
    ("method", "route", "status"),
    buckets=BOUNDS,
    registry=_registry,
)


class RequestTimesMiddleware:
    """Measures each request, by method, route and class of status; not there without metrics."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response
        # What labels() looks up in three times the time. No more entries than it has.
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request, and count it."""
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        match = request.resolver_match
        route = match.route if match is not None else None
        key = (
            request.method if request.method in METHODS else "other",
            _unrouted(request) if route is None else f"/{route}",
            response.status_code // 100,
        )
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = SECONDS.labels(key[0], key[1], f"{key[2]}xx")
        series.observe(seconds)
        return response


def _unrouted(request: HttpRequest) -> str:
    return FILES if request.path_info.startswith(settings.STATIC_URL) else NO_ROUTE


def request_times() -> list[Metric]:
    """Return the histogram of all workers; outside of gunicorn that of this process."""
    folder = os.environ.get(FOLDER)
    if PLACE not in os.environ or folder is None:
        return list(_registry.collect())
    for attempt in range(1, READ_ATTEMPTS + 1):
        try:
            return list(_of_all_workers(folder))
        except (struct.error, RuntimeError):  # a worker is making or enlarging its file
            if attempt == READ_ATTEMPTS:
                raise
            time.sleep(0.01)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _of_all_workers(folder: str) -> Iterable[Metric]:
    collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
    collected: Iterable[Metric] = collector.collect()  # type: ignore[no-untyped-call]
    return collected
