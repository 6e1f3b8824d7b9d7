"""What goes wrong on purpose, at planned points of the run."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable

from tools.stress.plan import Size, disasters_of
from tools.stress.servers import Database, Gunicorn


class Killer:
    """Kills workers and crashes the database when the work has come so far."""

    def __init__(
        self, size: Size, gunicorn: Gunicorn, database: Database, say: Callable[[str], None]
    ) -> None:
        self._planned = disasters_of(size)
        self._totals = Counter(what for _, what in self._planned)
        self._gunicorn = gunicorn
        self._database = database
        self._say = say
        self._killed: set[int] = set()
        self.done: Counter[str] = Counter()

    def strike(self, progress: float) -> None:
        """Do the next thing that is planned for now (`progress` 0..1), if there is one."""
        if not self._planned or self._planned[0][0] > progress:
            return
        what = self._planned[0][1]
        if self._kill_worker() if what == "kill" else self._crash_database():
            del self._planned[0]

    def _kill_worker(self) -> bool:
        """Kill the worker that has run longest, with the most under way, if there is any."""
        # One just killed may still be listed, until gunicorn has noticed.
        for pid in self._gunicorn.workers():
            if pid not in self._killed:
                os.kill(pid, signal.SIGKILL)
                self._killed.add(pid)
                self._note("kill", f"kill -9 of worker {pid}")
                return True
        return False

    def _crash_database(self) -> bool:
        if self._database.crash_restart is None:
            return False
        started = time.monotonic()
        self._database.crash_restart()
        seconds = time.monotonic() - started
        self._note("restart", f"PostgreSQL crashed, and answers again after {seconds:.1f} s")
        return True

    def _note(self, what: str, text: str) -> None:
        self.done[what] += 1
        self._say(f"{text} ({self.done[what]} of {self._totals[what]})")
