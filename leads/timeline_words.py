"""A contact's timeline in words: when, what, by whom, why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from distribution.audit import actor_names, names_of
from leads.decisions import operator_ids
from leads.explanations import Explanation, decision_notes, explain
from leads.models import Assignment, Contact
from leads.timeline import Event, Kind, timeline_of

Method = Assignment.Method
SAID_BY_THE_EVENT = {Method.QUEUED, Method.REASSIGNMENT, Method.REDISTRIBUTION}


class Line(NamedTuple):
    """One event as it is shown; in detail where there was a choice to make."""

    event: Event
    what: str
    by: str
    why: list[str]
    explanation: Explanation | None

    @property
    def has_table(self) -> bool:
        """Whether there were operators to choose among, or to leave out."""
        return self.explanation is not None and bool(self.explanation.rows)


def timeline_lines(contact: Contact) -> list[Line]:
    """Return all that happened to a contact; a handful of queries, however much that is."""
    events = timeline_of(contact)
    actors = actor_names(event.by for event in events)
    decisions = [event.decision or {} for event in events]
    names = names_of("operator", {pk for one in decisions for pk in operator_ids(one)})
    return [
        Line(
            event,
            what_happened(event),
            actors[event.by],
            list(_why(event, names, contact.pk)),
            explain(event.decision, names, contact_id=contact.pk) if event.decision else None,
        )
        for event in events
    ]


def what_happened(event: Event) -> str:
    """Return an event as a sentence without its end."""
    texts: dict[Kind, Any] = {
        Kind.RECEIVED: _("Received"),
        Kind.WAITING: _("Waits"),
        Kind.ASSIGNED: _("Given to %(operator)s"),
        Kind.REASSIGNED: _("Handed over from %(before)s to %(operator)s"),
        Kind.REDISTRIBUTED: _("Handed over from %(before)s, switched off, to %(operator)s"),
        Kind.REQUEUED: _("Taken from %(before)s, switched off, and put back into the queue")
        if "operator_off" in (event.decision or {})
        else _("Taken from %(before)s and put back into the queue"),
        Kind.CLOSED: _("Closed"),
        Kind.REOPENED: _("Reopened: given to %(operator)s")
        if event.operator
        else _("Reopened: waits"),
    }
    names = {"operator": event.operator or "–", "before": event.from_operator or "–"}
    return str(texts[event.kind] % names)


def _why(event: Event, names: Mapping[int, str], contact_id: int) -> Iterator[str]:
    if event.method and event.method not in SAID_BY_THE_EVENT:
        yield str(Method(event.method).label)
    # Whose it was stands in the sentence already, and the reason below.
    said = {"from_operator_id", "operator_off", "reason"}
    facts = {name: value for name, value in (event.decision or {}).items() if name not in said}
    yield from decision_notes(facts, names, contact_id=contact_id)
    if event.reason:
        yield _("Reason: %(reason)s") % {"reason": event.reason}
