"""Everything we hold about a lead, for whoever asks what we know of them."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from distribution import audit
from distribution.models import AuditEvent
from leads.models import Assignment, Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import idempotency
from leads.services.admin_log import log_entries
from minicrm.errors import NotFound
from minicrm.transactions import RunAgain, retried_read

Facts = dict[str, Any]
AT_ONCE = 1_000


@retried_read
def export_lead(lead_id: int, *, actor: str) -> Facts:
    """Return everything we hold about a lead, and record that somebody asked for it.

    Of a merged lead, that is what we hold about the one that it turned out to be. The values are
    what `DjangoJSONEncoder` can write. Raises NotFound.

    Only the record is a transaction: nobody who writes waits while much is read. What was erased or
    merged meanwhile is read again.
    """
    dossier = lead_dossier(lead_id)
    with transaction.atomic():
        _refuse_outdated(dossier)
        _record(dossier, actor=actor)
    return dossier


def _refuse_outdated(dossier: Facts) -> None:
    read = [dossier["lead"], *dossier["merged_leads"]]
    rows = Lead.objects.in_bulk([lead["id"] for lead in read])
    for lead in read:
        row = rows[lead["id"]]
        if (row.erased_at, row.merged_into_id) != (lead["erased_at"], lead["merged_into_id"]):
            raise RunAgain("the lead was erased or merged while it was read")


def _record(dossier: Facts, *, actor: str) -> None:
    lead_id, merged = dossier["lead"]["id"], dossier["merged_leads"]
    audit.record(
        actor=actor,
        action="exported",
        obj_type="lead",
        object_id=lead_id,
        object_name=f"#{lead_id}",
        after={"contacts": len(dossier["contacts"]), "merged": [one["id"] for one in merged]},
    )


@retried_read
def lead_dossier(lead_id: int) -> Facts:
    """Return all rows about a lead with all their columns, so that none can be forgotten.

    What stands in them about other people is left out: of another lead its number, of an operator
    the name.
    """
    found = Lead.objects.filter(pk=lead_id).first()
    if found is None:
        raise NotFound("lead_not_found", f"There is no lead {lead_id}.")
    root = found.merged_into or found
    merged = list(Lead.objects.filter(merged_into=root).order_by("pk"))
    lead_ids = [root.pk, *(one.pk for one in merged)]
    contacts = Contact.objects.filter(lead__in=lead_ids).select_related("source", "operator")
    contact_ids = list(contacts.order_by("pk").values_list("pk", flat=True))
    either = Q(lead__in=lead_ids) | Q(other_lead__in=lead_ids)
    conflicts = LeadConflict.objects.filter(either).order_by("pk")
    return {
        "as_of": timezone.now(),
        "lead": _row(root),
        "merged_leads": _rows(merged),
        "contacts": list(_with_periods(contacts.order_by("pk"))),
        "possible_duplicates": _rows(conflicts),
        "history": _rows(_events(lead_ids)),
        "admin_log": [row for part in log_entries(lead_ids, contact_ids) for row in _rows(part)],
        "requests": _rows(_requests(contact_ids)),
    }


def _with_periods(contacts: QuerySet[Contact]) -> Iterable[Facts]:
    rows = contacts.prefetch_related("assignments__operator")
    for contact in rows.iterator(chunk_size=AT_ONCE):
        yield {
            **_row(contact),
            "source": contact.source.name,
            "operator": contact.operator.name if contact.operator else None,
            "assignments": [_period(period) for period in contact.assignments.all()],
        }


def _period(period: Assignment) -> Facts:
    operator = period.operator.name if period.operator else None
    return {**_row(period), "operator": operator}


def _events(lead_ids: list[int]) -> QuerySet[AuditEvent]:
    about = AuditEvent.objects.filter(object_type="lead", object_id__in=lead_ids)
    return about.order_by("pk")


def _requests(contact_ids: list[int]) -> Iterable[IdempotencyRecord]:
    for start in range(0, len(contact_ids), AT_ONCE):
        batch = contact_ids[start : start + AT_ONCE]
        yield from idempotency.about_contacts(batch).order_by("pk")


def _rows(objects: Iterable[Model]) -> list[Facts]:
    return [_row(one) for one in objects]


def _row(one: Model) -> Facts:
    return {field.attname: field.value_from_object(one) for field in one._meta.concrete_fields}
