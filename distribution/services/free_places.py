"""Handing several free places to contacts in one transaction."""

from collections import Counter
from collections.abc import Collection
from random import Random
from typing import Any

from django.db import connection

from distribution import selection
from distribution.selection import Candidate, Reason
from distribution.services.assignment import SYSTEM_RANDOM, Claim, candidates_of
from distribution.services.locks import lock_operators

# Each row is looked at and changed in one step, under its lock, whatever was read before.
TAKE = """
UPDATE distribution_operator SET current_load = current_load + %s
WHERE id = %s AND is_active AND current_load + %s <= max_load
"""


class PlacesTaken(Exception):
    """Places that looked free were taken by others meanwhile: roll back, and look again."""


def available_operators(source_ids: Collection[int]) -> set[int]:
    """Return who could take a contact of any of the sources at this moment, without locks."""
    return {
        candidate.operator_id
        for candidates in candidates_of(source_ids).values()
        for candidate in selection.available(candidates)
    }


class FreePlaces:
    """The free places of some sources' operators.

    The caller asks for a claim for each contact, in order, and then has the places taken written
    with `save`. Given `operator_ids`, it is they whose rows the caller has locked, and only their
    places are handed out. Else all available operators of the sources are locked here, until the
    commit; or with `lock_later` nobody before `save`, which then locks only those who were drawn,
    and raises PlacesTaken when one of them has not got the places any more.
    """

    def __init__(
        self,
        source_ids: Collection[int],
        *,
        operator_ids: Collection[int] | None = None,
        lock_later: bool = False,
        rng: Random = SYSTEM_RANDOM,
    ) -> None:
        if operator_ids is None and not lock_later:
            operator_ids = lock_operators(available_operators(source_ids)).keys()
        # Read under the locks: what was free before them may be taken by now.
        self._sources = {
            source_id: _Operators(candidates, operator_ids)
            for source_id, candidates in candidates_of(source_ids).items()
        }
        self._taken: list[int] = []  # an operator for each place
        self._saved = 0  # of these
        self._rng = rng

    def sources(self) -> list[int]:
        """Return the sources that still have an available operator."""
        return [source_id for source_id in self._sources if self._of(source_id).free]

    def count(self) -> int:
        """Return how many places are free, each operator's counted once."""
        free = {
            candidate.operator_id: candidate.limit - candidate.load
            for source_id in self._sources
            for candidate in self._of(source_id).free.values()
        }
        return sum(free.values())

    def claim(self, *, source_id: int, method: str, actor: str) -> Claim | None:
        """Choose an operator for one contact; the place counts from now on. None: nobody can."""
        operators = self._of(source_id)
        if not operators.free:
            return None
        chosen = selection.pick(list(operators.free.values()), self._rng)
        decision = operators.explain(method=method, actor=actor, chosen=chosen)
        self._taken.append(chosen.operator_id)
        return Claim(chosen.operator_id, decision)

    def queued(self, *, source_id: int, actor: str) -> Claim:
        """Return the record of why a contact waits that nobody can take.

        The caller holds the source's row exclusively.
        """
        return Claim(None, self._of(source_id).explain(method="queued", actor=actor, chosen=None))

    def save(self) -> None:
        """Write the places taken since the last call, by the operators' ids."""
        places = sorted(Counter(self._taken[self._saved :]).items())
        self._saved = len(self._taken)
        if not places:
            return
        with connection.cursor() as cursor:
            cursor.executemany(TAKE, [(count, one, count) for one, count in places])
            if cursor.rowcount != len(places):
                raise PlacesTaken

    def _of(self, source_id: int) -> "_Operators":
        """Return the operators of a source, with all the places counted that were taken so far."""
        operators = self._sources.get(source_id)
        if operators is None:
            operators = self._sources[source_id] = _Operators([], None)
        operators.count(self._taken)
        return operators


class _Operators:
    """The operators of one source, by id, and those of them who still have a free place."""

    def __init__(self, candidates: list[Candidate], locked: Collection[int] | None) -> None:
        self._now = {candidate.operator_id: candidate for candidate in candidates}
        self._missed: dict[int, Reason] = {}
        if locked is not None:  # nobody else's row can be trusted to stay as it is
            self._missed = dict.fromkeys(self._now.keys() - locked, Reason.FREED_MEANWHILE)
        self.free = {
            candidate.operator_id: candidate
            for candidate in selection.available(candidates)
            if candidate.operator_id not in self._missed
        }
        self._counted = 0

    def count(self, taken: list[int]) -> None:
        """Count the places, an operator for each, that came in since the last call."""
        for operator_id in taken[self._counted :]:
            before = self._now.get(operator_id)
            if before is None:
                continue
            now = self._now[operator_id] = before._replace(load=before.load + 1)
            if operator_id in self.free:
                self.free[operator_id] = now
                if now.load >= now.limit:
                    del self.free[operator_id]
        self._counted = len(taken)

    def explain(self, *, method: str, actor: str, chosen: Candidate | None) -> dict[str, Any]:
        """Return the decision record of a choice among them as they are now."""
        return selection.explain(
            list(self._now.values()),
            method=method,
            actor=actor,
            chosen=chosen,
            missed=self._missed,
        )
