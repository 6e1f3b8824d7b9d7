"""The choice of an operator, as pure functions: candidates in, choice and its explanation out.

No database and no clock; the random generator is passed in. Among the candidates that can take a
contact each is chosen with the chance weight / sum of weights, exactly: the draw is an integer
below the sum, so there is no rounding.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import accumulate, islice
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

LISTED_CANDIDATES = 50  # a decision lists at most so many of each kind, and counts the rest


class Reason(StrEnum):
    """Why a candidate could not take a contact."""

    INACTIVE = "inactive"
    AT_LIMIT = "at_limit"
    WEIGHT_ZERO = "weight_zero"
    TAKEN = "taken"  # the last free place went to somebody else during the choice
    FREED_MEANWHILE = "freed_meanwhile"  # became free only after the choice had begun


class Candidate(NamedTuple):
    """An operator as seen for one source at one moment. `load` and `limit` count contacts.

    A tuple: a source may have a thousand, and each arrival looks at them all.
    """

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
    # What `reason` says, in one expression: an arrival asks it of a thousand operators.
    return [one for one in candidates if one.is_active and one.weight > 0 and one.load < one.limit]


def pick(candidates: Sequence[Candidate], rng: Random) -> Candidate:
    """Draw one of the candidates with the chance weight / sum of weights.

    Every candidate must be available; ValueError when there is none.
    """
    if not candidates:
        raise ValueError("nobody to pick from")
    bounds = list(accumulate([one.weight for one in candidates]))
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
    could = available(candidates)
    if missed:
        could = [one for one in could if one.operator_id not in missed]
    left_out = _left_out(candidates, missed) if len(could) < len(candidates) else []
    listed = could[:LISTED_CANDIDATES]
    if chosen is not None:  # is listed in any case, and first, however many there are
        others = (one for one in could if one.operator_id != chosen.operator_id)
        listed = [chosen, *islice(others, LISTED_CANDIDATES - 1)]
    return decision_record(
        method=method,
        actor=actor,
        chosen=chosen,
        available_count=len(could),
        total_weight=sum([one.weight for one in could]),
        listed=listed,
        left_out_count=Counter([reason.value for _, reason in left_out]),
        left_out=left_out[:LISTED_CANDIDATES],
    )


def decision_record(
    *,
    method: str,
    actor: str,
    chosen: Candidate | None,
    available_count: int,
    total_weight: int,
    listed: Sequence[Candidate],
    left_out_count: Mapping[str, int],
    left_out: Sequence[tuple[Candidate, Reason]],
) -> dict[str, Any]:
    """Return a decision record as it is stored, of candidates and left-out ones already chosen."""
    return {
        "method": method,
        "by": actor,
        "operator_id": chosen.operator_id if chosen else None,
        "available_count": available_count,
        "total_weight": total_weight,
        # `_facts`, written out: to call it fifty times is much of an arrival at a large source.
        "candidates": [
            {"operator_id": operator_id, "weight": weight, "load": load, "limit": limit}
            for operator_id, weight, load, limit, _ in listed
        ],
        "left_out_count": dict(left_out_count),
        "left_out": [_facts(one) | {"reason": reason.value} for one, reason in left_out],
    }


def _left_out(
    candidates: Sequence[Candidate], missed: Mapping[int, Reason]
) -> list[tuple[Candidate, Reason]]:
    reasons = ((one, one.reason() or missed.get(one.operator_id)) for one in candidates)
    return [(one, reason) for one, reason in reasons if reason is not None]


def _facts(candidate: Candidate) -> dict[str, Any]:
    return {
        "operator_id": candidate.operator_id,
        "weight": candidate.weight,
        "load": candidate.load,
        "limit": candidate.limit,
    }
