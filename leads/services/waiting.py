"""The queue: handing free places to the contacts that have waited longest."""

from collections import defaultdict
from collections.abc import Collection
from random import Random
from typing import Any

from django.utils import timezone

from distribution.models import Source
from distribution.services import Claim, FreePlaces
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.locks import share_sources
from leads.models import Assignment, Contact
from minicrm.transactions import retried

BATCH = 100  # one by one, a contact in the queue costs 20 times as much


def assign_freed_places(*, source_ids: Collection[int], actor: str, **_: Any) -> None:
    """Receiver of `capacity_freed`: assign, in the sender's transaction and under its locks."""
    _assign_oldest(source_ids, actor=actor)


@retried
def assign_waiting(*, actor: str, rng: Random = SYSTEM_RANDOM) -> int:
    """Assign every waiting contact that somebody can take; return how many.

    A safety net: whatever frees a place assigns what waits for it, so this should find nothing.
    """
    source_ids = list(Source.objects.values_list("pk", flat=True))
    share_sources(source_ids)
    return _assign_oldest(source_ids, actor=actor, rng=rng)


def _assign_oldest(source_ids: Collection[int], *, actor: str, rng: Random = SYSTEM_RANDOM) -> int:
    """Assign waiting contacts of the sources, oldest first, until nobody can take one more.

    The caller holds the sources' rows, so the queue cannot grow unseen. Another transaction that
    frees places may be emptying it at the same time.
    """
    queue = Contact.objects.waiting().filter(source_id__in=source_ids)
    queued_sources = set(queue.values_list("source_id", flat=True).distinct())
    if not queued_sources:
        return 0
    places = FreePlaces(queued_sources, rng=rng)
    assigned = 0
    while free_sources := places.sources():
        takeable = queue.filter(source_id__in=free_sources)
        oldest = takeable.select_for_update(of=("self",)).order_by("pk")
        batch = list(oldest[: min(BATCH, places.count())])
        if batch:
            assigned += _assign(batch, places, actor=actor)
        elif not takeable.exists():
            break
        # Else we waited for others to commit, and the rows they left are not the ones we asked
        # for: an empty answer to a locking query proves nothing. Ask again.
    return assigned


def _assign(batch: list[Contact], places: FreePlaces, *, actor: str) -> int:
    taken = [
        (contact, claim)
        for contact in batch
        if (claim := places.claim(source_id=contact.source_id, actor=actor))
    ]
    places.save()
    store_assignments(taken, method=Assignment.Method.DRAIN)
    return len(taken)


def store_assignments(taken: list[tuple[Contact, Claim]], *, method: Assignment.Method) -> None:
    """Write that these stored contacts, whose rows the caller holds, now have their operators."""
    now = timezone.now()
    contacts_of: defaultdict[int, list[int]] = defaultdict(list)
    for contact, claim in taken:
        contacts_of[claim.operator_id].append(contact.pk)
    for operator_id, contact_ids in contacts_of.items():
        Contact.objects.filter(pk__in=contact_ids).update(
            status=Contact.Status.ASSIGNED, operator_id=operator_id, assigned_at=now
        )
    Assignment.objects.bulk_create(
        Assignment(
            contact=contact,
            operator_id=claim.operator_id,
            method=method,
            decision=claim.decision,
            started_at=now,
        )
        for contact, claim in taken
    )
