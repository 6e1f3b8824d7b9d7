"""Row locks on sources and operators, always taken in this order and by ascending id.

Whoever puts a contact into the queue holds its source's row exclusively while making sure that
nobody can take it; whoever frees places holds the rows of the sources concerned shared. So one of
the two always sees the other, while those who free places do not hinder each other. Whoever changes
weights holds the source's row exclusively: triggers write it.
"""

from collections.abc import Callable, Collection, Iterable
from itertools import groupby

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


def lock_sources(*, exclusively: Collection[int], shared: Collection[int] = ()) -> None:
    """Take the rows of sources by id: exclusively where contacts will queue, or weights change."""
    ids = sorted({*exclusively, *shared})
    for is_exclusive, group in groupby(ids, key=lambda source_id: source_id in exclusively):
        if is_exclusive:
            rows = Source.objects.select_for_update(no_key=True).filter(pk__in=list(group))
            list(rows.order_by("pk").values_list("pk"))
        else:
            share_sources(group)


def lock_operators(operator_ids: Iterable[int]) -> dict[int, Operator]:
    """Take the rows of operators exclusively, by id, and return those that exist."""
    found = Operator.objects.select_for_update(no_key=True).filter(pk__in=set(operator_ids))
    return {operator.pk: operator for operator in found.order_by("pk")}


def sources_of(operator_ids: Collection[int]) -> set[int]:
    """Return the ids of the sources that give contacts to any of the operators."""
    weights = OperatorSourceWeight.objects.filter(operator_id__in=operator_ids, weight__gt=0)
    return set(weights.values_list("source_id", flat=True))


def lock_operators_and_their_sources(
    operator_ids: Collection[int],
    *,
    queueing: Collection[int] = (),
    others: Callable[[], Collection[int]] = tuple,
) -> tuple[dict[int, Operator], set[int]]:
    """Take the sources of the operators, then the operators; return both.

    The sources are shared, those in `queueing` taken exclusively. `others` is asked, once the
    sources are held, which operators to take besides. Whoever gives an operator a new source takes
    the operator's row too. So the sources read again under that lock are final; if one came in
    between, its row must be taken before the operators' and everything starts over (`RunAgain`).
    """
    held = sources_of(operator_ids)
    lock_sources(exclusively=queueing, shared=held)
    operators = lock_operators({*operator_ids, *others()})
    if not sources_of(operator_ids) <= held:
        raise RunAgain("an operator was given another source meanwhile")
    return operators, held
