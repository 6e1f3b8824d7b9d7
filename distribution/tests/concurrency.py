"""Work done at the same moment, each piece in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections

JOIN_SECONDS = 60


def run_together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all jobs at one moment; return their results, or the exceptions they raised."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        try:
            barrier.wait(JOIN_SECONDS)
            return job()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs, timeout=JOIN_SECONDS))


def deadlocks() -> int:
    """Return how many deadlocks PostgreSQL has counted in this database; SQLite knows none."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
