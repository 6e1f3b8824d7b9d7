"""The rows of leads and their contacts: reading, locking and refusing them."""

from collections.abc import Collection

from django.db.models import Q

from distribution.services.locks import lock_sources
from leads.models import Contact, Lead
from minicrm.errors import Conflict, Invalid, NotFound, ServiceError
from minicrm.transactions import RunAgain


def check_pair(lead_id: int, other_id: int) -> None:
    """Raise Invalid for one and the same lead."""
    if lead_id == other_id:
        raise Invalid("same_lead", f"Lead {lead_id} is one and the same.", field="other")


def read_leads(ids: Collection[int]) -> dict[int, Lead]:
    """Return those of the leads that exist, by id."""
    return Lead.objects.in_bulk(list(ids))


def lock_leads(ids: Collection[int], *, and_merged_into: int | None = None) -> dict[int, Lead]:
    """Return those of the leads that exist, by id, with their rows locked in one walk by id.

    With `and_merged_into`, one of them, also the rows of those that were merged into it. Raises
    RunAgain when there is one more of these once the locks are there: to lock it now would be out
    of order.
    """
    wanted = Q(pk__in=ids)
    if and_merged_into is not None:
        wanted |= Q(merged_into=and_merged_into)
    found = Lead.objects.select_for_update(no_key=True).filter(wanted).order_by("pk")
    rows = {lead.pk: lead for lead in found}
    if and_merged_into is not None:
        later = Lead.objects.filter(merged_into=and_merged_into).exclude(pk__in=rows)
        if later.exists():
            raise RunAgain("another lead was merged into this one meanwhile")
    return rows


def lock_contacts(lead_id: int) -> list[int]:
    """Lock the rows of a lead's contacts by id, as whoever takes several does; return the ids.

    Whoever closes one of them, and then hands the place to an older one, would take them the other
    way round. That is kept out by the rows of the sources for which some are open. The caller holds
    the lead's row.
    """
    contacts = Contact.objects.filter(lead_id=lead_id)
    still_open = contacts.exclude(status=Contact.Status.CLOSED)
    sources = set(still_open.order_by().values_list("source_id", flat=True).distinct())
    lock_sources(exclusively=sources)
    oldest_first = contacts.order_by("pk").select_for_update(no_key=True)
    return list(oldest_first.values_list("pk", flat=True))


def merge_refusal(rows: dict[int, Lead], lead_id: int) -> ServiceError | None:
    """Return why a lead cannot be dealt with as a person of its own, or None."""
    lead = rows.get(lead_id)
    if lead is None:
        return NotFound("lead_not_found", f"There is no lead {lead_id}.")
    if lead.merged_into_id is not None:
        return Conflict(
            "lead_merged",
            f"Lead {lead_id} was merged into lead {lead.merged_into_id}.",
            present={"id": lead_id, "merged_into_id": lead.merged_into_id},
        )
    if lead.erased_at is not None:
        return Conflict(
            "lead_erased",
            f"Lead {lead_id} was erased on {lead.erased_at:%Y-%m-%d}.",
            present={"id": lead_id},
        )
    return None
