"""Closing and reopening contacts."""

from random import Random

from django.utils import timezone

from distribution.models import Operator
from distribution.services import Claim, claim_operator, give_up_places
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.locks import lock_operators_and_their_sources
from leads.models import Assignment, Contact
from leads.services.moves import Moved, change, checked_reason, read, refuse_stale
from leads.services.periods import begin_periods, end_periods
from leads.services.waiting import drain
from minicrm.transactions import retried

Status = Contact.Status


@retried
def close_contact(
    contact_id: int, *, actor: str, version: int | None = None, reason: str = ""
) -> Moved:
    """Close a contact, assigned or waiting, and hand its operator's place to the oldest waiting.

    Closing a closed one changes nothing. Raises NotFound, and Conflict for a stale `version`.
    """
    reason = checked_reason(reason)
    contact = read(contact_id)
    if contact.status == Status.CLOSED:
        return Moved(contact, changed=False)
    refuse_stale(contact, version)
    operators, source_ids = lock_operators_and_their_sources(operators_of(contact))
    now = timezone.now()
    change(contact, status=Status.CLOSED, closed_at=now)
    end_periods([contact.pk], ended_as=Assignment.End.CLOSED, actor=actor, now=now, reason=reason)
    assigned = free_places_of(operators, source_ids, actor=actor)
    return Moved(read(contact_id), changed=True, assigned=assigned)


@retried
def reopen_contact(
    contact_id: int,
    *,
    actor: str,
    version: int | None = None,
    reason: str = "",
    rng: Random = SYSTEM_RANDOM,
) -> Moved:
    """Open a closed contact: with its last operator if available, else by the normal choice.

    If nobody can take it, it waits, at its old place in the queue. Reopening an open one changes
    nothing. Raises NotFound, and Conflict for a stale `version`.
    """
    reason = checked_reason(reason)
    contact = read(contact_id)
    if contact.status != Status.CLOSED:
        return Moved(contact, changed=False)
    refuse_stale(contact, version)
    claim = claim_operator(
        source_id=contact.source_id,
        actor=actor,
        last_operator_id=contact.operator_id,
        rng=rng,
    )
    claim.decision["reason"] = reason
    now = timezone.now()
    taken = claim.operator_id is not None
    change(
        contact,
        status=Status.ASSIGNED if taken else Status.WAITING,
        operator_id=claim.operator_id,
        assigned_at=now if taken else None,
        closed_at=None,
    )
    begin_periods([(contact.pk, claim)], now=now)
    return Moved(read(contact_id), changed=True)


def operators_of(contact: Contact) -> list[int]:
    """Return the operator whose place an open contact takes, if any."""
    return [] if contact.operator_id is None else [contact.operator_id]


def free_places_of(operators: dict[int, Operator], source_ids: set[int], *, actor: str) -> int:
    """Give up one place with each of these operators, and hand it on; return how many were.

    The caller holds the rows of the operators, and of their sources.
    """
    give_up_places(dict.fromkeys(operators, 1))
    return drain(source_ids=source_ids, operator_ids=operators.keys(), actor=actor).assigned


def by_hand(
    method: Assignment.Method, operator_id: int | None, *, actor: str, **facts: object
) -> Claim:
    """Return the record of a choice that nobody drew: who made it, and what they said."""
    decision = {"method": str(method), "by": actor, "operator_id": operator_id, **facts}
    return Claim(operator_id, decision)
