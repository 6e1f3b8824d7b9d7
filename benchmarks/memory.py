"""What the processes hold after a run, and after ten times as much."""

from __future__ import annotations

import time

from benchmarks import arrivals
from benchmarks.bars import at_most, paragraph, table
from benchmarks.part import BUSY, Outcome, Run, say
from benchmarks.processes import Usage, usage_of
from benchmarks.rounds import Key
from benchmarks.running import running_stages
from benchmarks.stage import Stage
from benchmarks.world import Plan

TIMES = (1, 10)
GROWN = 1.1  # a leak would show as far more
MIB = 2**20
LOOKS, APART_S = 10, 2.0  # the least counts: an autovacuum at work has memory of its own


def measure(run: Run) -> Outcome:
    """Post for some seconds, and for ten times as long; look after each."""
    with running_stages(run.database, [Plan()], run.shape) as (stage,):
        case = arrivals.cases(stage.world, (BUSY,))[Key(arrivals.NEW, BUSY)]
        stage.take(case, run.seconds)  # until all caches are there
        held: list[dict[str, Usage]] = []
        contacts = []
        for times in TIMES:
            contacts.append(stage.take(case, run.seconds * times).done)
            held.append(_held(stage))
            say(f"{contacts[-1]} contacts, then {_mib(held[-1]['gunicorn'].resident)} MiB")
        counts = {"": stage.verify()}
    rows = [
        [name, *(_mib(_of(one[name], name)) for one in held), f"{_grown(held, name):.2f}"]
        for name in held[0]
    ]
    head = ["MiB of all its processes", *(f"after {n:,} contacts more" for n in contacts), "ratio"]
    lines = ["### Memory", "", *table(head, rows), *paragraph(NOTE)]
    figures = {"held": [{n: _of(u, n) for n, u in one.items()} for one in held]}
    grown = {name: _grown(held, name) for name in held[0]}
    bars = [at_most(f"memory of {n} after 10x", (g, g, g), GROWN) for n, g in grown.items()]
    return Outcome(lines, figures, counts, bars)


NOTE = (
    "gunicorn: resident memory, what its processes share counted for each. PostgreSQL: private"
    " memory; what its processes share is of a fixed size, and each touches more of it with time."
)


def _held(stage: Stage) -> dict[str, Usage]:
    held = {"gunicorn": usage_of(stage.gunicorn.process.pid)}
    if stage.postgres is not None:
        looks = [_look_later(stage) for _ in range(LOOKS)]
        held["PostgreSQL"] = min(looks, key=lambda look: look.private)
    return held


def _look_later(stage: Stage) -> Usage:
    time.sleep(APART_S)
    return stage.used_by_database()


def _of(usage: Usage, name: str) -> int:
    return usage.resident if name == "gunicorn" else usage.private


def _grown(held: list[dict[str, Usage]], name: str) -> float:
    return _of(held[-1][name], name) / _of(held[0][name], name)


def _mib(count: int) -> str:
    return f"{count / MIB:.0f}"
