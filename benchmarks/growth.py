"""Whether an arrival and the pages cost the same however much is stored, or however many work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks import arrivals
from benchmarks.processes import usage_of
from benchmarks.stage import Stage, module_output, running_stage
from benchmarks.world import Plan

CONNECTIONS = (16,)


@dataclass(frozen=True, slots=True)
class Point:
    """What an arrival costs in a world of one size, beside the bare view of the same minute."""

    plan: Plan
    cpu_ms: float
    rate: float
    bare_per_arrival: float  # CPU of the bare view / CPU of an arrival
    pages: dict[str, dict[str, float]]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def measure(
    database: str, plans: list[Plan], *, rounds: int, seconds: float, say: Callable[[str], None]
) -> Iterator[Point]:
    """Yield a point a plan; each has a database of its own."""
    for plan in plans:
        say(f"making {plan.contacts:,} contacts and {plan.operators:,} operators")
        with running_stage(database, plan) as stage:
            yield _point(stage, plan, rounds=rounds, seconds=seconds, say=say)


def _point(
    stage: Stage, plan: Plan, *, rounds: int, seconds: float, say: Callable[[str], None]
) -> Point:
    chosen = [
        case
        for case in arrivals.cases(stage.world, CONNECTIONS)
        if case.name in (arrivals.BARE, "new leads")
    ]
    measured = list(arrivals.measure(stage, rounds=rounds, seconds=seconds, chosen=chosen, say=say))
    new = [one for one in measured if one.case.name == "new leads"]
    (row,) = (row for row in arrivals.rows(measured) if row.name == "new leads")
    stage.promises()
    return Point(
        plan=plan,
        cpu_ms=median(one.cpu for one in new) * 1e3,
        rate=median(one.load.rate for one in new),
        bare_per_arrival=row.of_bare[0] if row.of_bare else 0.0,
        pages=json.loads(module_output("benchmarks.pages", stage.env)),
    )


def queue_of(
    database: str, waiting: int, *, closes: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Free places one by one beside a queue; return the milliseconds of a close beside it."""
    say(f"making {waiting:,} waiting contacts")
    with running_stage(database, Plan(waiting=waiting)) as stage:
        job = json.dumps({"source": stage.world["lonely"], "closes": closes})
        done = json.loads(module_output("benchmarks.work", stage.env, job, "queue"))
        stage.promises()
    return {"waiting": waiting, "ms": arrivals.spread(done["ms"])}


def imported(
    database: str, rows: int, *, seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Import rows, and post as many contacts as can be; return both rates."""
    say(f"importing {rows:,} rows")
    with running_stage(database, Plan()) as stage:
        job = json.dumps({"rows": rows, "source": stage.world["hot"]})
        done = json.loads(module_output("benchmarks.work", stage.env, job, "import"))
        (case,) = [
            case for case in arrivals.cases(stage.world, CONNECTIONS) if case.name == "new leads"
        ]
        (posted,) = arrivals.measure(stage, rounds=1, seconds=seconds, chosen=[case], say=say)
        stage.promises()
    rate = rows / done["seconds"]
    return {
        "rows": rows,
        "rate": rate,
        "posted": posted.load.rate,
        "ratio": rate / posted.load.rate,
    }


def memory_of(database: str, *, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Post for some seconds, and for ten times as long; return the memory held after each."""
    with running_stage(database, Plan()) as stage:
        (case,) = [
            case for case in arrivals.cases(stage.world, CONNECTIONS) if case.name == "new leads"
        ]
        held = []
        for times in (1, 10):
            list(arrivals.measure(stage, rounds=1, seconds=seconds * times, chosen=[case], say=say))
            held.append(usage_of(stage.gunicorn.process.pid).memory)
        stage.promises()
    return {"after": held[0], "after_ten_times": held[1], "growth": held[1] / held[0]}
