"""Merging two leads that turned out to be one person."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from distribution import audit
from leads.models import Contact, Lead
from leads.services.duplicates import settle_conflicts
from leads.services.lead_rows import (
    check_pair,
    lock_contacts,
    lock_leads,
    merge_refusal,
    read_leads,
)
from minicrm.errors import Conflict
from minicrm.transactions import retried

BATCH = 10_000  # contacts moved by one statement


@dataclass(frozen=True, slots=True)
class Merging:
    """What a merge would do: whose contacts, and how many, go to whom.

    `into_merged` and `lead_merged` were merged into the two before; all of them will lead to
    `into`. `stamp` says whether a later look shows the same.
    """

    into: Lead
    lead: Lead
    into_contacts: int
    lead_contacts: int
    into_merged: list[Lead]
    lead_merged: list[Lead]

    @property
    def stamp(self) -> str:
        """Return a text that differs when there is something else to decide about."""
        sides = (self.into_contacts, self.into_merged), (self.lead_contacts, self.lead_merged)
        return "_".join(f"{contacts}-{len(merged)}" for contacts, merged in sides)


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: into which lead, and how many contacts went there."""

    into_id: int
    lead_id: int
    contacts: int


def preview_merge(*, into_id: int, lead_id: int) -> Merging:
    """Return what `merge_leads` would do now. Raises what it raises."""
    check_pair(into_id, lead_id)
    return _merging(read_leads({into_id, lead_id}), into_id, lead_id)


@retried
def merge_leads(*, into_id: int, lead_id: int, actor: str, expected: str | None = None) -> Merged:
    """Give all contacts of a lead to another one, to which its keys lead from now on.

    Its row stays, with its keys and `merged_into`, so that no key is lost; those merged into it
    before are pointed on, so that one step is enough. A blank name is filled in. The contacts'
    version stays: to whom a contact belongs is no move, and stops none.

    Raises Invalid for one and the same lead, NotFound, and Conflict for a lead that was merged
    already, or when `expected`, the `stamp` of what the caller saw, is outdated.
    """
    check_pair(into_id, lead_id)
    rows = lock_leads({into_id, lead_id}, and_merged_into=lead_id)
    merging = _merging(rows, into_id, lead_id)
    if expected is not None and expected != merging.stamp:
        raise Conflict(
            "leads_changed",
            f"Leads {into_id} and {lead_id} have changed meanwhile. Look at them again.",
        )
    moved = _move_contacts(merging)
    _point_on(merging)
    settle_conflicts(into_id=into_id, lead_id=lead_id)
    _record(merging, actor=actor)
    return Merged(into_id, lead_id, moved)


def _merging(rows: dict[int, Lead], into_id: int, lead_id: int) -> Merging:
    for pk in (into_id, lead_id):
        if refusal := merge_refusal(rows, pk):
            raise refusal
    merged = list(Lead.objects.filter(merged_into__in=(into_id, lead_id)).order_by("pk"))
    return Merging(
        into=rows[into_id],
        lead=rows[lead_id],
        into_contacts=Contact.objects.filter(lead_id=into_id).count(),
        lead_contacts=Contact.objects.filter(lead_id=lead_id).count(),
        into_merged=[lead for lead in merged if lead.merged_into_id == into_id],
        lead_merged=[lead for lead in merged if lead.merged_into_id == lead_id],
    )


def _move_contacts(merging: Merging) -> int:
    """Give the contacts to the other lead; return how many.

    Their rows are locked by id first: an UPDATE alone takes them in whatever order it finds them.
    One of 100,000 contacts takes seconds, near the limit that a single statement has.
    """
    contacts = Contact.objects.filter(lead_id=merging.lead.pk)
    ids = lock_contacts(merging.lead.pk)
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        contacts.filter(pk__range=(batch[0], batch[-1])).update(lead_id=merging.into.pk)
    return len(ids)


def _point_on(merging: Merging) -> None:
    ids = Q(pk=merging.lead.pk) | Q(merged_into=merging.lead.pk)
    Lead.objects.filter(ids).update(merged_into=merging.into.pk)
    if not merging.into.name and merging.lead.name:
        Lead.objects.filter(pk=merging.into.pk, name="").update(name=merging.lead.name)


def _record(merging: Merging, *, actor: str) -> None:
    """Write an event for each of the two: numbers only, for it is kept for ever."""
    into, lead = merging.into.pk, merging.lead.pk
    together = merging.into_contacts + merging.lead_contacts
    taken = sorted([lead, *(one.pk for one in merging.lead_merged)])
    changes: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {
        into: (
            {"contacts": merging.into_contacts, "merged": []},
            {"contacts": together, "merged": taken},
        ),
        lead: (
            {"contacts": merging.lead_contacts, "merged_into": None},
            {"contacts": 0, "merged_into": into},
        ),
    }
    for pk, (before, after) in changes.items():
        audit.record(
            actor=actor,
            action="changed",
            obj_type="lead",
            object_id=pk,
            object_name=f"#{pk}",
            before=before,
            after=after,
        )
