"""Whether the server lives, and whether it can do its work: for load balancers and monitors."""

from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers and all migrations are applied, else 503."""
    try:
        pending = _pending_migrations()
    except Error:  # InterfaceError, of a connection that broke, is no DatabaseError
        return _not_ready("The database does not answer.")
    if pending:
        return _not_ready(f"{pending} migrations are not applied; run manage.py migrate.")
    return JsonResponse({"status": "ok"})


def _pending_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _not_ready(reason: str) -> HttpResponse:
    answer = {"status": "unavailable", "detail": reason}
    return JsonResponse(answer, status=503, headers={"Retry-After": "2"})
