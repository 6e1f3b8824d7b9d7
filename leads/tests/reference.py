"""The arrival of a contact, told in the ORM: what the plain SQL of the services is compared with.

Slow and easy to read. It keeps no promise under concurrency but what the ORM gives by itself; who
comes when, which rows are written, and what each of them says is the same.
"""

from django.db.models import F
from django.utils import timezone

from distribution import selection
from distribution.models import Operator, OperatorSourceWeight, Source
from distribution.selection import Candidate
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services.idempotency import digest_of
from leads.services.registration import checked_keys


def register(request, *, actor, rng, once=None):
    """Store a contact, and return what its sender is told."""
    record = None
    if once is not None:
        record, is_new = IdempotencyRecord.objects.get_or_create(
            scope=once.scope, key=once.key, defaults={"digest": digest_of(vars_of(request))}
        )
        if not is_new:
            return record.response
    receipt = store(request, actor=actor, rng=rng)
    if record is not None:
        record.response = receipt
        record.save()
    return receipt


def store(request, *, actor, rng):
    lead = lead_of(request)
    operator, decision = choose(request.source_id, actor=actor, rng=rng)
    now = timezone.now()
    supplied = {key: getattr(request, key) for key in ("external_id", "email", "phone")}
    contact = Contact.objects.create(
        lead=lead,
        source_id=request.source_id,
        operator=operator,
        status="assigned" if operator else "waiting",
        supplied={key: value for key, value in supplied.items() if value is not None},
        name=request.name,
        message=request.message,
        payload=request.payload,
        created_at=now,
        assigned_at=now if operator else None,
    )
    Assignment.objects.create(
        contact=contact,
        operator=operator,
        method=decision["method"],
        decision=decision,
        started_at=now,
    )
    return {
        "id": contact.pk,
        "lead_id": lead.pk,
        "source_id": contact.source_id,
        "operator_id": operator and operator.pk,
        "operator": operator and operator.name,
        "status": contact.status,
        "created_at": now.isoformat(),
        "assigned_at": now.isoformat() if operator else None,
    }


def lead_of(request):
    """Return the lead that owns the strongest of the keys; a new one if nobody owns any."""
    keys = checked_keys(
        external_id=request.external_id, email=request.email, phone=request.phone
    ).present()
    owners = {key: Lead.objects.filter(**{key: value}).first() for key, value in keys.items()}
    found = {key: lead.merged_into or lead for key, lead in owners.items() if lead}
    if not found:
        return Lead.objects.create(name=request.name, **keys)
    lead = next(iter(found.values()))
    lead.refresh_from_db()
    for key, value in keys.items():
        if key not in found and getattr(lead, key) is None:
            setattr(lead, key, value)
    lead.name = lead.name or request.name
    lead.save()
    for key, other in found.items():
        if other != lead:
            LeadConflict.objects.get_or_create(lead=lead, other_lead=other, key=key)
    return lead


def choose(source_id, *, actor, rng):
    """Draw an available operator and take a place with them; return them and the decision."""
    source = Source.objects.get(pk=source_id)
    weights = OperatorSourceWeight.objects.filter(source=source).select_related("operator")
    candidates = [
        Candidate(
            one.operator_id,
            one.weight,
            one.operator.current_load,
            one.operator.max_load,
            one.operator.is_active,
        )
        for one in weights.order_by("operator")
        if source.is_active
    ]
    left = [one for one in candidates if one.reason() is None]
    chosen = drawn(left, rng) if left else None
    decision = selection.explain(
        candidates, method="weighted_random" if chosen else "queued", actor=actor, chosen=chosen
    )
    if not source.is_active:
        decision["source_inactive"] = True
    if chosen is None:
        return None, decision
    Operator.objects.filter(pk=chosen.operator_id).update(current_load=F("current_load") + 1)
    return Operator.objects.get(pk=chosen.operator_id), decision


def drawn(candidates, rng):
    """Throw a dart at a wall on which each candidate has as much room as they weigh."""
    dart = rng.randrange(sum(one.weight for one in candidates))
    for one in candidates:
        if dart < one.weight:
            return one
        dart -= one.weight
    raise AssertionError("missed the wall")


def vars_of(request):
    return {name: getattr(request, name) for name in request.__dataclass_fields__}
