"""How many contacts came in during each of the last hours, by source."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Case, Count, IntegerField, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from distribution.models import Source
from leads.models import Contact

HOURS = 12
NAMED = 5  # sources; the rest is counted together


@dataclass(frozen=True, slots=True)
class Series:
    """A source's contacts, hour by hour. Without a source: those of all sources not named."""

    name: str
    source_id: int | None
    counts: list[int]

    @property
    def total(self) -> int:
        """How many came in during all the hours."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Hours:
    """When each hour began, oldest first, and the series in the order of their sources."""

    starts: list[datetime]
    series: list[Series]

    @property
    def totals(self) -> list[int]:
        """How many came in during each hour."""
        return [sum(series.counts[hour] for series in self.series) for hour in range(HOURS)]

    @property
    def total(self) -> int:
        """How many came in during all the hours."""
        return sum(self.totals)


def read_hours(now: datetime) -> Hours:
    """Return the numbers of the last hours, the present one included; two queries.

    The sources with most contacts are named. They keep their order while numbers change, and so
    their colours.
    """
    starts = hours_until(now)
    counts = _counts(starts)
    totals = Counter({source_id: sum(by_hour) for source_id, by_hour in counts.items()})
    named = [source_id for source_id, _total in totals.most_common(NAMED)]
    sources = Source.objects.filter(pk__in=named).order_by("pk") if named else []
    series = [Series(source.name, source.pk, counts.pop(source.pk)) for source in sources]
    if counts:
        others = [sum(by_source) for by_source in zip(*counts.values(), strict=True)]
        series.append(Series(_("others"), None, others))
    return Hours(starts, series)


def _counts(starts: list[datetime]) -> dict[int, list[int]]:
    """Return the number of contacts per hour, by source id; one query.

    The hours are told apart by their bounds: on a day when the clocks are set back, truncating a
    local time would count two hours as one.
    """
    until = zip(starts[1:], range(HOURS), strict=False)
    hour = Case(
        *(When(created_at__lt=end, then=Value(number)) for end, number in until),
        default=Value(HOURS - 1),
        output_field=IntegerField(),
    )
    rows = (
        Contact.objects.filter(created_at__gte=starts[0])
        .order_by()
        # By expressions alone: SQLite would else go through all contacts source by source.
        .annotate(hour=hour, of=Coalesce("source_id", 0))
        .values_list("of", "hour")
        .annotate(number=Count("pk"))
    )
    counts: dict[int, list[int]] = {}
    for source_id, number, count in rows:
        counts.setdefault(source_id, [0] * HOURS)[number] = count
    return counts


def hours_until(now: datetime) -> list[datetime]:
    """Return when the last hours began, in UTC; the present one, by the clock on the wall, last."""
    local = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    present = local.astimezone(UTC)  # where all hours are equally long
    return [present - timedelta(hours=number) for number in reversed(range(HOURS))]
