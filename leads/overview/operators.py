"""The operators: on or off, how full, what they serve, what they got today."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from distribution.models import Operator, OperatorSourceWeight
from leads.explanations import percent
from leads.operator_lists import last_assigned_at
from leads.overview.today import Today

SHOWN = 50
SOURCES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Row:
    """An operator as the table shows them. `sources` have a weight, the highest first."""

    operator: Operator
    last_assigned_at: datetime | None
    share: str
    sources: list[str] = field(default_factory=list)

    @property
    def first_sources(self) -> list[str]:
        """The sources that there is room for."""
        return self.sources[:SOURCES_SHOWN]

    @property
    def more_sources(self) -> list[str]:
        """The sources that there is no room for."""
        return self.sources[SOURCES_SHOWN:]

    @property
    def initials(self) -> str:
        """The first letters of the name's first and last word; of "Demo operator 3", "D3"."""
        first, *others = self.operator.name.split()
        return "".join(word[0] for word in (first, *others[-1:])).upper()


def read_operators(today: Today) -> list[Row]:
    """Return the operators in the order they were added, so that no row jumps; three queries.

    Where there are too many, those who are off are left out first.
    """
    operators = sorted(
        Operator.objects.order_by("-is_active", "pk")[:SHOWN], key=lambda operator: operator.pk
    )
    ids = [operator.pk for operator in operators]
    last, sources = _last_assigned(ids), _sources_of(ids)
    return [
        Row(
            operator,
            last.get(operator.pk),
            percent(today.by_operator[operator.pk], today.assigned) if today.assigned else "–",
            sources[operator.pk],
        )
        for operator in operators
    ]


def _last_assigned(operator_ids: Collection[int]) -> dict[int, datetime | None]:
    operators = Operator.objects.filter(pk__in=operator_ids)
    return dict(operators.values_list("pk", last_assigned_at()))


def _sources_of(operator_ids: Collection[int]) -> defaultdict[int, list[str]]:
    names: defaultdict[int, list[str]] = defaultdict(list)
    weights = OperatorSourceWeight.objects.filter(operator_id__in=operator_ids, weight__gt=0)
    rows = weights.order_by("-weight", "source_id").values_list("operator_id", "source__name")
    for operator_id, name in rows:
        names[operator_id].append(name)
    return names
