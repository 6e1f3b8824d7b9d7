"""Deleting operators and sources that have no history, with everything that hangs on them."""

from collections.abc import Collection

from distribution.keys import delete_api_keys_of
from distribution.models import Operator, OperatorSourceWeight
from distribution.services.locks import lock_operators, lock_sources
from distribution.services.operators import facts_of as facts_of_operator
from distribution.services.operators import operator_not_found, record_operator
from distribution.services.sources import facts_of as facts_of_source
from distribution.services.sources import locked_source, record_source
from distribution.services.weights import record_weights
from minicrm.transactions import RunAgain, retried


def delete_operator(operator_id: int, *, actor: str) -> None:
    """Delete an operator who never had a contact, with their weights.

    Raises NotFound, and Django's ProtectedError for one with a history: switch them off instead.
    """
    delete_operators([operator_id], actor=actor)


@retried
def delete_operators(operator_ids: Collection[int], *, actor: str) -> None:
    """Do that with several, all or none."""
    sources = _sources_of(operator_ids)
    lock_sources(exclusively=sources)
    operators = lock_operators(operator_ids)
    if not _sources_of(operator_ids) <= sources:
        raise RunAgain("an operator was given another source meanwhile")
    for operator_id in sorted(operator_ids):
        if operator_id not in operators:
            raise operator_not_found(operator_id)
        _delete(operators[operator_id], actor)


def _sources_of(operator_ids: Collection[int]) -> set[int]:
    """Return the sources of the operators' weights, those of weight 0 too: all of these go."""
    weights = OperatorSourceWeight.objects.filter(operator_id__in=operator_ids)
    return set(weights.values_list("source_id", flat=True))


def _delete(operator: Operator, actor: str) -> None:
    for row in operator.weights.select_related("source").order_by("source_id"):
        record_weights(row.source, {operator.pk: row.weight}, {}, actor=actor)
    record_operator("deleted", operator, actor=actor, before=facts_of_operator(operator))
    operator.delete()


@retried
def delete_source(source_id: int, *, actor: str) -> None:
    """Delete a source that never had a contact, with its weights and keys.

    Raises NotFound, and Django's ProtectedError for one with contacts: switch it off instead.
    """
    source = locked_source(source_id)
    weights = dict(source.weights.values_list("operator_id", "weight"))
    record_weights(source, weights, {}, actor=actor)
    delete_api_keys_of(source_id, actor=actor)
    record_source("deleted", source, actor=actor, before=facts_of_source(source))
    source.delete()
