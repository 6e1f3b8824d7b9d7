"""Places taken and given up by hand: by somebody who names the operator."""

from collections.abc import Mapping

from django.db.models import F

from distribution.models import Operator
from minicrm.errors import Conflict


def take_place(operator: Operator, *, over_limit: bool) -> None:
    """Take a place with an operator whose row the caller has locked.

    Raises Conflict for one who is off, and, without `over_limit`, for one without a free place.
    """
    if not operator.is_active:
        raise Conflict(
            "operator_inactive", f"{operator.name} is switched off.", field="operator_id"
        )
    if operator.current_load >= operator.max_load and not over_limit:
        raise Conflict(
            "operator_at_limit",
            f"{operator.name} is at the limit: {operator.current_load} of {operator.max_load}.",
            field="operator_id",
        )
    Operator.objects.filter(pk=operator.pk).update(current_load=F("current_load") + 1)


def give_up_places(places: Mapping[int, int]) -> None:
    """Lower the loads of operators, whose rows the caller has locked, by so many contacts each."""
    for operator_id, count in sorted(places.items()):
        Operator.objects.filter(pk=operator_id).update(current_load=F("current_load") - count)
