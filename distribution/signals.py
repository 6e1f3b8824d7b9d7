"""How distribution tells that places were freed, without knowing who waits for them."""

from collections.abc import Collection, Mapping
from typing import Any

from django.dispatch import Signal

# Sent inside the transaction that freed places, by `announce`. A receiver that fails undoes the
# transaction: a change that frees places and the use of those places are one step.
capacity_freed = Signal()


def announce(
    *,
    source_ids: Collection[int],
    operator_ids: Collection[int] | None,
    actor: str,
    cause: Mapping[str, Any],
) -> bool:
    """Offer the free places of operators to whoever waits in the sources; say whether all was done.

    The caller has locked the sources and the operators; None stands for all operators of the
    sources. `cause` goes into the decision records: what freed the places. False means that a
    receiver stopped at as much as one transaction should do, and said so by returning False.
    """
    answers: list[tuple[Any, Any]] = capacity_freed.send(
        sender=None, source_ids=source_ids, operator_ids=operator_ids, actor=actor, cause=cause
    )
    return all(answer is not False for _, answer in answers)
