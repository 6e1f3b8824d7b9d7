"""Creating and changing operators."""

from typing import TypedDict, Unpack

from distribution.models import Operator
from distribution.services.locks import lock_operators_and_their_sources
from distribution.signals import capacity_freed
from minicrm.errors import NotFound
from minicrm.transactions import retried


class OperatorChanges(TypedDict, total=False):
    """What may be changed of an operator; the load is none of it."""

    name: str
    is_active: bool
    max_load: int


@retried
def create_operator(*, name: str, is_active: bool = True, max_load: int = 10) -> Operator:
    """Create an operator; without weights they get nothing yet."""
    return Operator.objects.create(name=name, is_active=is_active, max_load=max_load)


@retried
def update_operator(
    operator_id: int, *, actor: str, **changes: Unpack[OperatorChanges]
) -> Operator:
    """Change an operator, and hand places that this frees to waiting contacts.

    A limit below the load takes nothing away. Raises NotFound.
    """
    operators, source_ids = lock_operators_and_their_sources([operator_id])
    operator = operators.get(operator_id)
    if operator is None:
        raise operator_not_found(operator_id)
    was_free = _is_free(operator)
    for field, value in changes.items():
        setattr(operator, field, value)
    operator.save(update_fields=list(changes))
    if _is_free(operator) and not was_free:
        capacity_freed.send(sender=Operator, source_ids=source_ids, actor=actor)
        operator.refresh_from_db()
    return operator


def _is_free(operator: Operator) -> bool:
    return operator.is_active and operator.current_load < operator.max_load


def operator_not_found(operator_id: int, *, field: str | None = None) -> NotFound:
    """Return the error for an operator that does not exist, named in `field`."""
    return NotFound("operator_not_found", f"There is no operator {operator_id}.", field=field)
