"""One arrival taken apart: `python -m benchmarks.profiling`, its own process.

The job comes as JSON on standard input (token, source, arrivals). N arrivals go through the whole
WSGI handler, gunicorn alone left out, three times: as they are, for the CPU time; with every
statement timed; and under cProfile, which makes calls dearer and tells only how they compare.
"""

from __future__ import annotations

import cProfile
import io
import json
import os
import pstats
import re
import secrets
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.layers import longest, seconds_by_layer

API = "/api/v1/contacts/"
WARM_UP = 50
RUNS = 3  # as they are, timed, profiled
FUNCTIONS = 10
# What is sent past Django's cursors, by the method that does it.
UNSEEN = {"_commit": "COMMIT"}
UNSEEN_ON_POSTGRESQL = {
    "is_usable": "SELECT 1, or a look: is the connection alive",
    "_start_transaction_under_autocommit": "BEGIN",
}


def main() -> None:
    """Measure."""
    job = json.load(sys.stdin)
    ask = asker(job["token"], job["source"])
    many(ask, WARM_UP)
    count = job["arrivals"]
    result = {
        "arrivals": count,
        "posted": WARM_UP + RUNS * count,
        **_cpu(ask, count),
        "statements": _statements(ask, count),
    }
    profile = cProfile.Profile(time.process_time)  # not the clock, which goes on while we wait
    profile.enable()
    many(ask, count)
    profile.disable()
    stats = pstats.Stats(profile)
    layers = seconds_by_layer(stats)
    total = sum(layers.values())
    result["layers"] = {name: taken / total for name, taken in layers.items()}
    result["functions"] = {name: t / total for name, t in longest(stats, FUNCTIONS).items()}
    json.dump(result, sys.stdout)


def asker(token: str, source: int) -> Callable[[], None]:
    """Return what posts a contact of a new lead through the whole application."""
    from minicrm.wsgi import application

    salt = secrets.token_hex(4)
    numbers = iter(range(10**9))
    told: list[str] = []

    def start_response(status: str, *_: object) -> Callable[[bytes], object]:
        told.append(status)
        return lambda data: None

    def ask() -> None:
        body = json.dumps(
            {
                "source_id": source,
                "external_id": f"{salt}-{next(numbers)}",
                "name": "Bench",
                "message": "Please call back.",
            }
        ).encode()
        answer = application(_environ(body, token), start_response)
        b"".join(answer)
        answer.close()
        if (status := told.pop()) != "201 Created":
            raise SystemExit(f"an arrival was answered with {status}")

    return ask


def _environ(body: bytes, token: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": API,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
    }


def many(ask: Callable[[], None], count: int) -> None:
    """Ask so many times."""
    for _ in range(count):
        ask()


def _cpu(ask: Callable[[], None], count: int) -> dict[str, float]:
    """Return the CPU milliseconds of an arrival: ours, and those of PostgreSQL's process."""
    backend = _backend()
    ours, theirs = time.process_time(), _cpu_of(backend)
    many(ask, count)
    return {
        "client_ms": (time.process_time() - ours) / count * 1e3,
        "server_ms": (_cpu_of(backend) - theirs) / count * 1e3,
    }


def _backend() -> int | None:
    from django.db import connection

    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _cpu_of(pid: int | None) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 if pid else 0.0


def _statements(ask: Callable[[], None], count: int) -> list[dict[str, Any]]:
    """Return the statements of an arrival with how often each is sent and how long it takes."""
    from django.db import connection

    taken: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        try:
            return work()
        finally:
            taken[name].append(time.perf_counter() - begun)

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return timed(shape_of(sql), lambda: execute(sql, params, many, context))

    unseen = UNSEEN | (UNSEEN_ON_POSTGRESQL if connection.vendor == "postgresql" else {})
    for method, name in unseen.items():
        setattr(connection, method, partial(timed, name, getattr(connection, method)))
    with connection.execute_wrapper(wrapper):
        many(ask, count)
    for method in unseen:
        delattr(connection, method)
    return [
        {"sql": sql, "times": len(times) / count, "us": median(times) * 1e6}
        for sql, times in taken.items()
    ]


def shape_of(sql: str) -> str:
    """Return a statement on one line, without the quotes and with what differs left out."""
    text = re.sub(r"\s+", " ", sql.replace('"', "")).strip()
    text = re.sub(r"(SAVEPOINT) \S+", r"\1 …", text)
    return text if len(text) <= 100 else f"{text[:60]} … {text[-37:]}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    main()
