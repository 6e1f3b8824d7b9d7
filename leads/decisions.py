"""Reading decision records. They are JSON, and old or odd ones may lack anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Considered:
    """An operator as a decision record lists them: weight, load and limit as they were then.

    None stands for a number that the record does not tell. `reason` says why they were left out,
    and is empty for those who could have had the contact.
    """

    operator_id: int | None
    weight: int | None
    load: int | None
    limit: int | None
    reason: str
    chosen: bool


def record_of(value: object) -> dict[str, Any]:
    """Return a decision record, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def by_whom(decision: Mapping[str, Any]) -> str:
    """Return the actor of a decision record, or nothing."""
    actor = decision.get("by")
    return actor if isinstance(actor, str) else ""


def cause_of(decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what freed the place, as the decision record says it; nothing where it does not."""
    return record_of(decision.get("freed_by"))


def operator_ids(decision: Mapping[str, Any]) -> Iterator[int]:
    """Yield the ids of all operators that a record is about."""
    freed_by = cause_of(decision).get("operator_id")
    chosen, before, off = (
        decision.get(name) for name in ("operator_id", "from_operator_id", "operator_off")
    )
    listed = (one.operator_id for one in considered(decision))
    for number in (*listed, chosen, before, off, freed_by):
        if isinstance(number, int):
            yield number


def considered(decision: Mapping[str, Any]) -> list[Considered]:
    """Return the operators that the record lists: who could have had it, then the others."""
    return [*_listed(decision, "candidates"), *_listed(decision, "left_out")]


def _listed(decision: Mapping[str, Any], part: str) -> Iterator[Considered]:
    rows = decision.get(part)
    for facts in rows if isinstance(rows, list) else ():
        if not isinstance(facts, dict):
            continue
        number, reason = whole(facts.get("operator_id")), str(facts.get("reason") or "")
        yield Considered(
            operator_id=number,
            weight=whole(facts.get("weight")),
            load=whole(facts.get("load")),
            limit=whole(facts.get("limit")),
            reason=reason,
            chosen=number is not None and number == decision.get("operator_id") and not reason,
        )


def left_out_counts(decision: Mapping[str, Any]) -> dict[str, int]:
    """Return how many operators were left out, by reason."""
    counts = record_of(decision.get("left_out_count"))
    return {str(reason): number for reason, count in counts.items() if (number := whole(count))}


def chosen_weight(decision: Mapping[str, Any]) -> int | None:
    """Return the weight of the operator who was chosen, where the record tells it."""
    return next((one.weight for one in considered(decision) if one.chosen), None)


def whole(value: object) -> int | None:
    """Return a whole number, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
