"""How many contacts came in during each of the last hours, by source."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from distribution.models import Source

HOURS = 12
NAMED = 5  # sources; the rest is counted together

# Each hour is a range of the index on (created_at, source), which is all that is read. Grouped by
# an expression: else SQLite might go through all contacts there are, source by source.
HOUR = "SELECT {}, source_id + 0, count(*) FROM leads_contact WHERE created_at >= %s{} GROUP BY 2"
QUERY = " UNION ALL ".join(
    HOUR.format(number, " AND created_at < %s" if number < HOURS - 1 else "")
    for number in range(HOURS)
)


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
    # Of sources with equally many, always the same: databases give rows in no certain order.
    by_total = sorted(counts, key=lambda source_id: (-sum(counts[source_id]), source_id))
    named = by_total[:NAMED]
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
    with connection.cursor() as cursor:
        cursor.execute(
            QUERY, [connection.ops.adapt_datetimefield_value(at) for at in _bounds(starts)]
        )
        rows = cursor.fetchall()
    counts: dict[int, list[int]] = {}
    for number, source_id, count in rows:
        counts.setdefault(source_id, [0] * HOURS)[number] = count
    return counts


def _bounds(starts: list[datetime]) -> list[datetime]:
    """Return the beginning and end of each hour, one after the other; the last has no end."""
    return [at for bounds in pairwise(starts) for at in bounds] + starts[-1:]


def hours_until(now: datetime) -> list[datetime]:
    """Return when the last hours began, in UTC; the present one, by the clock on the wall, last."""
    local = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    present = local.astimezone(UTC)  # where all hours are equally long
    return [present - timedelta(hours=number) for number in reversed(range(HOURS))]
