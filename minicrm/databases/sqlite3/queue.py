"""Whose turn it is to write: one at a time over all threads and processes, in order.

This is for speed and fairness alone. That there is one writer is SQLite's own doing, and where a
file cannot be locked, or for programs that know nothing of us, its lock is all there is.
"""

import contextlib
import fcntl
import os
import threading

ENDING = "-queue"  # of the file beside the database; there is never anything in it


class Turn:
    """The right to write, until `end`; a connection that is forgotten gives it back."""

    def __init__(self, queue: "Queue") -> None:
        self._queue: Queue | None = queue

    def end(self) -> None:
        """Let the next one go on."""
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.leave()

    def __del__(self) -> None:
        self.end()


class Queue:
    """Those of this process who want to write to one database; the first of them meets others'.

    Threads wait in line before a lock of this process, with an end to their patience. Only the
    first waits for other processes, in the kernel, which serves them in order too, and lets the
    next one go on when a process is killed.
    """

    def __init__(self, path: str) -> None:
        self._first = threading.Lock()
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open(path + ENDING, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def wait(self, seconds: float) -> Turn | None:
        """Wait for a turn; None when the time is over."""
        if not self._first.acquire(timeout=seconds):
            return None
        if self._file is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_EX)
        return Turn(self)

    def leave(self) -> None:
        """End a turn."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)
        self._first.release()


_queues: dict[str, Queue] = {}
_making = threading.Lock()


def queue_of(path: str) -> Queue:
    """Return this process's queue for a database file."""
    with _making:
        if path not in _queues:
            _queues[path] = Queue(path)
        return _queues[path]


def _forget() -> None:
    """Begin anew in a forked process: the parent's locks are not ours."""
    global _making
    _making = threading.Lock()
    _queues.clear()


os.register_at_fork(after_in_child=_forget)
