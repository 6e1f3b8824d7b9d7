"""Keeps tests from opening SQLite's file themselves, which may destroy it.

To close any file ends all locks that the process has on it, those of SQLite's connections too
(https://www.sqlite.org/howtocorrupt.html, 2.2). Where one of these stays open, the next process to
close the database takes itself for the last one, and deletes the log under it.
"""

import subprocess
import sys
from pathlib import Path

READ = "import pathlib, sys; sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes())"


def content_of(path: str | Path) -> bytes:
    """Return what is in the file, read by another process."""
    return subprocess.run(
        [sys.executable, "-c", READ, str(path)], stdout=subprocess.PIPE, check=True
    ).stdout


def refuse_opening(path: str | Path) -> None:
    """Let this process open the file by SQLite alone from now on, and what has its locks."""
    guarded = {str(path), f"{path}-shm"}

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]) in guarded:
            raise RuntimeError("Only SQLite may open its file here: see minicrm.tests.live_file")

    sys.addaudithook(refuse)
