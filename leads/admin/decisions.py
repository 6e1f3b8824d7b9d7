"""Decision records as tables and sentences that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from distribution.audit import actor_names, names_of
from leads.decisions import by_whom, operator_ids, record_of
from leads.explanations import Row, decision_notes, explain
from leads.models import Assignment


def json_block(value: object) -> str:
    """Return a JSON value for people to read, escaped."""
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2))


@dataclass(frozen=True, slots=True)
class Explained:
    """An assignment with its decision: by whom, in which sentences, among whom."""

    assignment: Assignment
    by: str
    notes: list[str]
    rows: list[Row]


def assignment_tables(assignments: Iterable[Assignment]) -> SafeString:
    """Return each assignment with those who could have had the contact, and those who could not.

    A handful of queries however many there are: the assignments, the operators' names, the actors'.
    """
    rows = list(assignments)
    decisions = [record_of(row.decision) for row in rows]
    names = names_of("operator", {pk for one in decisions for pk in operator_ids(one)})
    actors = actor_names(by_whom(one) for one in decisions)
    explained = [
        Explained(
            row,
            actors[by_whom(decision)],
            decision_notes(decision, names, contact_id=row.contact_id),
            explain(decision, names, contact_id=row.contact_id).rows,
        )
        for row, decision in zip(rows, decisions, strict=True)
    ]
    return render_to_string("admin/leads/_assignments.html", {"explained": explained})
