"""A contact's arrival: from a bot's request to an operator, in one transaction."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from django.conf import settings
from django.utils import timezone

from distribution.selection import Candidate
from distribution.services import Claim, claim_operator
from distribution.services.assignment import SYSTEM_RANDOM, Seen, is_near_limit, take_place
from distribution.services.many_operators import has_many
from leads.identity import BadKey, LeadKeys, normalise_keys
from leads.models import Contact
from leads.services.arrival_sql import (
    NewContact,
    insert_assigned,
    insert_lead_and_look,
    insert_lead_and_look_at_many,
    insert_waiting,
    insert_with_place,
)
from leads.services.idempotency import Once, run_once
from leads.services.identification import identify_known_lead, identify_lead
from minicrm.databases import is_postgresql
from minicrm.errors import Invalid
from minicrm.group_commit import retried_in_group


@dataclass(frozen=True, slots=True)
class ContactRequest:
    """What a source sends: keys of the lead as supplied, and what they ask for."""

    source_id: int
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    name: str = ""
    message: str = ""
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registration:
    """The answer to a request: the contact as it was stored, and whether that was earlier."""

    receipt: dict[str, Any]
    replayed: bool


@retried_in_group
def register_contact(
    request: ContactRequest,
    *,
    actor: str,
    once: Once | None = None,
    rng: Random = SYSTEM_RANDOM,
) -> Registration:
    """Store a contact and give it an operator at once; if nobody can take it, it waits.

    With `once`, an equal request gets the first one's answer again. Raises Invalid for keys that
    are missing or malformed, NotFound for an unknown source, and what `run_once` raises.
    """
    keys = checked_keys(external_id=request.external_id, email=request.email, phone=request.phone)
    if not keys.present():
        raise Invalid("lead_key_required", "Give at least one of external_id, email, phone.")
    given = asdict(request) if once else None
    receipt, replayed = run_once(once, given, lambda: _store(request, keys, actor=actor, rng=rng))
    return Registration(receipt, replayed)


def checked_keys(
    *, external_id: str | None = None, email: str | None = None, phone: str | None = None
) -> LeadKeys:
    """Return the keys in their normal forms; raises Invalid for one that has none."""
    try:
        return normalise_keys(
            external_id=external_id, email=email, phone=phone, region=settings.PHONE_REGION
        )
    except BadKey as error:
        raise Invalid(error.code, error.message, field=error.field) from None


def _store(request: ContactRequest, keys: LeadKeys, *, actor: str, rng: Random) -> dict[str, Any]:
    """Write the lead, the place taken, the contact and its assignment; return the receipt."""
    received_at = timezone.now()
    lead_id, seen = _lead_and_look(keys, request)
    arrival = _Arrival(new_contact(request, lead_id=lead_id, at=received_at))
    claim = claim_operator(
        source_id=request.source_id,
        actor=actor,
        rng=rng,
        seen=seen,
        take=arrival.take,
    )
    if claim.operator_id is None:
        arrival.wait(claim.decision)
    return receipt_of(arrival.contact_id, arrival.contact, claim)


def new_contact(request: ContactRequest, *, lead_id: int, at: datetime) -> NewContact:
    """Return the contact that a request received at a moment is to become."""
    supplied = {"external_id": request.external_id, "email": request.email, "phone": request.phone}
    return NewContact(
        lead_id=lead_id,
        source_id=request.source_id,
        supplied={key: value for key, value in supplied.items() if value is not None},
        name=request.name,
        message=request.message,
        payload=request.payload,
        created_at=at,
        assigned_at=at,
    )


class _Arrival:
    """A contact on its way into the database; `contact_id` is there once it is stored.

    The moment at which its period begins is taken anew after each wait: before, the place may have
    been another contact's.
    """

    def __init__(self, contact: NewContact) -> None:
        self.contact = contact
        self.contact_id = 0

    def take(self, chosen: Candidate, decision: dict[str, Any]) -> str | None:
        """Take a place with an operator and store the contact there; None, if it is gone."""
        operator_id = chosen.operator_id
        # Near the limit others may be waited for, in the statement that takes the place.
        if is_postgresql() and not is_near_limit(chosen):
            self._now()
            stored = insert_with_place(self.contact, operator_id, decision)
            if stored is None:
                return None
            self.contact_id, name = stored
            return name
        taken = take_place(chosen, decision)
        if taken is not None:
            self._now()
            self.contact_id = insert_assigned(self.contact, operator_id, decision)
        return taken

    def wait(self, decision: dict[str, Any]) -> None:
        """Store the contact in the queue."""
        self._now()
        self.contact_id = insert_waiting(self.contact, decision)

    def _now(self) -> None:
        self.contact.assigned_at = timezone.now()


def _lead_and_look(keys: LeadKeys, request: ContactRequest) -> tuple[int, Seen | None]:
    """Return the lead's id; and who of the source's operators, where it costs nothing to ask."""
    if not is_postgresql():
        return identify_lead(keys, name=request.name).lead.pk, None
    is_many = has_many(request.source_id)
    look = insert_lead_and_look_at_many if is_many else insert_lead_and_look
    lead_id, seen = look(keys, name=request.name, source_id=request.source_id)
    if lead_id is None:
        lead_id = identify_known_lead(keys, name=request.name).lead.pk
        seen = None if is_many else seen  # who is listed is read after the wait for the lead
    return lead_id, seen


def receipt_of(contact_id: int, contact: NewContact, claim: Claim) -> dict[str, Any]:
    """Return what the API answers about a contact just stored, as JSON values."""
    taken = claim.operator_id is not None
    return {
        "id": contact_id,
        "lead_id": contact.lead_id,
        "source_id": contact.source_id,
        "operator_id": claim.operator_id,
        "operator": claim.operator_name,
        "status": str(Contact.Status.ASSIGNED if taken else Contact.Status.WAITING),
        "created_at": contact.created_at.isoformat(),
        "assigned_at": contact.assigned_at.isoformat() if taken else None,
    }
