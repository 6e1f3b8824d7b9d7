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
    """A place taken with an operator, or None when nobody has one, and the record of the choice."""

    operator_id: int | None
    decision: dict[str, Any]

    @property
    def method(self) -> str:
        """Who or what decided, or "queued"."""
        return str(self.decision["method"])


def claim_operator(
    *,
    source_id: int,
    actor: str,
    last_operator_id: int | None = None,
    rng: Random = SYSTEM_RANDOM,
) -> Claim:
    """Choose an operator for one contact of a source and take a place with them.

    Runs inside the caller's transaction, in which the caller stores the contact. A reopened contact
    goes to its last operator if they are available. A claim without an operator means that nobody
    can take it and it waits: then the source's row stays locked until the commit, so that no place
    can be freed unseen between this look and the contact's joining the queue.
    """
    claim = _try_to_claim(source_id, actor, last_operator_id, rng)
    if claim.operator_id is not None:
        return claim
    source = lock_source(source_id)
    claim = _try_to_claim(source_id, actor, last_operator_id, rng)
    if not source.is_active:
        claim.decision["source_inactive"] = True
    return claim


def _try_to_claim(source_id: int, actor: str, last_operator_id: int | None, rng: Random) -> Claim:
    """Draw among those who can take a contact until one of them still has a place."""
    candidates = candidates_of([source_id]).get(source_id, [])
    left = selection.available(candidates)
    missed: dict[int, Reason] = {}
    while left:
        last = [candidate for candidate in left if candidate.operator_id == last_operator_id]
        chosen = last[0] if last else selection.pick(left, rng)
        if _claim(chosen.operator_id):
            method = "reopening" if last else "weighted_random"
            decision = selection.explain(
                candidates, method=method, actor=actor, chosen=chosen, missed=missed
            )
            return Claim(chosen.operator_id, decision)
        missed[chosen.operator_id] = Reason.TAKEN
        left.remove(chosen)
    decision = selection.explain(
        candidates, method="queued", actor=actor, chosen=None, missed=missed
    )
    return Claim(None, decision)


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
