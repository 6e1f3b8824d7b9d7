"""Finding the lead that a contact's keys belong to, or creating it."""

from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db import IntegrityError, transaction
from django.db.models import Q

from leads.identity import LeadKeys
from leads.models import Lead, LeadConflict

MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class Identified:
    """The lead of a set of keys, and whether it is new."""

    lead: Lead
    is_new: bool


def identify_lead(keys: LeadKeys, *, name: str = "") -> Identified:
    """Return the lead that owns the strongest of the keys, created if nobody owns any.

    Keys that the lead lacks are filled in if they are nobody's. A key is never overwritten and
    never taken from another lead: that is recorded as a conflict for a supervisor. Never checks
    and then inserts: it inserts, and when the database says that somebody was faster, reads again.
    """
    for _ in range(MAX_TRIES):
        owners = _owners(keys)
        try:
            with transaction.atomic():
                if not owners:
                    return Identified(Lead.objects.create(name=name, **keys.present()), True)
                lead = next(iter(owners.values()))
                _fill_in(lead, keys, owners, name=name)
        except IntegrityError:
            continue  # another transaction has just committed one of the keys
        _note_conflicts(lead, owners)
        return Identified(lead, False)
    raise RuntimeError("the keys of a lead change hands faster than they can be read")


def _owners(keys: LeadKeys) -> dict[str, Lead]:
    """Return who owns which of the keys, strongest key first, with their rows locked.

    Locked here, as the lock order wants it: left to the contact's foreign key, the lock would be
    asked for while an operator's is held, against somebody who fills in a key of the same lead.
    """
    present = keys.present()
    owned = reduce(or_, (Q(**{key: value}) for key, value in present.items()))
    found = list(Lead.objects.select_for_update(no_key=True).filter(owned).order_by("pk"))
    return {
        key: lead for key, value in present.items() for lead in found if getattr(lead, key) == value
    }


def _fill_in(lead: Lead, keys: LeadKeys, owners: dict[str, Lead], *, name: str) -> None:
    """Give the lead the supplied keys that it lacks and nobody owns, and a name if it has none."""
    missing = {
        key: value
        for key, value in keys.present().items()
        if getattr(lead, key) is None and key not in owners
    }
    # Only where the column is still empty: two contacts may fill it in at once.
    for key, value in missing.items():
        Lead.objects.filter(pk=lead.pk, **{f"{key}__isnull": True}).update(**{key: value})
    if name and not lead.name:
        Lead.objects.filter(pk=lead.pk, name="").update(name=name)


def _note_conflicts(lead: Lead, owners: dict[str, Lead]) -> None:
    conflicts = [
        LeadConflict(lead=lead, other_lead=owner, key=key)
        for key, owner in owners.items()
        if owner.pk != lead.pk
    ]
    if conflicts:
        LeadConflict.objects.bulk_create(conflicts, ignore_conflicts=True)
