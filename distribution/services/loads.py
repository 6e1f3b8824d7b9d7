"""Checking the load counters against the contacts they count."""

from collections.abc import Callable

from distribution.models import Operator
from distribution.services.locks import lock_operators_and_their_sources
from distribution.services.operators import record_operator
from distribution.signals import announce
from minicrm.transactions import retried


@retried
def recount_load(
    operator_id: int, *, count: Callable[[int], int], repair: bool, actor: str
) -> tuple[int, int] | None:
    """Compare an operator's load with `count(operator_id)`, which counts their open contacts.

    Under the operator's lock no contact can come or go meanwhile. Returns (load, counted) where
    they differ, None where all is well. With `repair` the counted number becomes the load, and the
    places that this frees are handed out, however many: counters are wrong by accident only.
    """
    operators, source_ids = lock_operators_and_their_sources([operator_id])
    operator = operators.get(operator_id)
    if operator is None:
        return None
    load, counted = operator.current_load, count(operator_id)
    if load == counted:
        return None
    if repair:
        Operator.objects.filter(pk=operator_id).update(current_load=counted)
        before, after = {"current_load": load}, {"current_load": counted}
        record_operator("changed", operator, actor=actor, before=before, after=after)
        cause = {"change": "load", "operator_id": operator_id}
        while not announce(
            source_ids=source_ids, operator_ids=[operator_id], actor=actor, cause=cause
        ):
            pass
    return load, counted
