"""Changing the weights between sources and operators, one by one or a source's whole set.

Every function takes the source's row exclusively, then the rows of the operators concerned: a
place freed with such an operator at the same moment is seen either here or there. Where a weight
opens places to a long queue, they are handed out in several transactions; the change shows with
the last of them.
"""

from collections.abc import Iterable, Mapping

from django.db import IntegrityError, transaction

from distribution import audit
from distribution.models import OperatorSourceWeight, Source
from distribution.services.locks import lock_operators, lock_source
from distribution.services.operators import operator_not_found
from distribution.services.sources import source_not_found
from distribution.signals import announce
from minicrm.errors import Conflict, NotFound
from minicrm.transactions import retried


def add_weight(
    *, operator_id: int, source_id: int, weight: int = 1, actor: str
) -> OperatorSourceWeight:
    """Give an operator a weight for a source. Raises NotFound, Conflict when they have one."""
    while True:
        row, finished = _add(operator_id, source_id, weight, actor)
        if finished:
            return row


@retried
def _add(
    operator_id: int, source_id: int, weight: int, actor: str
) -> tuple[OperatorSourceWeight, bool]:
    source = _lock(source_id, [operator_id], field="source_id", operator_field="operator_id")
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
    finished = _announce_raised(source_id, {}, {operator_id: weight}, actor=actor)
    if finished:
        record_weights(source, {}, {operator_id: weight}, actor=actor)
    else:
        row.delete()
    return row, finished


def update_weight(weight_id: int, *, weight: int, actor: str) -> OperatorSourceWeight:
    """Change one weight. Raises NotFound."""
    while True:
        row, finished = _update(weight_id, weight, actor)
        if finished:
            return row


@retried
def _update(weight_id: int, weight: int, actor: str) -> tuple[OperatorSourceWeight, bool]:
    row = _locked_weight(weight_id)
    before, after = {row.operator_id: row.weight}, {row.operator_id: weight}
    row.weight = weight
    row.save(update_fields=["weight"])
    finished = _announce_raised(row.source_id, before, after, actor=actor)
    if finished:
        record_weights(row.source, before, after, actor=actor)
    else:
        row.weight = before[row.operator_id]
        row.save(update_fields=["weight"])
    return row, finished


@retried
def remove_weight(weight_id: int, *, actor: str) -> None:
    """Take an operator out of a source's set; open contacts stay with them. Raises NotFound."""
    row = _locked_weight(weight_id)
    record_weights(row.source, {row.operator_id: row.weight}, {}, actor=actor)
    row.delete()


def replace_weights(
    source_id: int,
    weights: Mapping[int, int],
    *,
    expected: Mapping[int, int] | None = None,
    actor: str,
) -> list[OperatorSourceWeight]:
    """Make `weights` (operator id to weight) the source's whole set, or change nothing.

    `expected` is the set as the caller read it: if it is another one by now, somebody was faster,
    and Conflict says what it is. Raises NotFound for an unknown source or operator.
    """
    while not _replace(source_id, weights, expected, actor):
        pass
    rows = OperatorSourceWeight.objects.filter(source_id=source_id)
    return list(rows.select_related("operator").order_by("operator_id"))


@retried
def _replace(
    source_id: int, weights: Mapping[int, int], expected: Mapping[int, int] | None, actor: str
) -> bool:
    source = _lock(source_id, weights, operator_field="operators.{index}.operator_id")
    rows = list(OperatorSourceWeight.objects.filter(source_id=source_id))
    before = {row.operator_id: row.weight for row in rows}
    # In each of several transactions: until the last one the set stays what it was, unless
    # somebody else changes it in between, whose change must not be lost either.
    if expected is not None and before != dict(expected):
        raise weights_changed(source_id, before)
    _write(source_id, rows, weights)
    finished = _announce_raised(source_id, before, weights, actor=actor)
    if finished:
        record_weights(source, before, weights, actor=actor)
    else:
        OperatorSourceWeight.objects.filter(source_id=source_id).delete()
        OperatorSourceWeight.objects.bulk_create(rows, batch_size=500)  # with their own ids
    return finished


def weights_changed(source_id: int, present: Mapping[int, int]) -> Conflict:
    """Return the refusal of a change to a set of weights that is not what the caller had read."""
    return Conflict(
        "weights_changed",
        f"The weights of source {source_id} were changed meanwhile.",
        present={str(operator_id): weight for operator_id, weight in sorted(present.items())},
    )


def _write(source_id: int, rows: list[OperatorSourceWeight], weights: Mapping[int, int]) -> None:
    """Turn the source's set, whose present rows are given, into `weights`."""
    before = {row.operator_id: row.weight for row in rows}
    stored = OperatorSourceWeight.objects.filter(source_id=source_id)
    stored.filter(operator_id__in=before.keys() - weights.keys()).delete()
    changed = [
        OperatorSourceWeight(pk=row.pk, weight=weights[row.operator_id])
        for row in rows
        if weights.get(row.operator_id, row.weight) != row.weight
    ]
    OperatorSourceWeight.objects.bulk_update(changed, ["weight"], batch_size=500)
    added = [
        OperatorSourceWeight(operator_id=operator_id, source_id=source_id, weight=weight)
        for operator_id, weight in weights.items()
        if operator_id not in before
    ]
    OperatorSourceWeight.objects.bulk_create(added, batch_size=500)


def _lock(
    source_id: int,
    operator_ids: Iterable[int],
    *,
    field: str | None = None,
    operator_field: str,
) -> Source:
    """Lock the source and the operators; NotFound for the first of them that does not exist."""
    try:
        source = lock_source(source_id)
    except Source.DoesNotExist:
        raise source_not_found(source_id, field=field) from None
    found = lock_operators(operator_ids)
    for index, operator_id in enumerate(operator_ids):
        if operator_id not in found:
            raise operator_not_found(operator_id, field=operator_field.format(index=index))
    return source


def _locked_weight(weight_id: int) -> OperatorSourceWeight:
    """Return the weight with its source and operator locked; NotFound when it is not there."""
    pairs = OperatorSourceWeight.objects.filter(pk=weight_id)
    pair = pairs.values_list("source_id", "operator_id").first()
    if pair is not None:
        lock_source(pair[0])
        lock_operators([pair[1]])
    # It may have gone while we waited.
    row = pairs.select_related("operator", "source").first()
    if row is None:
        raise NotFound("weight_not_found", f"There is no weight {weight_id}.")
    return row


def _announce_raised(
    source_id: int, before: Mapping[int, int], after: Mapping[int, int], *, actor: str
) -> bool:
    """Offer the places of those whose weight was raised; say whether all was done (`announce`)."""
    raised = [one for one, weight in after.items() if weight > before.get(one, 0)]
    cause = {"change": "weights", "source_id": source_id}
    return not raised or announce(
        source_ids=[source_id], operator_ids=raised, actor=actor, cause=cause
    )


def record_weights(
    source: Source, before: Mapping[int, int], after: Mapping[int, int], *, actor: str
) -> None:
    """Record what differs between two sets of weights, by operator id."""
    concerned = {
        operator_id
        for operator_id in {*before, *after}
        if before.get(operator_id) != after.get(operator_id)
    }
    audit.record(
        actor=actor,
        action="changed",
        obj_type="weights",
        object_id=source.pk,
        object_name=source.name,
        before={str(one): before[one] for one in sorted(concerned & before.keys())},
        after={str(one): after[one] for one in sorted(concerned & after.keys())},
    )
