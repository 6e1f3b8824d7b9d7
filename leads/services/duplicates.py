"""Possible duplicates: two leads that contacts named as one person."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from distribution import audit
from leads.models import LeadConflict
from leads.services.lead_rows import check_pair, lock_leads, merge_refusal
from minicrm.transactions import retried


@retried
def tell_apart(*, lead_id: int, other_id: int, actor: str) -> int:
    """Note that the two are two persons; return how many conflicts between them that resolved.

    Raises Invalid for one and the same lead, NotFound, and Conflict for a lead that was merged.
    """
    _lock_pair(lead_id, other_id)
    found = conflicts_between(lead_id, other_id).filter(resolved_at=None)
    resolved = found.update(resolved_at=timezone.now())
    if resolved:
        _record(lead_id, other_id, were=True, are=False, actor=actor)
    return resolved


@retried
def suspect_again(*, lead_id: int, other_id: int, actor: str) -> int:
    """Take `tell_apart` back; return how many conflicts are open again. Raises what that raises."""
    _lock_pair(lead_id, other_id)
    found = conflicts_between(lead_id, other_id).exclude(resolved_at=None)
    reopened = found.update(resolved_at=None)
    if reopened:
        _record(lead_id, other_id, were=False, are=True, actor=actor)
    return reopened


def conflicts_between(lead_id: int, other_id: int) -> QuerySet[LeadConflict]:
    """Return the conflicts of two leads, whichever of them got the contact."""
    return LeadConflict.objects.filter(
        Q(lead=lead_id, other_lead=other_id) | Q(lead=other_id, other_lead=lead_id)
    )


def settle_conflicts(*, into_id: int, lead_id: int) -> None:
    """Resolve the conflicts between two leads that are merged now; hand on those with others.

    What is known of the other one already, open or resolved, is not noted twice. The caller holds
    the rows of the two leads, without which nobody notes or changes a conflict of theirs.
    """
    now = timezone.now()
    unresolved = LeadConflict.objects.filter(resolved_at=None)
    conflicts_between(into_id, lead_id).filter(resolved_at=None).update(resolved_at=now)
    for side, opposite in (("lead", "other_lead"), ("other_lead", "lead")):
        known = LeadConflict.objects.filter(
            **{side: into_id, opposite: OuterRef(opposite), "key": OuterRef("key")}
        )
        unresolved.filter(~Exists(known), **{side: lead_id}).update(**{side: into_id})
    unresolved.filter(Q(lead=lead_id) | Q(other_lead=lead_id)).update(resolved_at=now)


def _lock_pair(lead_id: int, other_id: int) -> None:
    check_pair(lead_id, other_id)
    rows = lock_leads({lead_id, other_id})
    for pk in (lead_id, other_id):
        if refusal := merge_refusal(rows, pk):
            raise refusal


def _record(lead_id: int, other_id: int, *, were: bool, are: bool, actor: str) -> None:
    """Write an event for each of the two."""
    for pk, other in ((lead_id, other_id), (other_id, lead_id)):
        audit.record(
            actor=actor,
            action="changed",
            obj_type="lead",
            object_id=pk,
            object_name=f"#{pk}",
            before={"possible_duplicates": [other] if were else []},
            after={"possible_duplicates": [other] if are else []},
        )
