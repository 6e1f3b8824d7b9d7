"""A contact's arrival: from a bot's request to an operator, in one transaction."""

from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from django.conf import settings
from django.utils import timezone

from distribution.models import Operator, Source
from distribution.services import claim_operator
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.sources import source_not_found
from leads.identity import BadKey, LeadKeys, normalise_keys
from leads.models import Contact
from leads.services.idempotency import Once, run_once
from leads.services.identification import identify_lead
from leads.services.periods import begin_periods
from minicrm.errors import Invalid
from minicrm.transactions import retried


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


@retried
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
    receipt, replayed = run_once(
        once, asdict(request), lambda: _store(request, keys, actor=actor, rng=rng)
    )
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
    if not Source.objects.filter(pk=request.source_id).exists():
        raise source_not_found(request.source_id, field="source_id")
    received_at = timezone.now()
    lead = identify_lead(keys, name=request.name).lead
    claim = claim_operator(source_id=request.source_id, actor=actor, rng=rng)
    taken = claim.operator_id is not None
    now = timezone.now()
    supplied = {"external_id": request.external_id, "email": request.email, "phone": request.phone}
    contact = Contact.objects.create(
        lead=lead,
        source_id=request.source_id,
        operator_id=claim.operator_id,
        status=Contact.Status.ASSIGNED if taken else Contact.Status.WAITING,
        supplied={key: value for key, value in supplied.items() if value is not None},
        name=request.name,
        message=request.message,
        payload=request.payload,
        created_at=received_at,
        assigned_at=now if taken else None,
    )
    begin_periods([(contact.pk, claim)], now=now)
    return receipt_of(contact)


def receipt_of(contact: Contact) -> dict[str, Any]:
    """Return what the API answers about a contact just stored, as JSON values."""
    operator_name = None
    if contact.operator_id is not None:
        operator_name = Operator.objects.values_list("name", flat=True).get(pk=contact.operator_id)
    return {
        "id": contact.pk,
        "lead_id": contact.lead_id,
        "source_id": contact.source_id,
        "operator_id": contact.operator_id,
        "operator": operator_name,
        "status": str(contact.status),
        "created_at": contact.created_at.isoformat(),
        "assigned_at": contact.assigned_at.isoformat() if contact.assigned_at else None,
    }
