"""What is stored, held in memory as the kernel of a machine in use holds it.

Hosts of virtual machines take memory back that nobody has asked for in a while. Then whoever asks
for something old waits for a disk, and a benchmark of what grows with the data measures that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20
# A part of all memory: of more than that a machine in use holds some of it only.
MOST = 0.5


def hold(files: Iterable[Path]) -> int:
    """Have the kernel read files that it does not hold; return their bytes, 0 if they are too many.

    It is told that they are read at random, as databases do. Else it reads ahead and keeps many
    pages as one piece, in which a small write costs more.
    """
    sizes: dict[Path, int] = {}
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # PostgreSQL removes what it has done with
            sizes[path] = path.stat().st_size
    if sum(sizes.values()) > MOST * _memory():
        return 0
    return sum(map(_read, sizes))


def _read(path: Path) -> int:
    part, total = bytearray(CHUNK), 0
    with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        while size := file.readinto(part):
            total += size
    return total


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
