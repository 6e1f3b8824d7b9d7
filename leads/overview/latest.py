"""The contacts that came in last, and why each is where it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery

from distribution.audit import names_of
from leads.decisions import operator_ids, record_of
from leads.explanations import why
from leads.models import Assignment, Contact

SHOWN = 15


@dataclass(frozen=True, slots=True)
class Latest:
    """A contact, and the decision that brought it where it is, in a few words."""

    contact: Contact
    why: str


def read_latest() -> list[Latest]:
    """Return the contacts that came in last, newest first; three queries."""
    contacts = list(
        Contact.objects.select_related("lead", "source", "operator")
        .defer("supplied", "message", "payload")
        .order_by("-pk")[:SHOWN]
    )
    decisions = _decisions([contact.pk for contact in contacts])
    names = _names(decisions.values())
    return [Latest(contact, why(decisions.get(contact.pk, {}), names)) for contact in contacts]


def _decisions(contact_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return the record of each contact's newest period; a closed one keeps that of its last."""
    periods = Assignment.objects.filter(contact=OuterRef("pk")).order_by("-pk")
    newest = Subquery(periods.values("decision")[:1])
    rows = Contact.objects.filter(pk__in=contact_ids).values_list("pk", newest)
    return {contact_id: record_of(decision) for contact_id, decision in rows}


def _names(decisions: Iterable[dict[str, Any]]) -> dict[int, str]:
    """Return the names of all operators that the records are about."""
    ids = {number for decision in decisions for number in operator_ids(decision)}
    return names_of("operator", ids)
