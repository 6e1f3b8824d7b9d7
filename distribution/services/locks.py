"""Row locks on sources and operators, always taken in this order and by ascending id.

A contact that finds nobody holds its source's row exclusively while it looks again and is stored
as waiting; whoever frees places holds the rows of the sources concerned shared. So one of the two
always sees the other, while those who free places do not hinder each other.
"""

from collections.abc import Collection, Iterable

from django.db import connection

from distribution.models import Operator, OperatorSourceWeight, Source
from minicrm.transactions import RunAgain


def lock_source(source_id: int) -> Source:
    """Take one source's row exclusively; Source.DoesNotExist when it is not there.

    Not a key lock: contacts of the source can still be stored meanwhile.
    """
    return Source.objects.select_for_update(no_key=True).get(pk=source_id)


def share_sources(source_ids: Iterable[int]) -> None:
    """Take the rows of sources shared. SQLite, with its one writer, has no row locks."""
    ids = sorted(set(source_ids))
    if not ids or connection.vendor != "postgresql":
        return
    table = connection.ops.quote_name(Source._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id FOR SHARE",  # noqa: S608
            [ids],
        )


def lock_operators(operator_ids: Iterable[int]) -> dict[int, Operator]:
    """Take the rows of operators exclusively, by id, and return those that exist."""
    found = Operator.objects.select_for_update(no_key=True).filter(pk__in=set(operator_ids))
    return {operator.pk: operator for operator in found.order_by("pk")}


def sources_of(operator_ids: Collection[int]) -> set[int]:
    """Return the ids of the sources that give contacts to any of the operators."""
    weights = OperatorSourceWeight.objects.filter(operator_id__in=operator_ids, weight__gt=0)
    return set(weights.values_list("source_id", flat=True))


def lock_operators_and_their_sources(
    operator_ids: Collection[int], *, more_sources: Collection[int] = ()
) -> tuple[dict[int, Operator], set[int]]:
    """Share the sources of the operators, then take the operators; return both.

    Whoever gives an operator a new source takes the operator's row too. So the sources read again
    under that lock are final; if one came in between, its row must be taken before the operators'
    and everything starts over (`RunAgain`).
    """
    shared = sources_of(operator_ids) | set(more_sources)
    share_sources(shared)
    operators = lock_operators(operator_ids)
    if not sources_of(operator_ids) <= shared:
        raise RunAgain("an operator was given another source meanwhile")
    return operators, shared
