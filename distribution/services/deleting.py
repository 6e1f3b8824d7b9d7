"""Deleting operators and sources that have no history, with everything that hangs on them."""

from distribution.keys import delete_api_keys_of
from distribution.models import OperatorSourceWeight
from distribution.services.locks import lock_operators, lock_sources
from distribution.services.operators import facts_of as facts_of_operator
from distribution.services.operators import operator_not_found, record_operator
from distribution.services.sources import facts_of as facts_of_source
from distribution.services.sources import locked_source, record_source
from distribution.services.weights import record_weights
from minicrm.transactions import RunAgain, retried


@retried
def delete_operator(operator_id: int, *, actor: str) -> None:
    """Delete an operator who never had a contact, with their weights.

    Raises NotFound, and Django's ProtectedError for one with a history: switch them off instead.
    """
    held = _sources_of(operator_id)
    lock_sources(queueing=held, freeing=())  # the weights that go change them too
    operator = lock_operators([operator_id]).get(operator_id)
    if operator is None:
        raise operator_not_found(operator_id)
    if not _sources_of(operator_id) <= held:
        raise RunAgain("the operator was given another source meanwhile")
    for row in operator.weights.select_related("source").order_by("source_id"):
        record_weights(row.source, {operator_id: row.weight}, {}, actor=actor)
    record_operator("deleted", operator, actor=actor, before=facts_of_operator(operator))
    operator.delete()


def _sources_of(operator_id: int) -> set[int]:
    weights = OperatorSourceWeight.objects.filter(operator_id=operator_id)
    return set(weights.values_list("source_id", flat=True))


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
