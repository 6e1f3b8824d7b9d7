"""Two pieces of work in an order that the test decides, statement by statement.

The first stops before one of its statements (or before a COMMIT) and keeps whatever locks it has.
Then the second runs until it has finished, or until the database says that it waits for the first.
Then the first goes on to its end, and the second after it. Nothing here depends on sleeping long
enough: that somebody waits is seen, not assumed.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection

from minicrm import group_commit
from minicrm.transactions import is_retryable, sqlstate

SECONDS = 30  # longer than any lock timeout: only what hangs for good waits so long
LOOK_AGAIN_AFTER = 0.002
COMMIT = "COMMIT"


class Worker:
    """A thread with one database connection, which does one piece of work at a time.

    `idle_points` numbers the stop points at which it stood between two transactions. `gave_up`
    lists what the database gave up on: deadlocks, lock timeouts. Both are of the present work.
    `pause`, if set, is called before every statement.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.pause: Callable[[], None] | None = None
        self.gave_up: list[str] = []
        self.idle_points: list[int] = []
        self.stop_points = self.commits = 0
        self.stopped_before: str | None = None
        self.holds_nothing = True
        self._executing = ""
        self._result: Any = None
        self._way_free = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self.backend = self._pool.submit(self._connect).result(SECONDS)

    def start(self, job: Callable[[], Any], *, stop_at: int | None = None) -> None:
        """Begin `job`, and stop at its stop point of that number, counted from 1."""
        self.gave_up, self.idle_points, self.stopped_before = [], [], None
        self.stop_points, self.commits, self._stop_at = 0, 0, stop_at
        self._ended, self._news, self._way_free = (threading.Event() for _ in range(3))
        self._pool.submit(self._work, job)

    def has_stopped(self) -> bool:
        """Wait until it stands at its stop point, or has ended without reaching it (False)."""
        assert self._news.wait(SECONDS), f"{self.name} hangs in {self._executing}"
        return not self._ended.is_set()

    def go_on(self) -> None:
        """Let it run on from its stop point."""
        self._way_free.set()

    def has_ended(self, *, within: float) -> bool:
        return self._ended.wait(within)

    def outcome(self) -> Any:
        """Wait for the end of its work; return the result, or the exception that it raised."""
        assert self._ended.wait(SECONDS), f"{self.name} hangs in {self._executing}"
        return self._result

    def waits_for(self, other: "Worker") -> bool:
        """Whether the database keeps it waiting for a lock that the other one holds."""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT %s = ANY(pg_blocking_pids(%s))", [other.backend, self.backend]
                )
                return bool(cursor.fetchone()[0])
        if group_commit.joined() > 1:  # handed over to the other one, who has not begun yet
            return True
        # One writer at a time: while the other one is in a transaction, no BEGIN comes back.
        return not other.holds_nothing and self._executing.startswith("BEGIN")

    def close(self) -> None:
        """End its work, the connection and the thread."""
        self._way_free.set()
        self._pool.submit(lambda: connection.close()).result(SECONDS)
        self._pool.shutdown()

    def _work(self, job: Callable[[], Any]) -> None:
        try:
            self._result = job()
        except Exception as error:
            self._result = error
        self._ended.set()
        self._news.set()

    def _connect(self) -> int | None:
        """Open the thread's connection with our gates in it; return its server process's id."""
        connection.ensure_connection()
        connection.execute_wrappers.append(self._execute)
        connection.commit = self._gated(connection.commit, COMMIT)
        connection.rollback = self._gated(connection.rollback, None)
        if connection.vendor != "postgresql":
            return None
        return connection.connection.info.backend_pid

    def _gated(self, end: Callable[[], None], step: str | None) -> Callable[[], None]:
        def gated_end() -> None:
            if step is not None:
                self._step(step)
            end()
            self.commits += step == COMMIT
            self.holds_nothing = True

        return gated_end

    def _execute(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self._step(sql)
        try:
            self.holds_nothing = not connection.in_atomic_block and not sql.startswith("BEGIN")
            return execute(sql, params, many, context)
        except DatabaseError as error:
            if is_retryable(error):
                self.gave_up.append(f"{self.name}: {sqlstate(error) or error} in {short(sql)}")
            raise
        finally:
            self._executing = ""

    def _step(self, sql: str) -> None:
        """Pause, or stop, before a statement."""
        if self.pause is not None:
            self.pause()
        if _is_stop_point(sql, self.holds_nothing):
            self._stop_point(sql)
        self._executing = sql

    def _stop_point(self, sql: str) -> None:
        self.stop_points += 1
        if self.holds_nothing:
            self.idle_points.append(self.stop_points)
        if self.stop_points == self._stop_at:
            self.stopped_before = short(sql)
            self._news.set()
            assert self._way_free.wait(SECONDS), f"{self.name} was left standing"


@dataclass(frozen=True, slots=True)
class Interleaving:
    """What came of two pieces of work: results or exceptions, and how they met."""

    outcomes: tuple[Any, Any]
    stopped_before: str | None  # the first one's statement; None: it ended before its stop point
    between_transactions: bool  # the first one stopped where it held nothing, or did not stop
    second_waited_at: int | None  # at which of its stop points, having committed nothing so far
    second_waited: bool
    commits: tuple[int, int]
    gave_up: list[str]

    def __str__(self) -> str:
        if self.stopped_before is None:
            return "the second ran after the first"
        how = "had to wait for it" if self.second_waited else "ran through meanwhile"
        return f"the first stopped before {self.stopped_before!r}, the second {how}"


def interleave(
    jobs: tuple[Callable[[], Any], Callable[[], Any]],
    workers: tuple[Worker, Worker],
    *,
    stop_at: int | None,
    look: Callable[[], None] | None = None,
) -> Interleaving:
    """Run the first job to its stop point, the second as far as it gets, then both to the end.

    `look` is called while the first stands between two transactions: then everything that happened
    is committed. Without `stop_at` the second just follows.
    """
    first, second = workers
    first.start(jobs[0], stop_at=stop_at)
    stopped = first.has_stopped()
    idle = not stopped or first.holds_nothing
    second.start(jobs[1])
    try:
        waited = _runs_until_it_waits(second, first)
        waited_at = second.stop_points if waited and len(second.idle_points) == 1 else None
        if idle and look is not None:
            look()
    finally:
        first.go_on()
    return Interleaving(
        outcomes=(first.outcome(), second.outcome()),
        stopped_before=first.stopped_before,
        between_transactions=idle,
        second_waited_at=waited_at,
        second_waited=waited,
        commits=(first.commits, second.commits),
        gave_up=first.gave_up + second.gave_up,
    )


def _runs_until_it_waits(worker: Worker, other: Worker) -> bool:
    """Wait until the worker has ended (False) or is seen waiting for the other one."""
    give_up_at = time.monotonic() + SECONDS
    while not worker.has_ended(within=LOOK_AGAIN_AFTER):
        if worker.waits_for(other):
            return True
        assert time.monotonic() < give_up_at, f"{worker.name} neither ends nor waits"
    return False


def _is_stop_point(sql: str, holds_nothing: bool) -> bool:
    """Whether to stop before this may show something that stopping earlier does not.

    A savepoint changes nothing that others could see. On SQLite, with its one writer, everybody
    waits for all of a transaction: what counts is whether the first is in one or between two.
    """
    if connection.vendor == "sqlite":
        return sql == COMMIT or holds_nothing
    return not sql.startswith(("SAVEPOINT", "RELEASE"))


def short(sql: str, length: int = 110) -> str:
    """Return a statement as a report wants it: without quotes and lists of columns."""
    text = " ".join(sql.replace('"', "").split())
    if text.startswith("SELECT") and " FROM " in text:
        text = "SELECT ..." + text[text.index(" FROM ") :]
    return text if len(text) <= length else text[: length - 3] + "..."
