"""Choosing an operator for a contact and taking a place with them, never over the limit."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from random import Random, SystemRandom
from typing import Any

from distribution import selection
from distribution.models import OperatorSourceWeight
from distribution.selection import Candidate, Reason
from distribution.services import place_sql
from distribution.services.many_operators import Look, draw_among_many, note_size
from distribution.services.place_sql import hold_source
from distribution.services.sources import source_not_found
from minicrm.databases import is_postgresql
from minicrm.hot_cursor import hot_cursor
from minicrm.transactions import RunAgain

# Drawn from the operating system: it has no state that forked workers could share.
SYSTEM_RANDOM = SystemRandom()

NEAR = 3  # free places; that so many go to others between a look and a claim is rare
# Takes a place with whom was drawn, given the decision record too; their name, or None.
Take = Callable[[Candidate, dict[str, Any]], str | None]
# A source's operators by id, or what is needed to find one of many.
Seen = list[Candidate] | Look


@dataclass(frozen=True, slots=True)
class Claim:
    """A place taken with an operator, or None when nobody has one, and the record of the choice.

    `operator_name` is there for who was drawn for an arrival, whose answer tells it.
    """

    operator_id: int | None
    decision: dict[str, Any]
    operator_name: str | None = None

    @property
    def method(self) -> str:
        """Who or what decided, or "queued"."""
        return str(self.decision["method"])


def is_near_limit(chosen: Candidate) -> bool:
    """Whether their last places may well go to others before ours is taken."""
    return chosen.limit - chosen.load <= NEAR


def take_place(chosen: Candidate, decision: dict[str, Any]) -> str | None:
    """Take a place, and nothing else."""
    return place_sql.take_place(chosen.operator_id)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked: for whom, by whom, and with what luck."""

    source_id: int
    actor: str
    last_operator_id: int | None
    rng: Random
    take: Take


def claim_operator(
    *,
    source_id: int,
    actor: str,
    last_operator_id: int | None = None,
    rng: Random = SYSTEM_RANDOM,
    seen: Seen | None = None,
    take: Take = take_place,
) -> Claim:
    """Choose an operator for one contact of a source and take a place with them.

    Runs inside the caller's transaction, in which the caller stores the contact: afterwards, or in
    the statement that takes the place, which `take` sends. `seen` is what the caller has just read
    of the source's operators, if anything. A reopened contact goes to its last operator if they are
    available. A claim without an operator means that nobody can take it and it waits: then the
    source's row stays locked until the commit, so that no place can be freed unseen between this
    look and the contact's joining the queue. Raises NotFound for an unknown source.
    """
    choice = Choice(source_id, actor, last_operator_id, rng, take)
    claim = _try_to_claim(choice, seen)
    if claim.operator_id is not None:
        return claim
    is_active = hold_source(source_id)
    claim = _try_to_claim(choice)
    if not is_active:
        claim.decision["source_inactive"] = True
    return claim


def _try_to_claim(choice: Choice, seen: Seen | None = None) -> Claim:
    """Claim one of those who can take a contact: of those seen, or as it is at this moment."""
    if isinstance(seen, list) and seen:
        return _claim_among(seen, choice)
    if claim := _claim_among_many(choice, seen if isinstance(seen, Look) else None):
        return claim
    candidates = place_sql.read_candidates(choice.source_id)
    if candidates is None:
        note_size(choice.source_id, 0)
        raise source_not_found(choice.source_id, field="source_id")
    return _claim_among(candidates, choice)


def _claim_among_many(choice: Choice, seen: Look | None) -> Claim | None:
    """Try the short way for sources with many operators, which mostly is enough."""
    if choice.last_operator_id is not None:
        return None
    drawn = draw_among_many(choice.source_id, actor=choice.actor, rng=choice.rng, seen=seen)
    return drawn and _claimed(choice, drawn.chosen, drawn.decision)


def _claim_among(candidates: list[Candidate], choice: Choice) -> Claim:
    """Draw among those who can take a contact until one of them still has a place."""
    note_size(choice.source_id, len(candidates))
    left = selection.available(candidates)
    explain = partial(selection.explain, candidates, actor=choice.actor)
    missed: dict[int, Reason] = {}
    while left:
        last = [one for one in left if one.operator_id == choice.last_operator_id]
        chosen = last[0] if last else selection.pick(left, choice.rng)
        method = "reopening" if last else "weighted_random"
        decision = explain(method=method, chosen=chosen, missed=missed)
        if claim := _claimed(choice, chosen, decision):
            return claim
        missed[chosen.operator_id] = Reason.TAKEN
        left.remove(chosen)
    return Claim(None, explain(method="queued", chosen=None, missed=missed))


def _claimed(choice: Choice, chosen: Candidate, decision: dict[str, Any]) -> Claim | None:
    name = _taken(chosen, partial(choice.take, chosen, decision))
    return None if name is None else Claim(chosen.operator_id, decision, name)


def _taken(chosen: Candidate, take: Callable[[], str | None]) -> str | None:
    """Try to take a place with an operator; a vain try leaves no lock behind.

    PostgreSQL keeps a row locked that it waited for and then found not to match; holding it while
    asking for another operator, or for the source's row, would be against the lock order. Where a
    place can well be lost, a savepoint gives the row back. It costs a question to the database; far
    from the limit everything is run again instead. Nobody releases it: it ends with the
    transaction.
    """
    has_row_locks = is_postgresql()
    if has_row_locks and is_near_limit(chosen):
        with hot_cursor(prepares=False) as cursor:
            cursor.execute("SAVEPOINT place")
            if (name := take()) is None:
                cursor.execute("ROLLBACK TO SAVEPOINT place")
        return name
    if (name := take()) is None and has_row_locks:
        raise RunAgain("an operator with free places was switched off, or got many at once")
    return name


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
