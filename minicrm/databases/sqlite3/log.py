"""Waiting for the disk after a commit, while the next one writes already.

With `synchronous=FULL` SQLite waits inside COMMIT, when nobody else can write yet. With NORMAL it
does not wait at all (https://www.sqlite.org/pragma.html#pragma_synchronous): its log is complete,
but in the kernel's memory. To have that written to the disk is the same wait, and nobody needs to
be kept from writing for it. A checkpoint syncs the log by itself before it copies anything.
"""

import contextlib
import os
import sqlite3

# Darwin has no such thing; SQLite takes the other one there, too.
_sync = getattr(os, "fdatasync", os.fsync)


def log_of(connection: sqlite3.Connection) -> str | None:
    """Return the path of a connection's write-ahead log, None where there is none."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    # With symbolic links followed, as the log is beside the file itself.
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    return f"{path}-wal" if mode == "wal" and path else None


def sync_log(connection: sqlite3.Connection, path: str) -> None:
    """Return when all that was committed is on the disk; raises SQLite's error where it is not.

    To close the file again is safe, unlike closing the database's: SQLite has no locks on it.
    """
    try:
        log = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _sync(log)
        finally:
            os.close(log)
    except OSError as reason:
        _leave_log(connection)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error from reason


def _leave_log(connection: sqlite3.Connection) -> None:
    """Have the log copied and begun anew, if that can be done.

    What follows a gap in it would be lost in a power cut. Twice, as the kernel tells of one failure
    once to each who has the file open.
    """
    for _ in range(2):
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return
