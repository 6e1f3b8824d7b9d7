"""Changing the weights between sources and operators, one by one or a source's whole set.

Every function takes the source's row exclusively, then the rows of the operators concerned: a
place freed with such an operator at the same moment is seen either here or there.
"""

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from distribution.models import Operator, OperatorSourceWeight, Source
from distribution.services.locks import lock_operators, lock_source
from distribution.services.operators import operator_not_found
from distribution.services.sources import source_not_found
from distribution.signals import capacity_freed
from minicrm.errors import Conflict, NotFound
from minicrm.transactions import retried


@retried
def add_weight(
    *, operator_id: int, source_id: int, weight: int = 1, actor: str
) -> OperatorSourceWeight:
    """Give an operator a weight for a source. Raises NotFound, Conflict when they have one."""
    _lock(source_id, [operator_id], field="source_id", operator_field="operator_id")
    try:
        with transaction.atomic():
            row = OperatorSourceWeight.objects.create(
                operator_id=operator_id, source_id=source_id, weight=weight
            )
    except IntegrityError:
        raise Conflict(
            "weight_exists",
            f"Operator {operator_id} has a weight for source {source_id} already;"
            " change that one instead.",
        ) from None
    _announce(source_id, actor=actor, raised=weight > 0)
    return row


@retried
def update_weight(weight_id: int, *, weight: int, actor: str) -> OperatorSourceWeight:
    """Change one weight. Raises NotFound."""
    row = _locked_weight(weight_id)
    raised = weight > row.weight
    row.weight = weight
    row.save(update_fields=["weight"])
    _announce(row.source_id, actor=actor, raised=raised)
    return row


@retried
def remove_weight(weight_id: int) -> None:
    """Take an operator out of a source's set; open contacts stay with them. Raises NotFound."""
    _locked_weight(weight_id).delete()


@retried
def replace_weights(
    source_id: int, weights: Mapping[int, int], *, actor: str
) -> list[OperatorSourceWeight]:
    """Make `weights` (operator id to weight) the source's whole set, or change nothing.

    Raises NotFound for an unknown source or operator.
    """
    _lock(source_id, weights, operator_field="operators.{index}.operator_id")
    rows = OperatorSourceWeight.objects.filter(source_id=source_id)
    before = {row.operator_id: row for row in rows}
    rows.exclude(operator_id__in=weights).delete()
    kept = [row for operator_id, row in before.items() if operator_id in weights]
    raised = any(weights[row.operator_id] > row.weight for row in kept)
    for row in kept:
        row.weight = weights[row.operator_id]
    OperatorSourceWeight.objects.bulk_update(kept, ["weight"], batch_size=500)
    added = [
        OperatorSourceWeight(operator_id=operator_id, source_id=source_id, weight=weight)
        for operator_id, weight in weights.items()
        if operator_id not in before
    ]
    OperatorSourceWeight.objects.bulk_create(added, batch_size=500)
    raised = raised or any(row.weight > 0 for row in added)
    _announce(source_id, actor=actor, raised=raised)
    return list(rows.select_related("operator").order_by("operator_id"))


def _lock(
    source_id: int,
    operator_ids: Mapping[int, int] | list[int],
    *,
    field: str | None = None,
    operator_field: str,
) -> None:
    """Lock the source and the operators; NotFound for the first of them that does not exist."""
    try:
        lock_source(source_id)
    except Source.DoesNotExist:
        raise source_not_found(source_id, field=field) from None
    found = lock_operators(operator_ids)
    for index, operator_id in enumerate(operator_ids):
        if operator_id not in found:
            raise operator_not_found(operator_id, field=operator_field.format(index=index))


def _locked_weight(weight_id: int) -> OperatorSourceWeight:
    """Return the weight with its source and operator locked; NotFound when it is not there."""
    pairs = OperatorSourceWeight.objects.filter(pk=weight_id)
    pair = pairs.values_list("source_id", "operator_id").first()
    if pair is not None:
        lock_source(pair[0])
        lock_operators([pair[1]])
    row = pairs.select_related("operator").first()  # it may have gone while we waited
    if row is None:
        raise NotFound("weight_not_found", f"There is no weight {weight_id}.")
    return row


def _announce(source_id: int, *, actor: str, raised: bool) -> None:
    if raised:
        capacity_freed.send(sender=Operator, source_ids={source_id}, actor=actor)
