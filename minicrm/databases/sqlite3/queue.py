"""Whose turn it is to write: one at a time over all threads and processes.

This is for speed and fairness alone. That there is one writer is SQLite's own doing, and where a
file cannot be locked, or for programs that know nothing of us, its lock is all there is.
"""

import contextlib
import fcntl
import os
import struct
import threading
import time

ENDING = "-queue"  # of the file beside the database
NAP = 0.0003  # seconds
WORD = struct.Struct("<qd")  # which process has waited last, and when


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

    Threads wait before a lock of this process, and only the first looks whether another process has
    its turn: every fraction of a millisecond, as the kernel's own waiting would have no end. While
    it does it leaves word in the file, so that a process lets the other one in between two of its
    own. A turn ends with its process, whatever becomes of that.
    """

    def __init__(self, path: str) -> None:
        self._first = threading.Lock()
        self._not_before = 0.0  # on the monotonic clock: until then another process may go first
        self._file: int | None = None
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            self._file = os.open(path + ENDING, flags, 0o600)

    def wait(self, seconds: float) -> Turn | None:
        """Wait for a turn; None when the time is over."""
        give_up_at = time.monotonic() + seconds
        if not self._first.acquire(timeout=seconds):
            return None
        try:
            pause = self._not_before - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            while not self._is_ours():
                if time.monotonic() > give_up_at:
                    self._first.release()
                    return None
                self._leave_word()
                time.sleep(NAP)
        except BaseException:
            self._first.release()
            raise
        return Turn(self)

    def leave(self) -> None:
        """End a turn; if another process waits, it has the time of two looks before our next."""
        try:
            if self._file is not None:
                with contextlib.suppress(OSError):
                    fcntl.flock(self._file, fcntl.LOCK_UN)
                if self._somebody_waits():
                    self._not_before = time.monotonic() + 2 * NAP
        finally:
            self._first.release()

    def _is_ours(self) -> bool:
        """Take the file's lock; whether we have it, or there is none to be had."""
        if self._file is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def _leave_word(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._file, WORD.pack(os.getpid(), time.monotonic()), 0)

    def _somebody_waits(self) -> bool:
        """Whether another process has looked a moment ago; the clock is the machine's."""
        word = b""
        if self._file is not None:
            with contextlib.suppress(OSError):
                word = os.pread(self._file, WORD.size, 0)
        if len(word) < WORD.size:
            return False
        pid, moment = WORD.unpack(word)
        return bool(pid != os.getpid() and 0 <= time.monotonic() - moment < 10 * NAP)


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
