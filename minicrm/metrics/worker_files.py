"""Where gunicorn's workers count for each other: a folder, and in it a file for each worker.

A file belongs to a place, not to a process: a worker that takes the place of one that ended, after
a crash or a reload, goes on counting where that one stopped. So nothing is lost or doubled, and
there are no more files than there were workers at once. Loaded by gunicorn's parent process, it
imports nothing of the application.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # as prometheus_client calls it
PLACE = "MINICRM_METRICS_PLACE"
PREFIX = "minicrm-metrics-"
LOCK = "lock"


def make_folder(parent: str | None) -> None:
    """Make an empty folder for this server's workers; those of servers that are gone go too.

    Two servers on one machine, or an old and a new one during an upgrade, have one each.
    """
    within = Path(parent or tempfile.gettempdir())
    for old in _abandoned(within):
        shutil.rmtree(old, ignore_errors=True)
    os.environ[FOLDER] = _locked_folder(within)


def _locked_folder(within: Path) -> str:
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=within)
        # Held until this process and all of its workers have ended, however they do.
        lock = os.open(Path(folder, LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if Path(folder, LOCK).exists():
            return folder
        os.close(lock)  # a server that starts just now took it for an abandoned one


def take_place(workers: Iterator[Any], worker: Any) -> None:
    """Give a worker that is about to start the first place that none of the living ones has."""
    taken = {getattr(other, "place", None) for other in workers}
    worker.place = next(free for free in range(len(taken) + 1) if free not in taken)


def settle(worker: Any) -> None:
    """Tell a worker, which has just started, its place."""
    os.environ[PLACE] = str(worker.place)


def remove_folder() -> None:
    """Remove this server's folder at its end."""
    if folder := os.environ.pop(FOLDER, ""):
        shutil.rmtree(folder, ignore_errors=True)


def _abandoned(within: Path) -> Iterator[Path]:
    for folder in within.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another account's, or gone by now
            lock = os.open(folder / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(lock)
            yield folder
