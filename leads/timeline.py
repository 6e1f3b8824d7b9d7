"""What happened to a contact, in order, as its periods and their decision records tell it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from distribution.models import Operator
from leads.models import Assignment, Contact

End = Assignment.End


class Kind(models.TextChoices):
    """What an event is.

    A contact that is received or reopened has an operator at once or waits; one that is requeued
    waits, be it for no time at all.
    """

    RECEIVED = "received", _("received")
    WAITING = "waiting", _("waiting")
    ASSIGNED = "assigned", _("assigned")
    REASSIGNED = "reassigned", _("reassigned")
    REDISTRIBUTED = "redistributed", _("redistributed")
    REQUEUED = "requeued", _("put back into the queue")
    CLOSED = "closed", _("closed")
    REOPENED = "reopened", _("reopened")


# How the next period begins, by how the last one ended.
NEXT = {
    End.ASSIGNED: Kind.ASSIGNED,
    End.REASSIGNED: Kind.REASSIGNED,
    End.REDISTRIBUTED: Kind.REDISTRIBUTED,
    End.REQUEUED: Kind.REQUEUED,
    End.CLOSED: Kind.REOPENED,
}
# Of a contact; not worth reading again with each of its periods.
UNCHANGING = ("supplied", "name", "message", "payload")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a contact.

    `by` is an actor such as `user:7`, or "" where nobody noted it. `operator` has the contact
    after the event and `from_operator` had it before; None stands for nobody. `method` and
    `decision` are the record of the choice; both are empty where there was none to make.
    """

    kind: Kind
    at: datetime
    by: str = ""
    operator: Operator | None = None
    from_operator: Operator | None = None
    method: str = ""
    reason: str = ""
    decision: dict[str, Any] | None = None


def timeline_of(contact: Contact) -> list[Event]:
    """Return what happened to a contact, first things first; one query."""
    return list(events(contact, contact.assignments.select_related("operator").order_by("pk")))


def history_of(contact: Contact) -> tuple[Contact, list[Event]]:
    """Return the contact as it is now, and what has happened to it by now; one query.

    One statement reads both, so that they agree: the contact given may have moved since it was
    read.
    """
    periods = list(
        Assignment.objects.filter(contact_id=contact.pk)
        .select_related("operator", "contact__operator")
        .defer(*(f"contact__{name}" for name in UNCHANGING))
        .order_by("pk")
    )
    if periods:  # without any, nothing has moved it
        given, contact = contact, periods[0].contact
        for name in UNCHANGING:
            setattr(contact, name, getattr(given, name))
    return contact, list(events(contact, periods))


def events(contact: Contact, periods: Iterable[Assignment]) -> Iterator[Event]:
    """Yield the events of a contact from all its periods, in order of id, with their operators."""
    last: Assignment | None = None
    received_by = ""
    for period in periods:
        if last is None:
            received_by = _fact(period, "by")
            yield Event(Kind.RECEIVED, contact.created_at, by=received_by)
        yield _beginning(period, last)
        if period.ended_as == End.CLOSED and period.ended_at is not None:
            yield Event(
                Kind.CLOSED,
                period.ended_at,
                by=period.ended_by,
                from_operator=period.operator,
                reason=period.end_reason,
            )
        last = period
    if last is None:
        yield from _without_periods(contact)


def _beginning(period: Assignment, last: Assignment | None) -> Event:
    """Return what a period began with, after the last one."""
    reason = _fact(period, "reason")
    by = _fact(period, "by")
    came_from = None
    if last is None:
        kind = Kind.ASSIGNED if period.operator_id else Kind.WAITING
    else:
        kind = NEXT[End(last.ended_as)]
        if kind != Kind.REOPENED:
            by, reason, came_from = by or last.ended_by, reason or last.end_reason, last.operator
    at = period.started_at
    if kind == Kind.REQUEUED and last is not None and last.ended_at is not None:
        at = last.ended_at
    return Event(
        kind,
        at,
        by=by,
        operator=period.operator,
        from_operator=came_from,
        method=period.method,
        reason=reason,
        decision=period.decision if isinstance(period.decision, dict) else None,
    )


def _without_periods(contact: Contact) -> Iterator[Event]:
    """Yield what is known of a contact that was closed before its periods were kept."""
    yield Event(Kind.RECEIVED, contact.created_at)
    if contact.closed_at is not None:
        yield Event(Kind.CLOSED, contact.closed_at, from_operator=contact.operator)


def _fact(period: Assignment, name: str) -> str:
    """Return a text of a decision record; old ones may lack it."""
    value = period.decision.get(name) if isinstance(period.decision, dict) else None
    return value if isinstance(value, str) else ""
