"""Choosing an operator for a contact and taking a place with them, never over the limit."""

from collections.abc import Collection
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any

from django.db import transaction
from django.db.models import F

from distribution import selection
from distribution.models import Operator, OperatorSourceWeight
from distribution.selection import Candidate, Reason
from distribution.services.locks import lock_source

# Drawn from the operating system: it has no state that forked workers could share.
SYSTEM_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True)
class Claim:
    """A place taken with an operator, and the record of how they were chosen."""

    operator_id: int
    decision: dict[str, Any]


def claim_operator(*, source_id: int, actor: str, rng: Random = SYSTEM_RANDOM) -> Claim | None:
    """Choose an operator for one contact of a source and take a place with them.

    Runs inside the caller's transaction, in which the caller stores the contact. None means that
    nobody can take it and it waits: then the source's row stays locked until the commit, so that
    no place can be freed unseen between this look and the contact's joining the queue.
    """
    claim = _try_to_claim(source_id, actor, rng)
    if claim is None:
        lock_source(source_id)
        claim = _try_to_claim(source_id, actor, rng)
    return claim


def _try_to_claim(source_id: int, actor: str, rng: Random) -> Claim | None:
    """Draw among those who can take a contact until one of them still has a place."""
    candidates = candidates_of([source_id]).get(source_id, [])
    left = selection.available(candidates)
    missed: dict[int, Reason] = {}
    while left:
        chosen = selection.pick(left, rng)
        if _claim(chosen.operator_id):
            method = "weighted_random"
            decision = selection.explain(
                candidates, method=method, actor=actor, chosen=chosen, missed=missed
            )
            return Claim(chosen.operator_id, decision)
        missed[chosen.operator_id] = Reason.TAKEN
        left.remove(chosen)
    return None


def _claim(operator_id: int) -> bool:
    """Take one place with an operator if they are active and below the limit at this very moment.

    The savepoint gives the row back after a vain try: PostgreSQL keeps a row locked that it
    waited for and then found not to match, and holding it while asking for the source's row would
    be against the lock order.
    """
    with transaction.atomic():
        free = Operator.objects.free().filter(pk=operator_id)
        if free.update(current_load=F("current_load") + 1):
            return True
        transaction.set_rollback(True)
    return False


def candidates_of(source_ids: Collection[int]) -> dict[int, list[Candidate]]:
    """Return, per active source, all its operators with weight, load and limit, by operator id."""
    rows = OperatorSourceWeight.objects.filter(
        source_id__in=source_ids, source__is_active=True
    ).values_list(
        "source_id",
        "operator_id",
        "weight",
        "operator__current_load",
        "operator__max_load",
        "operator__is_active",
    )
    by_source: dict[int, list[Candidate]] = {}
    for source_id, operator_id, weight, load, limit, is_active in rows.order_by("operator_id"):
        candidate = Candidate(operator_id, weight, load, limit, is_active)
        by_source.setdefault(source_id, []).append(candidate)
    return by_source
