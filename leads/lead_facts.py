"""What pages tell of leads: their keys, how many contacts they have, who may be the same person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Max, Q
from django.db.models.functions import Greatest, Least

from leads.models import Contact, Lead, LeadConflict

KEY_NAMES = ("external_id", "email", "phone")
COUNTED = 100  # possible duplicates; more are not counted


class Key(NamedTuple):
    """One key of a person; `lead` is the one whose row it stands in."""

    name: str
    value: str
    lead: Lead

    @property
    def label(self) -> str:
        """What this kind of key is called."""
        return str(Lead._meta.get_field(self.name).verbose_name)  # type: ignore[union-attr]

    @property
    def leads_to(self) -> int:
        """The number of the lead that gets the contacts with this key."""
        return self.lead.merged_into_id or self.lead.pk


class Claim(NamedTuple):
    """Keys that came with a contact of `lead` and lead to `owner`."""

    lead: Lead
    owner: Lead
    keys: list[Key]


@dataclass(slots=True)
class LeadFacts:
    """A lead, and what its own row does not tell."""

    lead: Lead
    contacts: int = 0
    last_at: datetime | None = None
    is_suspect: bool = False
    merged: list[Lead] = field(default_factory=list)

    @property
    def keys(self) -> list[Key]:
        """All that the person is known by, the own keys first."""
        return [key for lead in (self.lead, *self.merged) for key in keys_of(lead)]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two leads that contacts named as one person, and why."""

    first: LeadFacts
    second: LeadFacts
    conflicts: list[LeadConflict]

    @property
    def claims(self) -> list[Claim]:
        """The keys of each that came with a contact of the other one."""
        named = {(conflict.other_lead_id, conflict.key) for conflict in self.conflicts}
        sides = (self.first, self.second), (self.second, self.first)
        claims = (
            Claim(
                one.lead,
                other.lead,
                _named_so(other, {key for pk, key in named if pk == other.lead.pk}),
            )
            for one, other in sides
        )
        return [claim for claim in claims if claim.keys]


def keys_of(lead: Lead) -> list[Key]:
    """Return a lead's own keys, strongest first."""
    values = ((name, getattr(lead, name)) for name in KEY_NAMES)
    return [Key(name, value, lead) for name, value in values if value is not None]


def _named_so(facts: LeadFacts, names: Collection[str]) -> list[Key]:
    return [key for key in facts.keys if key.name in names]


def facts_of(leads: Iterable[Lead]) -> dict[int, LeadFacts]:
    """Return what there is to tell of each lead, by id; four queries, however many leads."""
    facts = {lead.pk: LeadFacts(lead) for lead in leads}
    if not facts:
        return facts
    newest: dict[int, int] = {}
    grouped = Contact.objects.filter(lead__in=facts).order_by().values_list("lead")
    for pk, count, last in grouped.annotate(count=Count("pk"), last=Max("pk")):
        facts[pk].contacts, newest[last] = count, pk
    received = Contact.objects.filter(pk__in=newest).values_list("pk", "created_at")
    for contact, moment in received:
        facts[newest[contact]].last_at = moment
    for pk in _suspects(facts):
        facts[pk].is_suspect = True
    for merged in Lead.objects.filter(merged_into__in=facts).order_by("pk"):
        facts[merged.merged_into_id or 0].merged.append(merged)
    return facts


def count_pairs() -> int:
    """Return how many pairs of leads may be duplicates; above COUNTED it is not exact."""
    pairs = LeadConflict.objects.filter(resolved_at=None).order_by()
    sides = {"one": Least("lead", "other_lead"), "two": Greatest("lead", "other_lead")}
    return pairs.values(**sides).distinct()[: COUNTED + 1].count()


def pairs_of(conflicts: Iterable[LeadConflict]) -> list[Pair]:
    """Return the pairs that conflicts are about, each once, in the order they come in."""
    together: defaultdict[frozenset[int], list[LeadConflict]] = defaultdict(list)
    leads: dict[int, Lead] = {}
    for conflict in conflicts:
        together[frozenset((conflict.lead_id, conflict.other_lead_id))].append(conflict)
        leads[conflict.lead_id] = conflict.lead
        leads[conflict.other_lead_id] = conflict.other_lead
    facts = facts_of(leads.values())
    return [
        Pair(facts[first], facts[second], conflicts)
        for (first, second), conflicts in ((sorted(pair), rows) for pair, rows in together.items())
    ]


def _suspects(ids: Collection[int]) -> Iterator[int]:
    """Yield those of the leads that may be the same as another one."""
    found = LeadConflict.objects.filter(Q(lead__in=ids) | Q(other_lead__in=ids), resolved_at=None)
    for sides in found.values_list("lead", "other_lead"):
        yield from (pk for pk in sides if pk in ids)
