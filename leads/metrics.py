"""The numbers of contacts, sources and operators for /metrics, read from the database.

However many contacts are stored, reading them costs the same: what waits and what is assigned has
indexes of its own, and what was received is counted on from where the last time ended.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from distribution.models import Operator, Source
from leads.models import Contact
from leads.received_totals import ReceivedTotals

RECEIVED = ReceivedTotals()
# One statement, so that all numbers are of one moment. The states are written out: SQLite takes an
# index with a condition only where it can read in the statement that the condition holds.
OPEN = """
SELECT 'waiting', source_id, count(*), min(id) FROM {table}
    WHERE status = 'waiting' GROUP BY source_id
UNION ALL
SELECT 'assigned', source_id, count(*), NULL FROM {table}
    WHERE status = 'assigned' GROUP BY source_id
"""
RECEIVED_SINCE = """
UNION ALL
SELECT 'received', source_id, count(*), NULL FROM {table} WHERE id > %s GROUP BY source_id
"""


@dataclass(slots=True)
class SourceNumbers:
    """One source's contacts. `oldest` is the number of the one that has waited longest."""

    received: int = 0
    waiting: int = 0
    assigned: int = 0
    oldest: int | None = None


def contact_metrics(received: ReceivedTotals = RECEIVED) -> list[Metric]:
    """Return all families of contacts, sources and operators; six queries.

    Without those received and closed while a new process is still counting millions of them.
    """
    now = timezone.now()
    settled = received.settle(now)
    until, totals = settled if settled is not None else (None, Counter[int]())
    numbers = _read_numbers(until, totals)
    sources = list(Source.objects.order_by("pk").values_list("pk", "name", "is_active"))
    received_known = until is not None
    of_sources = {str(pk): numbers.get(pk, SourceNumbers()) for pk, _name, _active in sources}
    return [
        *_described("source", [(pk, name, {"active": on}) for pk, name, on in sources]),
        *_of_contacts(of_sources, with_received=received_known),
        _ages(of_sources, now),
        *_of_operators(),
    ]


def _read_numbers(until: int | None, totals: Counter[int]) -> dict[int, SourceNumbers]:
    statement = OPEN if until is None else OPEN + RECEIVED_SINCE
    table = connection.ops.quote_name(Contact._meta.db_table)
    numbers = {pk: SourceNumbers(received=number) for pk, number in totals.items()}
    with connection.cursor() as cursor:
        cursor.execute(statement.format(table=table), [] if until is None else [until])
        for what, source_id, number, oldest in cursor.fetchall():
            found = numbers.setdefault(source_id, SourceNumbers())
            if what == "waiting":
                found.waiting, found.oldest = number, oldest
            elif what == "assigned":
                found.assigned = number
            else:
                found.received += number
    return numbers


def _of_contacts(of_sources: dict[str, SourceNumbers], *, with_received: bool) -> list[Metric]:
    now = GaugeMetricFamily(
        "minicrm_contacts",
        "Contacts by source and by what became of them",
        labels=("source_id", "status"),
    )
    received = CounterMetricFamily(
        "minicrm_contacts_received", "Contacts ever received from a source", labels=("source_id",)
    )
    for source_id, found in of_sources.items():
        now.add_metric((source_id, "waiting"), found.waiting)
        now.add_metric((source_id, "assigned"), found.assigned)
        if with_received:
            closed = found.received - found.waiting - found.assigned
            now.add_metric((source_id, "closed"), closed)
            received.add_metric((source_id,), found.received)
    return [now, received]


def _ages(of_sources: dict[str, SourceNumbers], now: datetime) -> Metric:
    """Return how long the first in each source's queue has been there; 0 where nobody waits."""
    family = GaugeMetricFamily(
        "minicrm_waiting_oldest_seconds",
        "Age of the source's contact that has waited longest, 0 while none waits",
        labels=("source_id",),
    )
    oldest = [found.oldest for found in of_sources.values() if found.oldest is not None]
    rows = Contact.objects.filter(pk__in=oldest).order_by()
    since = dict(rows.values_list("pk", "created_at"))
    for source_id, found in of_sources.items():
        begun = since.get(found.oldest or 0, now)
        family.add_metric((source_id,), max(0.0, (now - begun).total_seconds()))
    return family


def _of_operators() -> list[Metric]:
    rows = Operator.objects.order_by("pk").values_list(
        "pk", "name", "is_active", "current_load", "max_load"
    )
    described = [
        (pk, name, {"active": active, "load": load, "limit": limit})
        for pk, name, active, load, limit in rows
    ]
    return _described("operator", described)


HELP = {
    "active": "1 for one that is on, else 0",
    "load": "Contacts that are assigned to the operator",
    "limit": "How many contacts the operator may have at most",
}


def _described(kind: str, rows: list[tuple[int, str, dict[str, int]]]) -> list[Metric]:
    """Return the names of operators or sources as a family of their own, and their values.

    Names are apart, to be joined by id: so a new name does not begin all the series anew.
    """
    label = f"{kind}_id"
    names = GaugeMetricFamily(f"minicrm_{kind}_info", f"Name of the {kind}", labels=(label, "name"))
    families: dict[str, GaugeMetricFamily] = {}
    for pk, name, values in rows:
        names.add_metric((str(pk), name), 1)
        for what, value in values.items():
            if what not in families:
                families[what] = GaugeMetricFamily(
                    f"minicrm_{kind}_{what}", HELP[what], labels=(label,)
                )
            families[what].add_metric((str(pk),), value)
    return [names, *families.values()]
