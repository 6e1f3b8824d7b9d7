"""Giving contacts to another operator, or back into the queue."""

from random import Random

from django.utils import timezone

from distribution.models import Operator
from distribution.services import give_up_places, take_place
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.free_places import available_operators
from distribution.services.locks import lock_operators, lock_operators_and_their_sources
from distribution.services.operators import operator_not_found
from leads.models import Assignment, Contact
from leads.services.moves import (
    Moved,
    by_hand,
    change,
    changed_meanwhile,
    checked_reason,
    kept_reason,
    operators_of,
    present_state,
    read,
    refuse_closed,
    refuse_stale,
)
from leads.services.periods import begin_periods, end_periods
from leads.services.waiting import drain, hand_on_places
from minicrm.errors import Conflict
from minicrm.transactions import retried

End = Assignment.End
Method = Assignment.Method


@retried
def requeue_contact(
    contact_id: int,
    *,
    actor: str,
    version: int | None = None,
    reason: str = "",
    rng: Random = SYSTEM_RANDOM,
) -> Moved:
    """Take a contact away from its operator and put it back into the queue, at its old place.

    The queue is served at once: whoever is available gets it, by the normal choice, which may be
    the same operator; else it waits. Requeueing a waiting one changes nothing. Raises NotFound, and
    Conflict for a closed one or a stale `version`.
    """
    reason = checked_reason(reason)
    contact = read(contact_id)
    if contact.status == Contact.Status.WAITING:
        return Moved(contact, changed=False)
    refuse_closed(contact)
    refuse_stale(contact, version)
    queue = {contact.source_id}
    last_operator = operators_of(contact)
    operators, source_ids = lock_operators_and_their_sources(
        last_operator, queueing=queue, others=lambda: available_operators(queue)
    )
    now = timezone.now()
    change(contact, status=Contact.Status.WAITING, operator_id=None, assigned_at=None)
    reason = kept_reason(contact.pk, reason)
    end_periods([contact.pk], ended_as=End.REQUEUED, actor=actor, now=now, reason=reason)
    begin_periods([(contact.pk, by_hand(Method.QUEUED, None, actor=actor))], now=now)
    give_up_places(dict.fromkeys(last_operator, 1))
    cause = {"move": "requeue", "contact_id": contact.pk}
    drained = drain(
        source_ids=source_ids | queue, operator_ids=operators, actor=actor, cause=cause, rng=rng
    )
    contact = read(contact_id)
    others = drained.assigned - (contact.operator_id is not None)
    return Moved(contact, changed=True, assigned=others)


@retried
def reassign_contact(
    contact_id: int,
    *,
    operator_id: int,
    actor: str,
    version: int | None = None,
    over_limit: bool = False,
    reason: str = "",
) -> Moved:
    """Give an open contact to the operator named, whatever the weights say.

    Only with `over_limit` and a reason may it exceed the operator's limit. The place that the last
    operator loses is handed on. Giving it to whoever has it already changes nothing. Raises
    NotFound, Invalid for a missing reason, and Conflict for a closed contact, a stale `version`,
    or an operator who is off or at the limit.
    """
    reason = checked_reason(reason, needed=over_limit)
    contact = read(contact_id)
    refuse_closed(contact)
    if contact.operator_id == operator_id:
        return Moved(contact, changed=False)
    refuse_stale(contact, version)
    losing = operators_of(contact)
    operators, source_ids = lock_operators_and_their_sources(losing, others=lambda: [operator_id])
    receiver = operators.pop(operator_id, None)
    if receiver is None:
        raise operator_not_found(operator_id, field="operator_id")
    _give(contact, receiver, actor=actor, over_limit=over_limit, reason=reason)
    cause = {"move": "reassign", "contact_id": contact.pk}
    assigned = hand_on_places(operators, source_ids, actor=actor, cause=cause)
    return Moved(read(contact_id), changed=True, assigned=assigned)


@retried
def take_next_contact(
    operator_id: int,
    *,
    actor: str,
    source_id: int | None = None,
    expected_id: int | None = None,
    over_limit: bool = False,
    reason: str = "",
) -> Moved | None:
    """Give an operator, by hand, the contact that has waited longest; None when nothing waits.

    Of the source named, or of all that the operator has a weight for, even 0, and even if they are
    off: what an available operator gets by itself never waits. With `expected_id` only that contact
    will do, which makes repeating harmless. Raises what `reassign_contact` raises.
    """
    reason = checked_reason(reason, needed=over_limit)
    operator = lock_operators([operator_id]).get(operator_id)
    if operator is None:
        raise operator_not_found(operator_id, field="operator_id")
    contact = _oldest_waiting(operator, source_id)
    if expected_id is not None and (contact is None or contact.pk != expected_id):
        return _taken_before(expected_id, operator_id)
    if contact is None:
        return None
    _give(contact, operator, actor=actor, over_limit=over_limit, reason=reason)
    return Moved(read(contact.pk), changed=True)


def _taken_before(expected_id: int, operator_id: int) -> Moved:
    """Return the contact that was expected to be next if the operator has it; else refuse."""
    expected = read(expected_id)
    if expected.status == Contact.Status.WAITING:
        raise Conflict(
            "contact_not_next",
            f"Contact {expected_id} is not the one that has waited longest.",
            present=present_state(expected),
        )
    if expected.operator_id != operator_id or expected.status == Contact.Status.CLOSED:
        raise changed_meanwhile(expected)
    return Moved(expected, changed=False)


def _oldest_waiting(operator: Operator, source_id: int | None) -> Contact | None:
    queue = Contact.objects.waiting().order_by("pk")
    if source_id is None:
        queue = queue.filter(source_id__in=operator.weights.values("source_id"))
    else:
        queue = queue.filter(source_id=source_id)
    while True:
        contact = queue.select_for_update(of=("self",)).first()
        # An empty answer after a wait proves nothing: see `waiting.drain`.
        if contact is not None or not queue.exists():
            return contact


def _give(
    contact: Contact, operator: Operator, *, actor: str, over_limit: bool, reason: str
) -> None:
    """Move an open contact to an operator whose row is held; the last one's load is not touched."""
    waited = contact.operator_id is None
    now = timezone.now()
    change(contact, status=Contact.Status.ASSIGNED, operator_id=operator.pk, assigned_at=now)
    reason = kept_reason(contact.pk, reason)
    claim = by_hand(
        Method.MANUAL if waited else Method.REASSIGNMENT,
        operator.pk,
        actor=actor,
        from_operator_id=contact.operator_id,
        load=operator.current_load,
        limit=operator.max_load,
        over_limit=operator.current_load >= operator.max_load,
        reason=reason,
    )
    # After `change`: a refusal must be about the contact as it is, not as read before the locks.
    take_place(operator, over_limit=over_limit)
    ended_as = End.ASSIGNED if waited else End.REASSIGNED
    end_periods([contact.pk], ended_as=ended_as, actor=actor, now=now, reason=reason)
    begin_periods([(contact.pk, claim)], now=now)
