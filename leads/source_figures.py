"""What pages tell of sources besides their settings: who shares them, what came in, what waits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Count
from django.db.models.functions import Coalesce
from django.utils import timezone

from distribution import shares
from distribution.models import Operator, OperatorSourceWeight
from distribution.selection import Candidate
from leads.models import Contact
from leads.overview.today import midnight

LARGEST = 4  # shares of a source that a list shows


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """`largest` are (operator's name, share as configured in tenths of a per cent).

    Of the `operators` with a weight above 0, `free` can take a contact, if the source is on.
    """

    operators: int
    free: int
    waiting: int
    today: int
    largest: list[tuple[str, int]]

    @property
    def others(self) -> int:
        """How many operators with a share are not among the largest."""
        return self.operators - len(self.largest)


def figures_of(source_ids: Collection[int]) -> dict[int, SourceFigures]:
    """Return the figures of sources by id, in four queries for any number of them."""
    candidates = _candidates(source_ids)
    largest = {pk: _largest(team) for pk, team in candidates.items()}
    concerned = {operator_id for shown in largest.values() for operator_id, _share in shown}
    names = dict(Operator.objects.filter(pk__in=concerned).values_list("pk", "name"))
    counts = contacts_of(source_ids)
    return {
        pk: SourceFigures(
            operators=len(candidates[pk]),
            free=sum(one.reason() is None for one in candidates[pk]),
            largest=[(names[operator_id], share) for operator_id, share in largest[pk]],
            waiting=counts[pk][0],
            today=counts[pk][1],
        )
        for pk in source_ids
    }


def contacts_of(source_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return how many contacts of each source wait, and how many came in today, by source id."""
    # By an expression, as SQLite would else go through all contacts ever, source by source.
    by_source = (
        Contact.objects.annotate(of=Coalesce("source_id", 0))
        .filter(of__in=source_ids)
        .order_by()
        .values("of")
        .annotate(count=Count("*"))  # by the index alone
    )
    waiting, today = (
        dict(found.values_list("of", "count"))
        for found in (
            by_source.filter(status=Contact.Status.WAITING),
            by_source.filter(created_at__gte=midnight(timezone.now())),
        )
    )
    return {pk: (waiting.get(pk, 0), today.get(pk, 0)) for pk in source_ids}


def _candidates(source_ids: Collection[int]) -> dict[int, list[Candidate]]:
    """Return the operators of each source who have a weight above 0, by operator id."""
    rows = OperatorSourceWeight.objects.filter(source_id__in=source_ids, weight__gt=0).values_list(
        "source_id",
        "operator_id",
        "weight",
        "operator__current_load",
        "operator__max_load",
        "operator__is_active",
    )
    by_source: dict[int, list[Candidate]] = {pk: [] for pk in source_ids}
    for pk, operator_id, weight, load, limit, is_active in rows.order_by("operator_id"):
        by_source[pk].append(Candidate(operator_id, weight, load, limit, is_active))
    return by_source


def _largest(candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
    """Return the largest shares as (operator id, share); of all shares, so that they are exact."""
    configured = shares.configured(candidates)
    ranked = sorted(candidates, key=lambda one: -one.weight)
    return [(one.operator_id, configured[one.operator_id]) for one in ranked[:LARGEST]]
