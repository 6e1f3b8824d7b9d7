"""A past for the demo: contacts arrive, are assigned or wait, and are closed again.

Played through in memory by the same rules as the real thing. Times are seconds since the start.
"""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from distribution import selection
from distribution.selection import Candidate

ACTOR = "seed_demo"
LONGEST_HANDLING = 45 * 60.0
BUSY = 0.5  # how much of all places is taken on average


@dataclass(frozen=True, slots=True)
class Player:
    """An operator of the past: at most `limit` contacts at once, and none after `off_at`."""

    operator_id: int
    limit: int
    off_at: float | None = None


@dataclass(slots=True)
class PastContact:
    """A contact with its whole life."""

    source_id: int
    created: float
    assigned: float = 0.0
    closed: float = 0.0
    operator_id: int = 0
    method: str = ""
    decision: dict[str, Any] = field(default_factory=dict)


def arrivals(
    rng: Random, *, count: int, seconds: float, popularity: Mapping[int, float]
) -> list[PastContact]:
    """Return contacts that arrive within the time, more of them from the popular sources."""
    times = sorted(rng.uniform(0, seconds) for _ in range(count))
    chosen = rng.choices(list(popularity), list(popularity.values()), k=count)
    return [
        PastContact(source_id, created) for source_id, created in zip(chosen, times, strict=True)
    ]


class History:
    """Plays a past through. Every source needs an operator who is never off."""

    def __init__(
        self, players: Sequence[Player], weights: Mapping[int, Mapping[int, int]], rng: Random
    ) -> None:
        """Take the weights per source and operator, as `{source_id: {operator_id: weight}}`."""
        self._players = {player.operator_id: player for player in players}
        self._weights = weights
        self._rng = rng
        self._handling = LONGEST_HANDLING
        self._loads: Counter[int] = Counter()
        self._queue: list[PastContact] = []
        self._open: list[tuple[float, int, PastContact]] = []  # a heap: the next to be closed
        self._numbers = itertools.count()

    def play(self, contacts: Sequence[PastContact], *, seconds: float, end: float) -> None:
        """Give each contact its operator and its end; they arrive within `seconds` seconds.

        Whatever is open then is closed faster than planned, so that all is closed at `end`.
        """
        places = sum(player.limit for player in self._players.values())
        self._handling = min(LONGEST_HANDLING, BUSY * places * seconds / max(1, len(contacts)))
        for contact in contacts:
            self._close_until(contact.created)
            if not self._assign(contact, contact.created, "weighted_random"):
                self._queue.append(contact)
        self._close_until(math.inf)
        last = max((contact.closed for contact in contacts), default=end)
        pace = min(1.0, (end - seconds) / (last - seconds)) if last > seconds else 1.0
        for contact in contacts:
            contact.assigned = _hurried(contact.assigned, seconds, pace)
            contact.closed = _hurried(contact.closed, seconds, pace)

    def _close_until(self, end: float) -> None:
        """Close what is due, and hand each freed place to the contact that has waited longest."""
        while self._open and self._open[0][0] <= end:
            now, _, contact = heapq.heappop(self._open)
            self._loads[contact.operator_id] -= 1
            for index, waiting in enumerate(self._queue):
                if self._assign(waiting, now, "drain"):
                    del self._queue[index]
                    break

    def _assign(self, contact: PastContact, now: float, method: str) -> bool:
        candidates = [
            self._candidate(operator_id, weight, now)
            for operator_id, weight in self._weights[contact.source_id].items()
        ]
        left = selection.available(candidates)
        if not left:
            return False
        chosen = selection.pick(left, self._rng)
        contact.operator_id, contact.method = chosen.operator_id, method
        contact.assigned = now
        contact.closed = now + self._rng.uniform(0.2, 1.8) * self._handling
        contact.decision = selection.explain(candidates, method=method, actor=ACTOR, chosen=chosen)
        self._loads[chosen.operator_id] += 1
        heapq.heappush(self._open, (contact.closed, next(self._numbers), contact))
        return True

    def _candidate(self, operator_id: int, weight: int, now: float) -> Candidate:
        player = self._players[operator_id]
        is_active = player.off_at is None or now < player.off_at
        return Candidate(operator_id, weight, self._loads[operator_id], player.limit, is_active)


def _hurried(moment: float, since: float, pace: float) -> float:
    """Return the moment in a time that runs by `pace` from `since` on. The order stays."""
    return moment if moment <= since else since + (moment - since) * pace
