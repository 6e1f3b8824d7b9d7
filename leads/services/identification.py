"""Finding the lead that a contact's keys belong to, or creating it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db import IntegrityError, transaction
from django.db.models import Q

from leads.identity import LeadKeys
from leads.models import Lead, LeadConflict
from leads.services.arrival_sql import find_lead, insert_lead

MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class Identified:
    """The lead of a set of keys, and whether it is new."""

    lead: Lead
    is_new: bool


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns which of the keys, strongest key first, and the lead that each of them leads to.

    The two differ where the owner was merged into another lead.
    """

    leads: dict[str, Lead]

    def strongest(self) -> Lead:
        """Return the lead that gets the contact."""
        return next(iter(self.leads.values()))

    def others(self) -> dict[str, Lead]:
        """Return the leads, by key, that are somebody else for all we know."""
        strongest = self.strongest()
        return {key: lead for key, lead in self.leads.items() if lead.pk != strongest.pk}


class _LedElsewhere(Exception):
    """Keys belong to leads that were merged into some whose rows are not locked: `ids`."""

    def __init__(self, ids: set[int]) -> None:
        super().__init__(ids)
        self.ids = ids


def identify_lead(keys: LeadKeys, *, name: str = "") -> Identified:
    """Return the lead that owns the strongest of the keys, created if nobody owns any.

    An owner that was merged leads to the lead that it was merged into. Keys that the lead lacks
    are filled in if they are nobody's. A key is never overwritten and never taken from another
    lead: that is recorded as a conflict for a supervisor. Never checks and then inserts: it
    inserts, and when the database says that somebody was faster, reads again.
    """
    if lead := insert_lead(keys, name=name):
        return Identified(lead, is_new=True)
    return identify_known_lead(keys, name=name)


def identify_known_lead(keys: LeadKeys, *, name: str = "") -> Identified:
    """Do the same where to insert a new lead was in vain."""
    # Mostly there is nothing new about a known lead.
    if lead := find_lead(keys, name=name):
        return Identified(lead, is_new=False)
    roots: set[int] = set()
    for _ in range(MAX_TRIES):
        try:
            # A savepoint: to go back to it gives the locks back too, so that the next try takes
            # its own in order.
            with transaction.atomic():
                identified = _identified(keys, roots, name=name)
        except IntegrityError:
            continue  # another transaction has just committed one of the keys
        except _LedElsewhere as elsewhere:
            roots |= elsewhere.ids
        else:
            if identified is not None:
                return identified
    raise RuntimeError("the keys of a lead change hands faster than they can be read")


def _identified(keys: LeadKeys, roots: Collection[int], *, name: str) -> Identified | None:
    """Return the lead, or None when somebody has just created one with these keys."""
    owners = _owners(keys, roots)
    if not owners.leads:
        lead = insert_lead(keys, name=name)
        return Identified(lead, is_new=True) if lead else None
    lead = owners.strongest()
    _fill_in(lead, keys, owners, name=name)
    _note_conflicts(lead, owners.others())
    return Identified(lead, is_new=False)


def _owners(keys: LeadKeys, roots: Collection[int]) -> Owners:
    """Return whom the keys lead to, with the rows of the owners and of these leads locked.

    Locked here, as the lock order wants it: left to the contact's foreign key, the lock would be
    asked for while an operator's is held, against somebody who fills in a key of the same lead.
    What a row says is as of its lock, so a merge that we waited for shows. `roots` are the leads
    that merged owners are known to lead to: all rows are locked in one walk by id. Raises
    _LedElsewhere when they were not all.
    """
    present = keys.present()
    wanted = reduce(or_, (Q(**{key: value}) for key, value in present.items()))
    if roots:
        wanted |= Q(pk__in=roots)
    locked = Lead.objects.select_for_update(no_key=True).filter(wanted).order_by("pk")
    found = {lead.pk: lead for lead in locked}
    owners = {
        key: lead
        for key, value in present.items()
        for lead in found.values()
        if getattr(lead, key) == value
    }
    led_to = {key: lead.merged_into_id or lead.pk for key, lead in owners.items()}
    if missing := set(led_to.values()) - found.keys():
        raise _LedElsewhere(missing)
    return Owners({key: found[pk] for key, pk in led_to.items()})


def _fill_in(lead: Lead, keys: LeadKeys, owners: Owners, *, name: str) -> None:
    """Give the lead the supplied keys that it lacks and nobody owns, and a name if it has none."""
    missing = {
        key: value
        for key, value in keys.present().items()
        if getattr(lead, key) is None and key not in owners.leads
    }
    # Only where the column is still empty: two contacts may fill it in at once.
    for key, value in missing.items():
        Lead.objects.filter(pk=lead.pk, **{f"{key}__isnull": True}).update(**{key: value})
    if name and not lead.name:
        Lead.objects.filter(pk=lead.pk, name="").update(name=name)


def _note_conflicts(lead: Lead, others: dict[str, Lead]) -> None:
    conflicts = [
        LeadConflict(lead=lead, other_lead=other, key=key) for key, other in others.items()
    ]
    if conflicts:
        LeadConflict.objects.bulk_create(conflicts, ignore_conflicts=True)
