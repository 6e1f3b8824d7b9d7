"""Decision records as tables that a person can read."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from distribution.models import Operator
from distribution.selection import Reason
from leads.models import Assignment

REASONS = {
    Reason.INACTIVE: _("off"),
    Reason.AT_LIMIT: _("at the limit"),
    Reason.WEIGHT_ZERO: _("weight 0"),
    Reason.TAKEN: _("was just taken"),
    Reason.FREED_MEANWHILE: _("became free too late"),
}


def assignment_tables(assignments: Iterable[Assignment]) -> SafeString:
    """Return each assignment with those who could have had the contact, and those who could not.

    Two queries however many there are: the assignments and the operators' names.
    """
    rows = list(assignments)
    names = Operator.objects.in_bulk({pk for row in rows for pk in _operator_ids(row.decision)})
    context = {"assignments": [(row, list(_candidates(row.decision, names))) for row in rows]}
    return render_to_string("admin/leads/_assignments.html", context)


def _listed(decision: Any) -> Iterator[dict[str, Any]]:
    """Yield the facts of every operator that the record lists; old or odd records may have none."""
    for part in ("candidates", "left_out"):
        facts = decision.get(part) if isinstance(decision, dict) else None
        yield from (fact for fact in facts or [] if isinstance(fact, dict))


def _operator_ids(decision: Any) -> Iterator[int]:
    for facts in _listed(decision):
        if isinstance(facts.get("operator_id"), int):
            yield facts["operator_id"]


def _candidates(decision: Any, names: dict[int, Operator]) -> Iterator[dict[str, Any]]:
    for facts in _listed(decision):
        reason = facts.get("reason")
        yield {
            **facts,
            "operator": names.get(facts.get("operator_id", 0)),
            "chosen": facts.get("operator_id") == decision.get("operator_id") and not reason,
            "why_not": REASONS.get(reason, reason) if reason else "",
        }
