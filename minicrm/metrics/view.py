"""/metrics: the numbers of this installation in the Prometheus text format, for who has the token.

What comes from the database is the same on every host, whichever worker answers. Request times are
those of the host that answers.
"""

import hmac
import platform

import django
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.cache import never_cache
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from leads.metrics import contact_metrics
from minicrm import __version__
from minicrm.health import pending_migrations
from minicrm.metrics.backups import backup_metrics
from minicrm.metrics.request_times import request_times


@login_not_required
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics; 404 where no token is set, 401 without it.

    A database that does not answer is itself a metric: the answer is 200 then too.
    """
    if not settings.METRICS_TOKEN:
        raise Http404
    if not _has_token(request):
        return _plain("Send the token: Authorization: Bearer <METRICS_TOKEN>.\n", status=401)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    families = [*request_times(), _build(), *backup_metrics(), *_from_database()]
    return HttpResponse(
        generate_latest(_Collected(families)),
        content_type=CONTENT_TYPE_PLAIN_0_0_4,
    )


class _Collected:
    """What prometheus_client takes for a registry."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # All compared, though most of what comes is not even ASCII or of another length.
    same = hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    return same and scheme.lower() == "bearer"


def _plain(text: str, *, status: int) -> HttpResponse:
    return HttpResponse(
        text,
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _build() -> Metric:
    family = GaugeMetricFamily(
        "minicrm_build_info", "What is running", labels=("version", "django", "python", "database")
    )
    family.add_metric(
        (__version__, django.get_version(), platform.python_version(), connection.vendor), 1
    )
    return family


def _from_database() -> list[Metric]:
    try:
        found = [
            GaugeMetricFamily(
                "minicrm_migrations_pending",
                "Migrations that the code has and the database has not",
                value=pending_migrations(),
            ),
            *contact_metrics(),
        ]
    except Error:
        found = []
    up = GaugeMetricFamily(
        "minicrm_database_up", "1 while the database answers, else 0", value=bool(found)
    )
    return [up, *found]
