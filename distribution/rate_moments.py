"""One moment for each API key, shared by all processes of this machine that see one /dev/shm.

Containers have one each, unless they are given one together, as in compose.yaml. A small file, in
memory where the machine has such a place, holds eight bytes a key. Nothing of it is worth keeping:
if it is gone, damaged or older than the last start, every key begins afresh.
"""

import fcntl
import hashlib
import os
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

MEMORY = Path("/dev/shm")  # noqa: S108  a folder in memory, on Linux
# Keys are numbered in sequence. Two that are a million apart would share one limit.
PLACES = 2**20
MOMENT = struct.Struct("<d")

Outcome = TypeVar("Outcome")
Step = Callable[[float], tuple[float, Outcome]]


class Moments(Protocol):
    """Where moments are kept; one of a number never written is 0."""

    def change(self, number: int, step: Step[Outcome]) -> Outcome:
        """Replace a moment by what `step` makes of it, while nobody else can, and return the rest.

        Raises OSError where the place has failed.
        """


class OwnMoments:
    """The moments of this process alone, where none can be shared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moments: dict[int, float] = {}

    def change(self, number: int, step: Step[Outcome]) -> Outcome:
        """Replace a moment, see `Moments`."""
        with self._lock:
            self._moments[number], outcome = step(self._moments.get(number, 0.0))
        return outcome


class SharedMoments:
    """The moments of all processes that open the same file.

    Read and written by system calls rather than mapped into memory: a full disk is an error then,
    where a mapped page would end the process.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, made if need be. Raises OSError, also for a file of somebody else's."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(path, flags, 0o600)
        found = os.fstat(self._file)
        mine = found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if not (mine and stat.S_ISREG(found.st_mode)):
            os.close(self._file)
            raise PermissionError(f"{path} is not ours alone")
        # The file's locks keep out other processes, not the other threads of this one.
        self._lock = threading.Lock()

    def change(self, number: int, step: Step[Outcome]) -> Outcome:
        """Replace a moment, see `Moments`."""
        start = number % PLACES * MOMENT.size
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, MOMENT.size, start)
            try:
                stored = os.pread(self._file, MOMENT.size, start)
                moment = MOMENT.unpack(stored)[0] if len(stored) == MOMENT.size else 0.0
                changed, outcome = step(moment)
                os.pwrite(self._file, MOMENT.pack(changed), start)
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, MOMENT.size, start)
        return outcome


def paths_of(data_dir: Path) -> list[Path]:
    """Return where an installation's file may be, best place first: in memory, or with its data."""
    number = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return [MEMORY / f"minicrm-{os.geteuid()}-{number}.rates", data_dir / "api.rates"]


def open_moments(data_dir: Path) -> SharedMoments | None:
    """Return the moments that all processes of an installation share, or None if they cannot."""
    for path in paths_of(data_dir):
        try:
            return SharedMoments(path)
        except OSError:
            continue
    return None
