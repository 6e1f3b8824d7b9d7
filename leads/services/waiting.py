"""The queue: handing free places to the contacts that have waited longest."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from distribution.models import Operator, Source
from distribution.services import Claim, FreePlaces, give_up_places
from distribution.services.assignment import SYSTEM_RANDOM
from distribution.services.locks import share_sources
from leads.models import Assignment, Contact
from leads.services.periods import begin_periods, end_periods
from minicrm.transactions import retried

BATCH = 100  # one by one, a contact in the queue costs 20 times as much
# Contacts; how much one transaction assigns, so that nobody waits long for its locks. Not below
# BATCH: switching off puts so many into the queue in one transaction, and relies on one drain.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Drained:
    """How many waiting contacts were assigned, and whether nobody can take one more."""

    assigned: int
    finished: bool


def assign_freed_places(
    *,
    source_ids: Collection[int],
    operator_ids: Collection[int] | None,
    actor: str,
    cause: Mapping[str, Any],
    **_: Any,
) -> bool:
    """Receiver of `capacity_freed`: assign, in the sender's transaction and under its locks."""
    drained = drain(source_ids=source_ids, operator_ids=operator_ids, actor=actor, cause=cause)
    return drained.finished


def assign_waiting(*, actor: str, rng: Random = SYSTEM_RANDOM) -> int:
    """Assign every waiting contact that somebody can take; return how many.

    A safety net: whatever frees a place assigns what waits for it, so this should find nothing.
    """
    assigned = 0
    while True:
        drained = _sweep(actor=actor, rng=rng)
        assigned += drained.assigned
        if drained.finished:
            return assigned


def hand_on_places(
    operators: Mapping[int, Operator],
    source_ids: Collection[int],
    *,
    actor: str,
    cause: Mapping[str, Any],
) -> int:
    """Give up one place with each of these operators, and hand it on; return how many were.

    The caller holds the rows of the operators, and of their sources.
    """
    give_up_places(dict.fromkeys(operators, 1))
    drained = drain(source_ids=source_ids, operator_ids=operators, actor=actor, cause=cause)
    return drained.assigned


@retried
def _sweep(*, actor: str, rng: Random) -> Drained:
    source_ids = list(Source.objects.values_list("pk", flat=True))
    share_sources(source_ids)
    cause = {"sweep": True}
    return drain(source_ids=source_ids, operator_ids=None, actor=actor, cause=cause, rng=rng)


def drain(
    *,
    source_ids: Collection[int],
    operator_ids: Collection[int] | None,
    actor: str,
    cause: Mapping[str, Any],
    rng: Random = SYSTEM_RANDOM,
) -> Drained:
    """Assign waiting contacts of the sources, oldest first, until nobody can take one more.

    The caller holds the sources' rows, so the queue cannot grow unseen, and the rows of the
    operators whose places are handed out; None stands for all operators of the sources. Another
    transaction that frees places may be emptying the queue at the same time. `cause` goes into the
    decision records: what freed the places.
    """
    queue = Contact.objects.waiting().filter(source_id__in=source_ids)
    queued_sources = _with_a_queue(source_ids)
    if not queued_sources:
        return Drained(0, finished=True)
    places = FreePlaces(queued_sources, operator_ids=operator_ids, rng=rng)
    assigned = 0
    while free_sources := places.sources():
        takeable = queue.filter(source_id__in=free_sources)
        oldest = takeable.select_for_update(of=("self",)).order_by("pk")
        batch = list(oldest[: min(BATCH, AT_ONCE - assigned, places.count())])
        if batch:
            assigned += _assign(batch, places, actor=actor, cause=cause)
        elif not takeable.exists():
            break
        # Else we waited for others to commit, and the rows they left are not the ones we asked
        # for: an empty answer to a locking query proves nothing. Ask again.
        if assigned >= AT_ONCE:
            free_sources = places.sources()
            return Drained(assigned, not queue.filter(source_id__in=free_sources).exists())
    return Drained(assigned, finished=True)


def _with_a_queue(source_ids: Collection[int]) -> list[int]:
    waiting = Contact.objects.waiting().filter(source_id=OuterRef("pk"))
    sources = Source.objects.filter(Exists(waiting), pk__in=source_ids)
    return list(sources.values_list("pk", flat=True))


def _assign(
    batch: list[Contact], places: FreePlaces, *, actor: str, cause: Mapping[str, Any]
) -> int:
    claims = [
        (contact, claim)
        for contact in batch
        if (claim := places.claim(source_id=contact.source_id, method="drain", actor=actor))
    ]
    for _, claim in claims:
        claim.decision["freed_by"] = cause
    places.save()
    hand_over(claims, ended_as=Assignment.End.ASSIGNED, actor=actor)
    return len(claims)


def hand_over(claims: list[tuple[Contact, Claim]], *, ended_as: Assignment.End, actor: str) -> None:
    """Write that these open contacts, whose rows the caller holds, are with their new operators."""
    now = timezone.now()
    contacts_of: defaultdict[int | None, list[int]] = defaultdict(list)
    for contact, claim in claims:
        contacts_of[claim.operator_id].append(contact.pk)
    for operator_id, contact_ids in contacts_of.items():
        Contact.objects.filter(pk__in=contact_ids).update(
            status=Contact.Status.ASSIGNED,
            operator_id=operator_id,
            assigned_at=now,
            version=F("version") + 1,
        )
    moved = [contact.pk for contact, _ in claims]
    end_periods(moved, ended_as=ended_as, actor=actor, now=now)
    begin_periods([(contact.pk, claim) for contact, claim in claims], now=now)
