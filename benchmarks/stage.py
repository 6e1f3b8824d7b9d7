"""Where a benchmark runs: the application on a database with a world in it."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import page_cache, server_logs
from benchmarks.asking import ask
from benchmarks.load import LoadError, Order
from benchmarks.processes import Usage, usage_of
from benchmarks.rounds import Sample
from benchmarks.watched_sqlite import LOCKED
from tools.stress.servers import ROOT, Gunicorn
from tools.with_postgres import Server

UNLIMITED = {"DB_STATEMENT_TIMEOUT_MS": "0"}  # for what looks through all that is stored
LONGEST_MODULE_S = 2 * 3600  # a world of ten million contacts is made within
SETTLE_S = 0.2  # above the time of a slow answer: so that the last ones come to their end
CREATED = 201


class WorldError(Exception):
    """The world cannot be made, or is not as promised after a run."""


@dataclass(frozen=True)
class Shape:
    """How gunicorn is started: processes, threads in each, other variables of its environment."""

    workers: int = 2
    threads: int = 8
    env: Mapping[str, str] = field(default_factory=dict)
    generator: str = "wrk"
    socket: bool = False  # to PostgreSQL by a Unix socket


@dataclass
class Books:
    """How many contacts were acknowledged, and how many requests were cut off by a run's end."""

    posted: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Case:
    """A request, and what its body is made from; `stores`: each one is a contact.

    Without a plan there is no body, and without headers it comes with the world's API key.
    """

    path: str
    connections: int
    plan: Mapping[str, int | str] = field(default_factory=dict)
    stores: bool = True
    method: str = "POST"
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Stage:
    """A running application, and what a benchmark has to know of its world."""

    gunicorn: Gunicorn
    postgres: Server | None
    world: dict[str, Any]
    env: dict[str, str]
    folder: Path
    shape: Shape
    books: Books = field(default_factory=Books)

    def used_by_database(self) -> Usage:
        """Return what PostgreSQL has used so far; SQLite is a part of the application."""
        if self.postgres is None or self.postgres.pid is None:
            return Usage()
        return usage_of(self.postgres.pid)

    def order(self, case: Case, seconds: float) -> Order:
        """Return what to ask of the load; no two name the same new leads."""
        headers = case.headers or {"Authorization": f"Bearer {self.world['token']}"}
        plan = {**case.plan, "salt": secrets.token_hex(4)} if case.plan else {}
        port = self.gunicorn.port
        return Order(port, case.path, case.connections, seconds, case.method, headers, plan)

    def hold_in_memory(self) -> int:
        """Have all that is stored in memory; return its bytes, 0 where it is too much for that."""
        if self.postgres is None:
            return page_cache.hold(self.folder.glob("*.sqlite3"))
        return page_cache.hold(self.postgres.data_dir.glob("base/*/[0-9]*"))

    def take(self, case: Case, seconds: float) -> Sample:
        """Ask for so many seconds; return what came of it. Raises LoadError."""
        order = self.order(case, seconds)
        self.hold_in_memory()
        ours, theirs = self._cpu()
        load = ask(order, generator=self.shape.generator)
        time.sleep(SETTLE_S + load.p99 / 1e3)
        ours_now, theirs_now = self._cpu()
        theirs = theirs_now - theirs
        used = ours_now - ours + theirs
        if case.stores:
            self.books.posted += load.requests
            self.books.cut += case.connections
        times = load.p50, load.p95, load.p99
        return Sample(
            load.requests, load.seconds, used, *times, cut=case.connections, database=theirs
        )

    def _cpu(self) -> tuple[float, float]:
        """Return the CPU seconds that the application and the database have used so far."""
        return usage_of(self.gunicorn.process.pid).seconds, self.used_by_database().seconds

    def probe(self, case: Case) -> None:
        """Ask once. Raises LoadError unless what is asked for is created."""
        order = replace(self.order(case, 0), connections=1)
        client = http.client.HTTPConnection("127.0.0.1", order.port, timeout=30)
        body = {"source_id": case.plan.get("source", case.plan.get("first"))}
        body |= {"external_id": f"probe-{order.plan['salt']}"}
        with contextlib.closing(client):
            headers = {**order.headers, "Content-Type": "application/json"}
            client.request(order.method, order.path, json.dumps(body), headers)
            answer = client.getresponse()
            text = answer.read(500).decode(errors="replace")
        if answer.status != CREATED:
            raise LoadError(f"{case.path} answers {answer.status}: {text}")
        self.books.posted += case.stores

    def verify(self) -> dict[str, int]:
        """Return the counts of what is stored and noted. Raises WorldError: the run is void."""
        counts = self._noted()
        told = json.loads(module_output("benchmarks.promises", self.env | UNLIMITED))
        if broken := told.pop("broken"):
            raise WorldError(f"promises broken: {broken}")
        counts |= told
        stored = counts["contacts"] - self.world["contacts"]
        if not self.books.posted <= stored <= self.books.posted + self.books.cut:
            raise WorldError(
                f"{self.books.posted} contacts acknowledged, {self.books.cut} requests cut off,"
                f" but {stored} contacts stored"
            )
        return counts | {"cut_off": self.books.cut, "stored_of_these": stored - self.books.posted}

    def _noted(self) -> dict[str, int]:
        logs = [
            server_logs.noted_by_gunicorn(log.read_text(errors="replace"))
            for log in self.folder.glob("gunicorn*.log")
        ]
        if self.postgres is not None:
            text = (self.postgres.run_dir / "server.log").read_text(errors="replace")
            logs.append(server_logs.noted_by_postgres(text))
        else:
            logs.append(server_logs.noted_by_sqlite(self.folder / LOCKED))
        if void := [line for log in logs for line in log.void]:
            raise WorldError(f"the servers report, {len(void)} times in all: {void[:3]}")
        return {
            "lock_waits": sum(log.waits for log in logs),
            "errors": sum(log.errors for log in logs),
        }


def module_output(module: str, env: Mapping[str, str], job: str = "", *arguments: str) -> str:
    """Run one of our modules to its end; return what it wrote. Raises WorldError."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=dict(env),
        input=job,
        capture_output=True,
        text=True,
        timeout=LONGEST_MODULE_S,
    )
    if done.returncode:
        raise WorldError(f"{module} failed: {done.stderr[-1000:]}")
    return done.stdout
