"""Switching an operator off, and what becomes of their open contacts."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from django.db.models import F
from django.utils import timezone

from distribution.models import Operator
from distribution.services import FreePlaces, give_up_places, update_operator
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.free_places import available_operators
from distribution.services.locks import lock_operators, lock_sources
from leads.models import Assignment, Contact
from leads.services.moves import by_hand
from leads.services.periods import begin_periods, end_periods
from leads.services.waiting import BATCH, drain, hand_over
from minicrm.transactions import retried, retried_read


class OpenContacts(StrEnum):
    """What becomes of the open contacts of an operator who is switched off."""

    KEEP = "keep"  # they stay
    REQUEUE = "requeue"  # all leave: whoever is available gets them, the others wait
    REDISTRIBUTE = "redistribute"  # whoever is available gets them, the others stay


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """The operator, and how many of their open contacts went elsewhere and how many stayed."""

    operator: Operator
    moved: int
    kept: int


def switch_operator_off(
    operator_id: int,
    *,
    actor: str,
    open_contacts: OpenContacts = OpenContacts.KEEP,
    rng: Random = SYSTEM_RANDOM,
) -> SwitchedOff:
    """Switch an operator off, and do with their open contacts what is chosen, oldest first.

    Contacts move in batches, each in a transaction of its own, after the switch: whoever is
    interrupted repeats it and goes on. It stops when it finds the operator switched on again.
    Raises NotFound.
    """
    update_operator(operator_id, actor=actor, is_active=False)
    moved, last_id = 0, 0
    while open_contacts != OpenContacts.KEEP:
        contact_ids = _next_batch(operator_id, last_id)
        if not contact_ids:
            break
        move = _requeue if open_contacts == OpenContacts.REQUEUE else _redistribute
        count = move(operator_id, contact_ids, actor, rng)
        if count is None:
            break
        moved += count
        last_id = contact_ids[-1]
    operator = retried_read(Operator.objects.get)(pk=operator_id)
    return SwitchedOff(operator, moved, operator.current_load)


@retried_read
def _next_batch(operator_id: int, last_id: int) -> list[int]:
    """Return the oldest of the operator's open contacts after that one."""
    theirs = Contact.objects.assigned().filter(operator_id=operator_id, pk__gt=last_id)
    return list(theirs.order_by("pk").values_list("pk", flat=True)[:BATCH])


@retried
def _requeue(operator_id: int, contact_ids: Collection[int], actor: str, rng: Random) -> int | None:
    """Put these contacts of the operator into the queue, serve it, and return how many.

    None, and nothing done, when the operator is on again. No more contacts become available to
    others than a drain assigns at once, as BATCH is the smaller number.
    """
    source_ids = _sources(contact_ids)
    lock_sources(exclusively=source_ids)
    held = _hold(operator_id, contact_ids, source_ids)
    if held is None:
        return None
    contacts, others = held
    moving = [contact.pk for contact in contacts]
    Contact.objects.filter(pk__in=moving).update(
        status=Contact.Status.WAITING,
        operator_id=None,
        assigned_at=None,
        version=F("version") + 1,
    )
    now = timezone.now()
    end_periods(moving, ended_as=Assignment.End.REQUEUED, actor=actor, now=now)
    queued = by_hand(Assignment.Method.QUEUED, None, actor=actor, operator_off=operator_id)
    begin_periods([(contact_id, queued) for contact_id in moving], now=now)
    give_up_places({operator_id: len(moving)})
    cause = {"change": "operator_off", "operator_id": operator_id}
    drain(source_ids=source_ids, operator_ids=others, actor=actor, cause=cause, rng=rng)
    return len(moving)


@retried
def _redistribute(
    operator_id: int, contact_ids: Collection[int], actor: str, rng: Random
) -> int | None:
    """Give those of these contacts that others can take to them; return how many.

    None, and nothing done, when the operator is on again.
    """
    source_ids = _sources(contact_ids)
    held = _hold(operator_id, contact_ids, source_ids)
    if held is None:
        return None
    contacts, others = held
    places = FreePlaces(source_ids, operator_ids=others, rng=rng)
    method = str(Assignment.Method.REDISTRIBUTION)
    claims = [
        (contact, claim)
        for contact in contacts
        if (claim := places.claim(source_id=contact.source_id, method=method, actor=actor))
    ]
    for _, claim in claims:
        claim.decision["from_operator_id"] = operator_id
    places.save()
    hand_over(claims, ended_as=Assignment.End.REDISTRIBUTED, actor=actor)
    give_up_places({operator_id: len(claims)})
    return len(claims)


def _sources(contact_ids: Collection[int]) -> set[int]:
    return set(Contact.objects.filter(pk__in=contact_ids).values_list("source_id", flat=True))


def _hold(
    operator_id: int, contact_ids: Collection[int], source_ids: Collection[int]
) -> tuple[list[Contact], set[int]] | None:
    """Lock the operator and all who could take over; return the contacts that are still theirs.

    Nobody can take an assigned contact away without the operator's row. None when the operator is
    on again.
    """
    operators = lock_operators({operator_id, *available_operators(source_ids)})
    operator = operators.pop(operator_id)
    if operator.is_active:
        return None
    theirs = Contact.objects.assigned().filter(operator_id=operator_id, pk__in=contact_ids)
    return list(theirs.order_by("pk")), set(operators)
