"""Decision records as tables and sentences that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.audit import actor_names, names_of
from distribution.selection import Reason
from leads.admin.places import cause_of, place_text
from leads.models import Assignment

REASONS = {
    Reason.INACTIVE: gettext_lazy("off"),
    Reason.AT_LIMIT: gettext_lazy("at the limit"),
    Reason.WEIGHT_ZERO: gettext_lazy("weight 0"),
    Reason.TAKEN: gettext_lazy("was just taken"),
    Reason.FREED_MEANWHILE: gettext_lazy("became free too late"),
}


def json_block(value: object) -> str:
    """Return a JSON value for people to read, escaped."""
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2))


@dataclass(frozen=True, slots=True)
class Explained:
    """An assignment with its decision: by whom, in which sentences, among whom."""

    assignment: Assignment
    by: str
    notes: list[str]
    candidates: list[dict[str, Any]]


def assignment_tables(assignments: Iterable[Assignment]) -> SafeString:
    """Return each assignment with those who could have had the contact, and those who could not.

    A handful of queries however many there are: the assignments, the operators' names, the actors'.
    """
    rows = list(assignments)
    decisions = [row.decision if isinstance(row.decision, dict) else {} for row in rows]
    names = names_of("operator", {pk for one in decisions for pk in operator_ids(one)})
    actors = actor_names(by_whom(one) for one in decisions)
    explained = [
        Explained(
            row,
            actors[by_whom(decision)],
            decision_notes(decision, names, contact_id=row.contact_id),
            list(_candidates(decision, names)),
        )
        for row, decision in zip(rows, decisions, strict=True)
    ]
    return render_to_string("admin/leads/_assignments.html", {"explained": explained})


def by_whom(decision: Mapping[str, Any]) -> str:
    """Return the actor of a decision record, or nothing: old or odd records may have none."""
    actor = decision.get("by")
    return actor if isinstance(actor, str) else ""


def operator_ids(decision: Mapping[str, Any]) -> Iterator[int]:
    """Yield the ids of all operators that a record is about."""
    numbers = [facts.get("operator_id") for facts in _listed(decision)]
    freed_by = cause_of(decision).get("operator_id")
    others = (decision.get("from_operator_id"), decision.get("operator_off"), freed_by)
    for number in (*numbers, *others):
        if isinstance(number, int):
            yield number


def decision_notes(
    decision: Mapping[str, Any], names: Mapping[int, str], *, contact_id: int
) -> list[str]:
    """Return what else the record of a contact says: why nobody could take it, whose it was, ..."""
    place = place_text(cause_of(decision), names, contact_id=contact_id)
    return [*filter(None, [place]), *_notes(decision, names)]


def _notes(decision: Mapping[str, Any], names: Mapping[int, str]) -> Iterator[str]:
    if decision.get("source_inactive"):
        yield _("The source is switched off.")
    elif decision.get("method") == "queued" and "left_out_count" in decision:
        yield _left_out(decision["left_out_count"])
    if isinstance(decision.get("operator_off"), int):
        yield _("%(operator)s was switched off.") % _name(decision["operator_off"], names)
    if isinstance(decision.get("from_operator_id"), int):
        yield _("Was with %(operator)s before.") % _name(decision["from_operator_id"], names)
    if decision.get("over_limit"):
        load, limit = decision.get("load", "?"), decision.get("limit", "?")
        yield _("Over the limit: had %(load)s of %(limit)s.") % {"load": load, "limit": limit}
    if reason := decision.get("reason"):
        yield _("Reason: %(reason)s") % {"reason": reason}


def _left_out(counts: Any) -> str:
    """Return why nobody could take the contact, by the number of operators."""
    if not isinstance(counts, dict) or not counts:
        return _("No operator has a weight for the source.")
    reasons = ", ".join(f"{REASONS.get(reason, reason)}: {n}" for reason, n in counts.items())
    return _("Nobody could take it. Operators left out – %(reasons)s.") % {"reasons": reasons}


def _name(number: int, names: Mapping[int, str]) -> dict[str, str]:
    return {"operator": names.get(number, f"#{number}")}


def _listed(decision: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the facts of every operator that the record lists."""
    for part in ("candidates", "left_out"):
        yield from (fact for fact in decision.get(part) or [] if isinstance(fact, dict))


def _candidates(decision: Mapping[str, Any], names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for facts in _listed(decision):
        reason = facts.get("reason")
        number = facts.get("operator_id", 0)
        yield {
            **facts,
            "operator": names.get(number, f"#{number}"),
            "chosen": number == decision.get("operator_id") and not reason,
            "why_not": REASONS.get(reason, reason) if reason else "",
        }
