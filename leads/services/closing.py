"""Closing and reopening contacts."""

from random import Random

from django.utils import timezone

from distribution.services import claim_operator
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.locks import lock_operators_and_their_sources
from leads.models import Assignment, Contact
from leads.services.moves import (
    Moved,
    change,
    checked_reason,
    kept_reason,
    operators_of,
    read,
    refuse_stale,
)
from leads.services.periods import begin_periods, end_periods
from leads.services.waiting import hand_on_places
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
    reason = kept_reason(contact.pk, reason)
    end_periods([contact.pk], ended_as=Assignment.End.CLOSED, actor=actor, now=now, reason=reason)
    cause = {"move": "close", "contact_id": contact.pk}
    assigned = hand_on_places(operators, source_ids, actor=actor, cause=cause)
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
        last_operator_id=_last_operator(contact),
        rng=rng,
    )
    now = timezone.now()
    taken = claim.operator_id is not None
    change(
        contact,
        status=Status.ASSIGNED if taken else Status.WAITING,
        operator_id=claim.operator_id,
        assigned_at=now if taken else None,
        closed_at=None,
    )
    claim.decision["reason"] = kept_reason(contact.pk, reason)
    begin_periods([(contact.pk, claim)], now=now)
    return Moved(read(contact_id), changed=True)


def _last_operator(contact: Contact) -> int | None:
    """Return who had the contact last, if anybody, also if it was put back into the queue since."""
    periods = contact.assignments.filter(operator__isnull=False).order_by("-pk")
    return periods.values_list("operator_id", flat=True).first()
