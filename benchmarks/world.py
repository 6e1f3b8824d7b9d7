"""What is in the database before a run: made in bulk, as nobody would do it in use.

`python -m benchmarks.world` is its own process, for it needs Django on the run's database; the
plan comes as JSON on standard input, and what the run has to know goes to standard output.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

NO_LIMIT = 2_000_000_000
SOURCES = 200  # of the run with many
OF_EACH_SOURCE = 20  # operators of these
WEIGHT = 5
CLOSER = "Bench closer"


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
    from benchmarks import past
    from distribution.keys import create_api_key
    from distribution.models import Operator, Source

    operators = Operator.objects.bulk_create(
        Operator(name=f"Bench operator {n}", max_load=NO_LIMIT) for n in range(plan.operators)
    )
    sources = Source.objects.bulk_create(
        Source(name=f"Bench source {n}") for n in range(SOURCES + 2)
    )
    hot, *many, lonely = sources
    pairs = [(hot, operator) for operator in operators]
    pairs += [(source, operator) for source in many for operator in operators[:OF_EACH_SOURCE]]
    _set_weights(pairs)
    past.close_contacts(plan.contacts, (hot.pk, many[-1].pk), (operators[0].pk, operators[-1].pk))
    if plan.waiting:
        past.let_wait(plan.contacts, plan.waiting, lonely.pk)
        _set_weights([(lonely, Operator.objects.create(name=CLOSER, max_load=0))])
    past.settle()
    _key, token = create_api_key(name="Bench", can_manage=True, actor="bench")
    return {
        "token": token,
        "contacts": plan.contacts + plan.waiting,
        "hot": hot.pk,
        "source": hot.pk,
        "first_operator": operators[0].pk,
        "last_operator": operators[-1].pk,
        "lonely": lonely.pk,
        "first": many[0].pk,
        "last": many[-1].pk,
        "known": max(plan.contacts, 1),
    }


def _set_weights(pairs: list[tuple[Any, Any]]) -> None:
    from distribution.models import OperatorSourceWeight

    OperatorSourceWeight.objects.bulk_create(
        (OperatorSourceWeight(source=s, operator=o, weight=WEIGHT) for s, o in pairs),
        batch_size=5_000,
    )


def as_job(plan: Plan) -> str:
    """Return what to give this process on its standard input."""
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    main()
