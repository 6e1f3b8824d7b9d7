"""Whether the server lives, and whether it can do its work: for load balancers and monitors."""

import os
import threading
import time
from dataclasses import dataclass

from django.contrib.auth.decorators import login_not_required
from django.db import Error, OperationalError, ProgrammingError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

# Less than what probes usually wait, more than a database under load takes for one row.
READY_WITHIN_SECONDS = 3.0


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
    """Answer 200 when the database answers and all migrations are applied, else 503.

    In three seconds at most, also where the database takes a connection and then says nothing.
    """
    pending = READINESS.pending_migrations(READY_WITHIN_SECONDS)
    if pending is None:
        return _not_ready("The database does not answer.")
    if pending:
        return _not_ready(f"{pending} migrations are not applied; run manage.py migrate.")
    return JsonResponse({"status": "ok"})


def _not_ready(reason: str) -> HttpResponse:
    answer = {"status": "unavailable", "detail": reason}
    return JsonResponse(answer, status=503, headers={"Retry-After": "2"})


class Readiness:
    """Asks the database in a thread of its own, whose answer need not be waited for.

    Nothing else bounds the wait for a server that has stopped in the middle of a connection: all
    timeouts of PostgreSQL are its own. One thread at a time, so that probes do not pile up behind
    it; and on a connection of its own, which is closed again, so that none is kept for probes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._check: _Check | None = None

    def pending_migrations(self, seconds: float) -> int | None:
        """Return how many migrations are missing; None without an answer within `seconds`."""
        with self._lock:
            check = self._check
            if check is None or check.done.is_set():
                check = self._check = _Check()
                threading.Thread(target=check.run, name="readyz", daemon=True).start()
        # From when the question was asked: who comes later need not find out again.
        check.done.wait(check.began + seconds - time.monotonic())
        return check.pending


class _Check:
    """One question to the database, and its answer once it is there."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.done = threading.Event()
        self.pending: int | None = None

    def run(self) -> None:
        try:
            self.pending = pending_migrations()
        except Error:  # InterfaceError, of a connection that broke, is no DatabaseError
            self.pending = None
        finally:
            connections.close_all()  # this thread's
            self.done.set()


READINESS = Readiness()


@dataclass
class _Known:
    """How many migrations were missing when Django's table of them looked like this."""

    table: tuple[int, int | None] | None = None
    pending: int = 0


_known = _Known()


def pending_migrations() -> int:
    """Return how many migrations the code has and the database has not; raises database errors.

    One short query. The migrations themselves are read only when Django's table of those applied
    is another than the last time: that takes a tenth of a second.
    """
    if connection.vendor == "sqlite" and not os.path.exists(connection.settings_dict["NAME"]):
        # To connect would make an empty one.
        raise OperationalError("The database's file is gone.")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), max(id) FROM django_migrations")
            table = cursor.fetchone()
    except (ProgrammingError, OperationalError):  # no such table; or no database, as will be seen
        table = None
    if table is None or table != _known.table:
        executor = MigrationExecutor(connection)
        pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        _known.table, _known.pending = table, pending
    return _known.pending
