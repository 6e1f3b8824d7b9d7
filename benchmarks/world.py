"""What is in the database before a run: made in bulk, as nobody would do it in use.

`python -m benchmarks.world` is its own process, for it needs Django on the run's database; the
plan comes as JSON on standard input, and what the run has to know goes to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

BATCH = 5_000
NO_LIMIT = 2_000_000_000
SOURCES = 200  # of the run with many
WEIGHT = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the world is; contacts are closed ones, one for each lead."""

    operators: int = 20
    contacts: int = 1_000
    waiting: int = 0


def main() -> None:
    """Make what the plan on standard input says; write the ids and a key."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        kind = "bigserial" if connection.vendor == "postgresql" else "integer"
        cursor.execute(f"CREATE TABLE bench_row (id {kind} PRIMARY KEY, body text NOT NULL)")
    json.dump(_make(Plan(**json.load(sys.stdin))), sys.stdout)


def _make(plan: Plan) -> dict[str, Any]:
    from distribution.keys import create_api_key
    from distribution.models import Operator, OperatorSourceWeight, Source

    operators = Operator.objects.bulk_create(
        Operator(name=f"Bench operator {n}", max_load=NO_LIMIT) for n in range(plan.operators)
    )
    sources = Source.objects.bulk_create(
        Source(name=f"Bench source {n}") for n in range(SOURCES + 2)
    )
    hot, lonely, many = sources[0], sources[1], sources[2:]
    pairs = [(hot, operator) for operator in operators]
    pairs += [(source, operator) for source in many for operator in operators[:20]]
    OperatorSourceWeight.objects.bulk_create(
        (OperatorSourceWeight(source=s, operator=o, weight=WEIGHT) for s, o in pairs),
        batch_size=BATCH,
    )
    _past(plan.contacts, [hot.pk, *(source.pk for source in many)], operators[0].pk)
    _queue(plan.waiting, lonely.pk)
    _key, token = create_api_key(name="Bench", can_manage=True, actor="bench")
    return {
        "token": token,
        "hot": hot.pk,
        "source": hot.pk,
        "first_operator": operators[0].pk,
        "last_operator": operators[-1].pk,
        "lonely": lonely.pk,
        "first": many[0].pk,
        "last": many[-1].pk,
        "known": max(plan.contacts, 1),
    }


def _past(count: int, sources: list[int], operator: int) -> None:
    """Store closed contacts, evenly over the sources and the last thirty days."""
    from django.utils import timezone

    from leads.models import Assignment, Contact, Lead

    now = timezone.now()
    for numbers in _batches(count):
        leads = Lead.objects.bulk_create(
            Lead(external_id=f"bench-{n}", name="Bench") for n in numbers
        )
        moments = [now - timedelta(days=30) * ((count - n) / count) for n in numbers]
        contacts = Contact.objects.bulk_create(
            Contact(
                lead=lead,
                source_id=sources[lead.pk % len(sources)],
                operator_id=operator,
                status=Contact.Status.CLOSED,
                supplied={"external_id": lead.external_id},
                name="Bench",
                message="Please call back.",
                created_at=at,
                assigned_at=at,
                closed_at=at,
            )
            for lead, at in zip(leads, moments, strict=True)
        )
        Assignment.objects.bulk_create(
            Assignment(
                contact=contact,
                operator_id=operator,
                method=Assignment.Method.WEIGHTED_RANDOM,
                decision={"method": "weighted_random", "by": "bench", "operator_id": operator},
                started_at=contact.created_at,
                ended_at=contact.created_at,
                ended_as=Assignment.End.CLOSED,
            )
            for contact in contacts
        )


def _queue(count: int, source: int) -> None:
    """Let contacts wait at a source that nobody serves."""
    from django.utils import timezone

    from leads.models import Assignment, Contact, Lead

    now = timezone.now()
    for numbers in _batches(count):
        leads = Lead.objects.bulk_create(Lead(external_id=f"waiting-{n}") for n in numbers)
        contacts = Contact.objects.bulk_create(
            Contact(lead=lead, source_id=source, status=Contact.Status.WAITING, created_at=now)
            for lead in leads
        )
        Assignment.objects.bulk_create(
            Assignment(contact=contact, method=Assignment.Method.QUEUED, started_at=now)
            for contact in contacts
        )


def _batches(count: int) -> Iterator[list[int]]:
    numbers = iter(range(1, count + 1))
    while batch := list(islice(numbers, BATCH)):
        yield batch


def as_job(plan: Plan) -> str:
    """Return what to give this process on its standard input."""
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    main()
