"""What the servers wrote down during a run: some of it makes the run worthless."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

VOID = re.compile(
    r"deadlock detected|due to (lock|statement) timeout|could not serialize|FATAL:|PANIC:"
)
WAITED = re.compile(r"still waiting for")  # longer than deadlock_timeout, 1 s
ERROR = re.compile(r"ERROR:")
# gunicorn and the application write errors alone (`--log-level error`, LOG_LEVEL=ERROR).
BROKE = re.compile(r"ERROR|CRITICAL|Traceback|TIMEOUT")


@dataclass(frozen=True, slots=True)
class Noted:
    """Lines that void a run; waits for a lock of over a second; other errors of statements."""

    void: tuple[str, ...]
    waits: int = 0
    errors: int = 0


def noted_by_postgres(text: str) -> Noted:
    """Return what PostgreSQL's log says."""
    lines = text.splitlines()
    void = tuple(line for line in lines if VOID.search(line))
    return Noted(
        void,
        waits=sum(bool(WAITED.search(line)) for line in lines),
        errors=sum(bool(ERROR.search(line)) for line in lines) - sum("ERROR:" in v for v in void),
    )


def noted_by_sqlite(path: Path) -> Noted:
    """Return what `benchmarks.watched_sqlite` wrote down: refusals of a locked database.

    The application tries again, so that nobody else hears of them.
    """
    return Noted(tuple(path.read_text().splitlines()) if path.exists() else ())


def noted_by_gunicorn(text: str) -> Noted:
    """Return what gunicorn's log, and the application's in it, says."""
    return Noted(tuple(line for line in text.splitlines() if BROKE.search(line)))
