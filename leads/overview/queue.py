"""The queue: who has waited longest, why, and who could take them by hand."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, FloatField, Min, Q
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from distribution.models import Operator, OperatorSourceWeight
from leads.models import Contact

SHOWN = 8
LONG = timedelta(minutes=5)
TOO_LONG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contact in the queue: for how long, why, and who would have a free place for it."""

    contact: Contact
    waited: timedelta
    why: str
    suggested: Operator | None

    @property
    def colour(self) -> str:
        """The colour of the badge that tells the age."""
        if self.waited >= TOO_LONG:
            return "is-red"
        return "is-orange" if self.waited >= LONG else "is-grey"


@dataclass(frozen=True, slots=True)
class Queue:
    """How many contacts wait, and the first of them."""

    total: int
    rows: list[Waiting]

    @property
    def oldest(self) -> datetime | None:
        """When the one came in that has waited longest."""
        return self.rows[0].contact.created_at if self.rows else None


def read_queue(now: datetime) -> Queue:
    """Return the queue in its order; one query for an empty one, else up to five."""
    counted = Contact.objects.waiting().aggregate(total=Count("pk"), first=Min("pk"))
    if not counted["total"]:
        return Queue(0, [])
    # From the first of them on: else a database might look through all older, closed contacts.
    contacts = list(
        Contact.objects.waiting()
        .filter(pk__gte=counted["first"])
        .select_related("lead", "source")
        .defer("supplied", "message", "payload")
        .order_by("pk")[:SHOWN]
    )
    sources = {contact.source_id for contact in contacts}
    reasons = _reasons(sources)
    off = {contact.source_id for contact in contacts if not contact.source.is_active}
    suggested = _suggestions(off)
    anybody = _least_busy()
    rows = [
        Waiting(
            contact,
            max(timedelta(0), now - contact.created_at),
            _("its source is off") if contact.source_id in off else reasons[contact.source_id],
            suggested.get(contact.source_id, anybody),
        )
        for contact in contacts
    ]
    return Queue(counted["total"], rows)


def _reasons(source_ids: Collection[int]) -> dict[int, str]:
    """Return for each source why its contacts wait while it is on; one query."""
    weighted = Q(weight__gt=0)
    on = weighted & Q(operator__is_active=True)
    free = weighted & Q(operator__is_free=True)
    rows = (
        OperatorSourceWeight.objects.filter(source_id__in=source_ids)
        .order_by()
        .values_list("source_id")
        .annotate(
            weighted=Count("pk", filter=weighted),
            on=Count("pk", filter=on),
            free=Count("pk", filter=free),
        )
    )
    reasons = dict.fromkeys(source_ids, _reason(0, 0, 0))
    return reasons | {source_id: _reason(*counts) for source_id, *counts in rows}


def _reason(weighted: int, on: int, free: int) -> str:
    if not weighted:
        return _("no operator has a weight")
    if not on:
        return _("its operators are off")
    if not free:
        return _("its operators are at the limit")
    return _("about to be assigned")


def _suggestions(source_ids: Collection[int]) -> dict[int, Operator]:
    """Return who has the highest weight for a source among its free operators; one query.

    Only for sources that are off: of the others, whoever is free has no weight.
    """
    if not source_ids:
        return {}
    free = OperatorSourceWeight.objects.filter(
        source_id__in=source_ids, weight__gt=0, operator__in=Operator.objects.free()
    )
    rows = free.select_related("operator").order_by("weight", "-operator_id")
    return {row.source_id: row.operator for row in rows}


def _least_busy() -> Operator | None:
    """Return the free operator who has most of their places left; one query."""
    busy = Cast("current_load", FloatField()) / F("max_load")
    return Operator.objects.free().order_by(busy, "pk").first()
