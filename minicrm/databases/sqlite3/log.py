"""Waiting for the disk after a commit, while the next one writes already.

With `synchronous=FULL` SQLite waits inside COMMIT, when nobody else can write yet. With NORMAL it
does so only where it copies its log into the database or begins it anew
(https://www.sqlite.org/pragma.html#pragma_synchronous): else the log is complete, but in the
kernel's memory. To have that written to the disk is the same wait, and nobody needs to be kept from
writing for it.
"""

import os
import sqlite3

# Darwin has no such thing; SQLite takes the other one there, too.
_sync = getattr(os, "fdatasync", os.fsync)

# Logs with what may be a gap. After a power cut all that comes behind one is lost.
_suspect: set[str] = set()


class Log:
    """The write-ahead log of a connection.

    Its file is held open, as the kernel tells of a failure to write once, and to those alone who
    have the file open by then. To close it is safe, unlike closing the database's: SQLite has no
    locks on it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    def hold(self) -> bool:
        """Have the file open, before anything is written to it; whether there is one."""
        try:
            if self._file is not None:
                if os.path.samestat(os.fstat(self._file), os.stat(self._path)):
                    return True
                self.close()
            self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        return True

    def sync(self, connection: sqlite3.Connection) -> None:
        """Return when all that was committed is on the disk; raises SQLite's error where it is not.

        What could not be written may be in the log for others, and may be lost. So the log is
        copied and begun anew, and until that was done nothing is said to be stored.
        """
        if self._path in _suspect and not _is_left(connection, self._path):
            raise _failure()
        try:
            if self._file is not None:
                _sync(self._file)
        except OSError as reason:
            _suspect.add(self._path)
            _is_left(connection, self._path)
            raise _failure() from reason

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __del__(self) -> None:
        self.close()


def log_of(connection: sqlite3.Connection) -> str | None:
    """Return the path of a connection's write-ahead log, None where there is none."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    # With symbolic links followed, as the log is beside the file itself.
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    return f"{path}-wal" if mode == "wal" and path else None


def _is_left(connection: sqlite3.Connection, path: str) -> bool:
    """Have a suspect log copied and begun anew; whether that could be done.

    Twice, as SQLite, too, is told once of what could not be written.
    """
    for _ in range(2):
        try:
            (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            continue
        if not is_busy:
            _suspect.discard(path)
            return True
    return False


def _failure() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    return error
