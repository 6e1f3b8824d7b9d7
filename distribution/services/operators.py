"""Creating and changing operators."""

from typing import Any, TypedDict, Unpack

from distribution import audit
from distribution.models import Operator
from distribution.services.locks import lock_operators_and_their_sources
from distribution.signals import announce
from minicrm.errors import NotFound
from minicrm.transactions import retried


class OperatorChanges(TypedDict, total=False):
    """What may be changed of an operator; the load is none of it."""

    name: str
    is_active: bool
    max_load: int


@retried
def create_operator(
    *, name: str, is_active: bool = True, max_load: int = 10, actor: str
) -> Operator:
    """Create an operator; without weights they get nothing yet."""
    operator = Operator.objects.create(name=name, is_active=is_active, max_load=max_load)
    record_operator("created", operator, actor=actor, after=facts_of(operator))
    return operator


def update_operator(
    operator_id: int, *, actor: str, **changes: Unpack[OperatorChanges]
) -> Operator:
    """Change an operator, and hand places that this frees to waiting contacts.

    A limit below the load takes nothing away. Where many contacts wait for the places, they are
    handed out in several transactions, and the change shows with the last of them: no place is seen
    free while somebody waits for it. Raises NotFound.
    """
    while True:
        operator, finished = _update(operator_id, actor=actor, changes=changes)
        if finished:
            return operator


@retried
def _update(operator_id: int, *, actor: str, changes: OperatorChanges) -> tuple[Operator, bool]:
    """Make the change, or hand out as many of its places as one transaction should."""
    operators, source_ids = lock_operators_and_their_sources([operator_id])
    operator = operators.get(operator_id)
    if operator is None:
        raise operator_not_found(operator_id)
    before, was_free = facts_of(operator), _is_free(operator)
    _write(operator, changes)
    finished = True
    if _is_free(operator) and not was_free:
        cause = {"change": "operator", "operator_id": operator_id}
        finished = announce(
            source_ids=source_ids, operator_ids=[operator_id], actor=actor, cause=cause
        )
        operator.refresh_from_db(fields=["current_load"])
    if not finished:
        # The limit may rise to the places that are taken by now; everything else is put back.
        limit = max(before["max_load"], min(operator.max_load, operator.current_load))
        _write(operator, before)
        _write(operator, {"max_load": limit})
    record_operator("changed", operator, actor=actor, before=before, after=facts_of(operator))
    return operator, finished


def operator_not_found(operator_id: int, *, field: str | None = None) -> NotFound:
    """Return the error for an operator that does not exist, named in `field`."""
    return NotFound("operator_not_found", f"There is no operator {operator_id}.", field=field)


def _is_free(operator: Operator) -> bool:
    return operator.is_active and operator.current_load < operator.max_load


def facts_of(operator: Operator) -> OperatorChanges:
    """Return what may be changed of an operator, as it is now."""
    return {
        "name": operator.name,
        "is_active": operator.is_active,
        "max_load": operator.max_load,
    }


def _write(operator: Operator, changes: OperatorChanges) -> None:
    for field, value in changes.items():
        setattr(operator, field, value)
    operator.save(update_fields=list(changes))


def record_operator(action: str, operator: Operator, *, actor: str, **states: Any) -> None:
    """Record what was done to an operator."""
    audit.record(
        actor=actor,
        action=action,
        obj_type="operator",
        object_id=operator.pk,
        object_name=operator.name,
        **states,
    )
