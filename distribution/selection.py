"""The choice of an operator, as pure functions: candidates in, choice and its explanation out.

No database and no clock; the random generator is passed in. Among the candidates that can take a
contact each is chosen with the chance weight / sum of weights, exactly: the draw is an integer
below the sum, so there is no rounding.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import Any

LISTED_CANDIDATES = 50  # a decision lists at most so many of each kind, and counts the rest


class Reason(StrEnum):
    """Why a candidate could not take a contact."""

    INACTIVE = "inactive"
    AT_LIMIT = "at_limit"
    WEIGHT_ZERO = "weight_zero"
    TAKEN = "taken"  # the last free place went to somebody else during the choice
    FREED_MEANWHILE = "freed_meanwhile"  # became free only after the choice had begun


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operator as seen for one source at one moment. `load` and `limit` count contacts."""

    operator_id: int
    weight: int
    load: int
    limit: int
    is_active: bool = True

    def reason(self) -> Reason | None:
        """Return why this candidate cannot take a contact, or None when it can."""
        if not self.is_active:
            return Reason.INACTIVE
        if self.weight <= 0:
            return Reason.WEIGHT_ZERO
        if self.load >= self.limit:
            return Reason.AT_LIMIT
        return None


def available(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that can take a contact, in the order given."""
    return [candidate for candidate in candidates if candidate.reason() is None]


def pick(candidates: Sequence[Candidate], rng: Random) -> Candidate:
    """Draw one of the candidates with the chance weight / sum of weights.

    Every candidate must be available; ValueError when there is none.
    """
    if not candidates:
        raise ValueError("nobody to pick from")
    bounds = list(accumulate(candidate.weight for candidate in candidates))
    return candidates[bisect_right(bounds, rng.randrange(bounds[-1]))]


def explain(
    candidates: Sequence[Candidate],
    *,
    method: str,
    actor: str,
    chosen: Candidate | None,
    missed: Mapping[int, Reason] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the decision record: who could have had the contact, who could not and why.

    `candidates` are all operators of the source as they were read, `missed` names those who look
    free but could not be had, by operator id. Nobody `chosen` is the record of why it waits.
    """
    could: list[Candidate] = []
    left_out: list[tuple[Candidate, Reason]] = []
    for candidate in candidates:
        reason = candidate.reason() or missed.get(candidate.operator_id)
        if reason is None:
            could.append(candidate)
        else:
            left_out.append((candidate, reason))
    chosen_id = chosen.operator_id if chosen else None
    # The chosen one is listed in any case, however many there are.
    could.sort(key=lambda candidate: candidate.operator_id != chosen_id)
    return {
        "method": method,
        "by": actor,
        "operator_id": chosen_id,
        "available_count": len(could),
        "total_weight": sum(candidate.weight for candidate in could),
        "candidates": [_facts(candidate) for candidate in could[:LISTED_CANDIDATES]],
        "left_out_count": dict(Counter(reason.value for _, reason in left_out)),
        "left_out": [
            _facts(candidate) | {"reason": reason.value}
            for candidate, reason in left_out[:LISTED_CANDIDATES]
        ],
    }


def _facts(candidate: Candidate) -> dict[str, Any]:
    return {
        "operator_id": candidate.operator_id,
        "weight": candidate.weight,
        "load": candidate.load,
        "limit": candidate.limit,
    }
