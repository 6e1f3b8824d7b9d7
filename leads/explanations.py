"""Why a contact went where it went, in words made of its decision record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from distribution.selection import Reason
from leads.causes import place_text
from leads.decisions import (
    Considered,
    cause_of,
    chosen_weight,
    considered,
    left_out_counts,
    whole,
)
from leads.models import Assignment

Method = Assignment.Method
NO_BREAK = "\N{NO-BREAK SPACE}"
DRAWN = (Method.WEIGHTED_RANDOM, Method.DRAIN, Method.REDISTRIBUTION)

REASONS: dict[str, Any] = {
    Reason.INACTIVE: gettext_lazy("off"),
    Reason.AT_LIMIT: gettext_lazy("at the limit"),
    Reason.WEIGHT_ZERO: gettext_lazy("weight 0"),
    Reason.TAKEN: gettext_lazy("was just taken"),
    Reason.FREED_MEANWHILE: gettext_lazy("became free too late"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An operator who was considered: the chance, or why there was none."""

    name: str
    facts: Considered
    chance: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision: in sentences, and as a table of those who were considered.

    `more` counts those whom the record does not list any more.
    """

    sentences: list[str]
    rows: list[Row]
    more: list[str]


def why(decision: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Return why in a few words, for lists; nothing for a record that does not tell.

    `names` are those of the operators of `leads.decisions.operator_ids`; whoever is not among them
    is called by number.
    """
    method = decision.get("method")
    texts: dict[str, str] = {
        Method.WEIGHTED_RANDOM: _("drawn"),
        Method.DRAIN: _("from the queue"),
        Method.REOPENING: _("back to its last operator"),
        Method.MANUAL: _("by hand"),
        Method.REASSIGNMENT: _("handed over from %(operator)s")
        % {"operator": name_of(decision.get("from_operator_id"), names)},
        Method.REDISTRIBUTION: _("%(operator)s was switched off")
        % {"operator": name_of(decision.get("from_operator_id"), names)},
        Method.QUEUED: _why_queued(decision, names),
    }
    if not isinstance(method, str) or method not in texts:
        return ""
    chance = _chance_text(decision) if method in DRAWN else ""
    over = _("over the limit") if decision.get("over_limit") else ""
    text = ", ".join(filter(None, [texts[method], chance, over]))
    reason = decision.get("reason")
    return f"{text}: {reason}" if reason and isinstance(reason, str) else text


def _why_queued(decision: Mapping[str, Any], names: Mapping[int, str]) -> str:
    if decision.get("source_inactive"):
        return _("waits, the source is off")
    if whole(decision.get("operator_off")):
        return _("%(operator)s was switched off") % {
            "operator": name_of(decision.get("operator_off"), names)
        }
    if "left_out_count" not in decision:
        return _("in the queue")
    counts = left_out_counts(decision)
    if not counts:
        return _("waits, no operator has a weight")
    return _("waits, operators left out – %(reasons)s") % {"reasons": reasons_text(counts)}


def _chance_text(decision: Mapping[str, Any]) -> str:
    """Return how likely the choice was, or that there was none to make."""
    if decision.get("available_count") == 1:
        return _("the only one available")
    weight, total = chosen_weight(decision), whole(decision.get("total_weight"))
    if not weight or not total:
        return ""
    return _("%(percent)s chance") % {"percent": percent(weight, total)}


def explain(
    decision: Mapping[str, Any], names: Mapping[int, str], *, contact_id: int
) -> Explanation:
    """Return the whole of a contact's decision record, but for the reason that a person gave.

    `names` as for `why`.
    """
    listed = considered(decision)
    could = [one for one in listed if not one.reason]
    total = whole(decision.get("total_weight")) if decision.get("method") in DRAWN else None
    left_out = sum(left_out_counts(decision).values()) - (len(listed) - len(could))
    available = (whole(decision.get("available_count")) or 0) - len(could)
    return Explanation(
        list(filter(None, _sentences(decision, names, contact_id))),
        [_row(one, names, total) for one in listed],
        list(filter(None, [_more_available(available), _more_left_out(left_out)])),
    )


def _row(facts: Considered, names: Mapping[int, str], total: int | None) -> Row:
    why_not = str(REASONS.get(facts.reason, facts.reason))
    known = total and facts.weight is not None and not why_not
    chance = percent(facts.weight or 0, total or 0) if known else ""
    return Row(name_of(facts.operator_id, names), facts, chance, why_not)


def _sentences(
    decision: Mapping[str, Any], names: Mapping[int, str], contact_id: int
) -> Iterator[str]:
    method = decision.get("method")
    operator = {"operator": name_of(decision.get("operator_id"), names)}
    yield place_text(cause_of(decision), names, contact_id=contact_id)
    yield _switched_off(decision, names)
    if method in DRAWN:
        yield _drawn(decision, operator["operator"])
    elif method == Method.REOPENING:
        yield _("%(operator)s had it last and was available.") % operator
    elif method in (Method.MANUAL, Method.REASSIGNMENT):
        yield _("%(operator)s was chosen by hand.") % operator
    else:
        yield _nobody(decision)
    yield _load_text(decision)


def _switched_off(decision: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Return who lost the contact by being switched off, or nothing."""
    redistributed = decision.get("method") == Method.REDISTRIBUTION
    number = decision.get("from_operator_id" if redistributed else "operator_off")
    if not isinstance(number, int):
        return ""
    return _("%(operator)s was switched off.") % {"operator": name_of(number, names)}


def _drawn(decision: Mapping[str, Any], operator: str) -> str:
    count, weight = whole(decision.get("available_count")), chosen_weight(decision)
    total = whole(decision.get("total_weight"))
    if count == 1:
        return _("%(operator)s was the only one available.") % {"operator": operator}
    if not count or not weight or not total:
        return _("Drawn by chance.")
    text = ngettext(
        "Drawn by chance from %(count)d operator who was available:"
        " %(operator)s had %(percent)s (weight %(weight)d of %(total)d).",
        "Drawn by chance from %(count)d operators who were available:"
        " %(operator)s had %(percent)s (weight %(weight)d of %(total)d).",
        count,
    )
    facts = {"count": count, "operator": operator, "weight": weight, "total": total}
    return text % {**facts, "percent": percent(weight, total)}


def _nobody(decision: Mapping[str, Any]) -> str:
    """Return why nobody could take the contact, or nothing."""
    if decision.get("source_inactive"):
        return _("The source is switched off.")
    if decision.get("method") != Method.QUEUED or "left_out_count" not in decision:
        return ""
    counts = left_out_counts(decision)
    if not counts:
        return _("No operator has a weight for the source.")
    text = _("Nobody could take it. Operators left out – %(reasons)s.")
    return text % {"reasons": reasons_text(counts)}


def _load_text(decision: Mapping[str, Any]) -> str:
    """Return how loaded the operator was to whom somebody gave it; nothing if it is not told."""
    facts = {"load": decision.get("load", "?"), "limit": decision.get("limit", "?")}
    if decision.get("over_limit"):
        return _("Over the limit: had %(load)s of %(limit)s.") % facts
    return _("Had %(load)s of %(limit)s.") % facts if "load" in decision else ""


def decision_notes(
    decision: Mapping[str, Any], names: Mapping[int, str], *, contact_id: int
) -> list[str]:
    """Return what a record says besides who was considered: why it waits, whose it was, ..."""
    return list(filter(None, _notes(decision, names, contact_id)))


def _notes(decision: Mapping[str, Any], names: Mapping[int, str], contact_id: int) -> Iterator[str]:
    yield place_text(cause_of(decision), names, contact_id=contact_id)
    yield _nobody(decision)
    if isinstance(decision.get("operator_off"), int):
        yield _switched_off({"operator_off": decision["operator_off"]}, names)
    if isinstance(decision.get("from_operator_id"), int):
        before = {"operator": name_of(decision["from_operator_id"], names)}
        yield _("Was with %(operator)s before.") % before
    if decision.get("over_limit"):
        yield _load_text(decision)
    if reason := decision.get("reason"):
        yield _("Reason: %(reason)s") % {"reason": reason}


def _more_available(count: int) -> str:
    text = ngettext(
        "and %(count)d more who could have had it",
        "and %(count)d more who could have had it",
        count,
    )
    return text % {"count": count} if count > 0 else ""


def _more_left_out(count: int) -> str:
    text = ngettext("and %(count)d more left out", "and %(count)d more left out", count)
    return text % {"count": count} if count > 0 else ""


def percent(part: int, total: int) -> str:
    """Return a share in whole percent; never 0 % or 100 % for what is not quite that."""
    share = 100 * part / total if total else 0.0
    if 0 < share < 1:
        text = "<1"
    elif 99 < share < 100:
        text = ">99"
    else:
        text = str(round(share))
    return f"{text}{NO_BREAK}%"


def reasons_text(counts: Mapping[str, int]) -> str:
    """Return how many operators were left out for which reasons."""
    return ", ".join(f"{REASONS.get(reason, reason)}: {count}" for reason, count in counts.items())


def name_of(number: object, names: Mapping[int, str]) -> str:
    """Return an operator's name, the number of one whom nobody knows any more."""
    if not isinstance(number, int):
        return "–"
    return names.get(number, f"#{number}")
