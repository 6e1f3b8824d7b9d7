"""How many connections each of gunicorn's workers has, in memory that all of them see.

The kernel wakes every worker for a new connection, and the one that is awake already takes it, and
the next ones too. Clients that keep their connections, as proxies do, then stay with one worker,
while another one has nothing to do.
"""

import mmap

PLACES = 64  # workers from this place on do not take part
NOT_ACCEPTING = 0xFFFF  # more than anybody has


class ConnectionCounts:
    """The counts of one parent's workers; made before they are, so that they share it.

    No lock: each worker writes its own count alone, and one that is read too late does no harm.
    """

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 2 * PLACES)).cast("H")
        for place in range(PLACES):
            self.leave(place)

    def tell(self, place: int, number: int) -> None:
        """Say that the worker in this place accepts connections, and has so many."""
        if place < PLACES:
            self._counts[place] = min(number, NOT_ACCEPTING - 1)

    def leave(self, place: int) -> None:
        """Say that nobody in this place accepts connections."""
        if place < PLACES:
            self._counts[place] = NOT_ACCEPTING

    def fewest(self) -> int:
        """Return the number of the one who has the fewest; many, where nobody accepts any."""
        return min(self._counts)
