"""What processes have used so far, as /proc tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Fields of /proc/PID/stat after the name in brackets, which may hold blanks itself.
PARENT, USED = 1, slice(11, 15)  # own time in user and kernel mode, and that of ended children
MAX_TRIES = 20

Stats = dict[int, list[str]]


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far; bytes of memory held now, and those shared with nobody."""

    seconds: float = 0.0
    resident: int = 0
    private: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.seconds + other.seconds,
            self.resident + other.resident,
            self.private + other.private,
        )


def usage_of(root: int) -> Usage:
    """Return what a process and all below it have used, those that ended meanwhile included.

    The kernel adds an ended process's time to its parent's once that has waited for it. One that
    ends while we read would be counted twice or not at all: so all that were seen must still be
    there after the reading.
    """
    stats = _stats()
    family = _family(root, stats)
    for _ in range(MAX_TRIES):
        later = _stats()
        if (now := _family(root, later)) == family:
            break
        stats, family = later, now
    total = Usage()
    for pid in family:
        total += Usage(sum(map(int, stats[pid][USED])) / TICKS, *_memory(pid))
    return total


def _family(root: int, stats: Stats) -> set[int]:
    found: set[int] = set()
    to_see = {root} & stats.keys()
    while to_see:
        found |= to_see
        to_see = {pid for pid, stat in stats.items() if int(stat[PARENT]) in to_see} - found
    return found


def _stats() -> Stats:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
            found[int(folder.name)] = text.rpartition(")")[2].split()
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Return the bytes that a process has in memory, and those of them that are its own."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    return int(resident) * PAGE, (int(resident) - int(shared)) * PAGE
