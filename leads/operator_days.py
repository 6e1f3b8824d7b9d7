"""What an operator did today."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Q
from django.utils import timezone

from leads.models import Assignment

# Of an operator's periods the newest ones; nobody has more in a day, and old ones are never read.
PERIODS_READ = 5_000


@dataclass(frozen=True, slots=True)
class Day:
    """How many contacts an operator got and closed since midnight.

    `handling` is the median time from getting a contact to its being closed, of those closed today.
    """

    assigned: int
    closed: int
    handling: timedelta | None


def today_of(operator_id: int) -> Day:
    """Return the numbers of today, in the time zone of the settings, with one query."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    newest = Assignment.objects.filter(operator_id=operator_id).order_by("-pk")[:PERIODS_READ]
    rows = Assignment.objects.filter(
        Q(started_at__gte=midnight) | Q(ended_at__gte=midnight), pk__in=newest.values("pk")
    ).values_list("started_at", "ended_at", "ended_as")
    periods = list(rows)
    seconds = [
        (ended - started).total_seconds()
        for started, ended, ended_as in periods
        if ended and ended >= midnight and ended_as == Assignment.End.CLOSED
    ]
    return Day(
        assigned=sum(_is_today(started, midnight) for started, *_ in periods),
        closed=len(seconds),
        handling=timedelta(seconds=median(seconds)) if seconds else None,
    )


def _is_today(moment: datetime, midnight: datetime) -> bool:
    return moment >= midnight
