"""What processes have used so far, as /proc tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Fields of /proc/PID/stat after the name in brackets, which may hold blanks itself.
PARENT, USED = 1, slice(11, 15)  # own time in user and kernel mode, and that of ended children
RESIDENT = 21


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far, and bytes of memory held now."""

    seconds: float
    memory: int

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.seconds + other.seconds, self.memory + other.memory)


def usage_of(root: int) -> Usage:
    """Return what a process and all below it have used, those that ended meanwhile included."""
    stats = _all()
    family, total = [root], Usage(0, 0)
    while family:
        pid = family.pop()
        if (stat := stats.get(pid)) is None:
            continue
        seconds = sum(map(int, stat[USED])) / TICKS
        total += Usage(seconds, int(stat[RESIDENT]) * PAGE)
        family += [child for child, of in stats.items() if int(of[PARENT]) == pid]
    return total


def _all() -> dict[int, list[str]]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
            found[int(folder.name)] = text.rpartition(")")[2].split()
    return found
