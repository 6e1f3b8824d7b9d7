"""Handing several free places to contacts in one transaction."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from random import Random

from django.db.models import F

from distribution import selection
from distribution.models import Operator
from distribution.selection import Candidate, Reason
from distribution.services.assignment import SYSTEM_RANDOM, Claim, candidates_of
from distribution.services.locks import lock_operators


def available_operators(source_ids: Collection[int]) -> set[int]:
    """Return who could take a contact of any of the sources at this moment, without locks."""
    return {
        candidate.operator_id
        for candidates in candidates_of(source_ids).values()
        for candidate in selection.available(candidates)
    }


class FreePlaces:
    """The free places of some sources' operators, whose rows stay locked until the commit.

    The caller asks for a claim for each contact in queue order, and then has the places taken
    written with `save`. Given `operator_ids`, it is they whose rows the caller has locked, and only
    their places are handed out; else all available operators of the sources are locked here.
    """

    def __init__(
        self,
        source_ids: Collection[int],
        *,
        operator_ids: Collection[int] | None = None,
        rng: Random = SYSTEM_RANDOM,
    ) -> None:
        if operator_ids is None:
            operator_ids = lock_operators(available_operators(source_ids)).keys()
        self._locked = frozenset(operator_ids)
        # Read under the locks: what was free before them may be taken by now.
        self._candidates = candidates_of(source_ids)
        self._taken: Counter[int] = Counter()
        self._rng = rng

    def sources(self) -> list[int]:
        """Return the sources that still have an available operator."""
        return [source_id for source_id in self._candidates if self._available(source_id)]

    def count(self) -> int:
        """Return how many places are free, each operator's counted once."""
        free = {
            candidate.operator_id: candidate.limit - candidate.load
            for source_id in self._candidates
            for candidate in self._available(source_id)
        }
        return sum(free.values())

    def claim(self, *, source_id: int, method: str, actor: str) -> Claim | None:
        """Choose an operator for one contact; the place counts from now on. None: nobody can."""
        left = self._available(source_id)
        if not left:
            return None
        chosen = selection.pick(left, self._rng)
        candidates = self._now(source_id)
        decision = selection.explain(
            candidates,
            method=method,
            actor=actor,
            chosen=chosen,
            missed={
                candidate.operator_id: Reason.FREED_MEANWHILE
                for candidate in candidates
                if candidate.operator_id not in self._locked
            },
        )
        self._taken[chosen.operator_id] += 1
        return Claim(chosen.operator_id, decision)

    def save(self) -> None:
        """Write the places taken since the last call."""
        for operator_id, places in sorted(self._taken.items()):
            Operator.objects.filter(pk=operator_id).update(current_load=F("current_load") + places)
        self._candidates = {source_id: self._now(source_id) for source_id in self._candidates}
        self._taken.clear()

    def _available(self, source_id: int) -> list[Candidate]:
        """Return whom we may choose: those whose row is held, who cannot change any more."""
        free = selection.available(self._now(source_id))
        return [candidate for candidate in free if candidate.operator_id in self._locked]

    def _now(self, source_id: int) -> list[Candidate]:
        """Return the source's candidates with the places taken so far counted."""
        return [
            replace(candidate, load=candidate.load + self._taken[candidate.operator_id])
            for candidate in self._candidates.get(source_id, [])
        ]
