"""`POST /contacts/` beside a bare view, and one that stores a row, in the same run."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

from benchmarks import rounds
from benchmarks.bars import Bar, at_least, below, shown, table, told
from benchmarks.floor import floor_of
from benchmarks.part import API, BUSY, OPERATORS, Outcome, Run, say
from benchmarks.rounds import Key, Sample, Samples, Spread, Take
from benchmarks.running import running_stages
from benchmarks.stage import Case, Stage
from benchmarks.world import Plan

CONNECTIONS = (1, BUSY, 64)
BARE, INSERT, NEW, KNOWN = "bare view", "one INSERT", "new leads", "known leads"
LEAN_BARE, LEAN_INSERT = "bare view under the API", "one INSERT under the API"
FLOOR = "pgbench, plain SQL"
VIEWS = (BARE, INSERT, LEAN_BARE, LEAN_INSERT, FLOOR)


def measure(run: Run) -> Outcome:
    """Measure all cases."""
    with running_stages(run.database, [Plan(operators=OPERATORS)], run.shape) as (stage,):
        takes = takes_of(stage, cases(stage.world, (BUSY,) if run.quick else CONNECTIONS))
        if floor := floor_of(stage, BUSY):
            takes[Key(FLOOR, BUSY)] = floor
        samples = rounds.interleaved(takes, rounds=run.rounds, seconds=run.seconds, say=say)
        counts = stage.verify()
    lines = ["## POST /contacts/", "", *_table(samples), *NOTES]
    lines += ["", f"Afterwards all promises held: {counts}.", ""]
    return Outcome(lines, {"samples": as_json(samples), "counts": counts}, _bars(samples))


def cases(world: dict[str, Any], connections: tuple[int, ...]) -> dict[Key, Case]:
    """Return what to ask in each round, the views to compare with first."""
    hot = {"source": world["hot"]}
    chosen = {}
    for count in connections:
        chosen[Key(BARE, count)] = Case("/bench/bare", count, hot, stores=False)
        chosen[Key(INSERT, count)] = Case("/bench/insert", count, hot, stores=False)
        chosen[Key(NEW, count)] = Case(API, count, hot)
    chosen[Key(LEAN_BARE, BUSY)] = Case("/api/bench/bare", BUSY, hot, stores=False)
    chosen[Key(LEAN_INSERT, BUSY)] = Case("/api/bench/insert", BUSY, hot, stores=False)
    known = {**hot, "known": world["known"]}
    others = {
        KNOWN: {**known, "known_share": 100},
        "half known": {**known, "known_share": 50},
        "200 sources": {"first": world["first"], "last": world["last"]},
        "with Idempotency-Key": {**hot, "once": 1},
        "nobody available": {"source": world["lonely"]},
    }
    chosen |= {Key(name, BUSY): Case(API, BUSY, plan) for name, plan in others.items()}
    return chosen


def takes_of(stage: Stage, chosen: dict[Key, Case]) -> dict[Key, Take]:
    """Return what measures the cases, each of which has been asked for once by then."""
    for case in chosen.values():
        stage.probe(case)
    return {key: partial(stage.take, case) for key, case in chosen.items()}


def shares(samples: Samples, key: Key, other: str, of: rounds.Of) -> Spread | None:
    """Return which part of another case's this one has: of its rate, or of its CPU turned over.

    1 would be as cheap and as quick. None where it is not to be compared with.
    """
    beside = Key(other, key.connections, key.where)
    if beside not in samples or key.name in (other, FLOOR, LEAN_BARE, LEAN_INSERT):
        return None
    if of is rounds.rate:
        return rounds.ratio(samples, key, beside, of)
    return rounds.ratio(samples, beside, key, of)


def _table(samples: Samples) -> list[str]:
    head = ["case", "connections", "a second", "CPU ms each", "of bare, CPU", "of bare, rate"]
    head += ["of INSERT, CPU", "of INSERT, rate", "p50 ms", "p95 ms", "p99 ms", "p99 / p50"]
    rows = []
    for key, taken in samples.items():
        row = [key.name, str(key.connections)]
        row += [shown(rounds.spread(one.rate for one in taken), 0)]
        row += [shown(rounds.spread(one.cpu_ms for one in taken), 2)]
        row += [
            shown(shares(samples, key, other, of), 2)
            for other in (BARE, INSERT)
            for of in (rounds.cpu, rounds.rate)
        ]
        rows.append(row + _times(taken))
    return table(head, rows)


def _times(taken: list[Sample]) -> list[str]:
    p50, p95, p99 = (median(getattr(one, name) for one in taken) for name in ("p50", "p95", "p99"))
    return [f"{p50:.1f}", f"{p95:.1f}", f"{p99:.1f}", f"{p99 / p50:.1f}"] if p50 else [""] * 4


NOTES = [
    "*of bare, CPU*: the bare view's CPU time over this case's; *of bare, rate*: this case's rate"
    " over the bare view's. 1 would cost nothing more. *INSERT*: the view with one INSERT and its"
    " COMMIT. Both are Django views like any other, behind all of the site's middleware; *under the"
    " API* they are where most of it steps aside. pgbench's CPU time is the database's alone.",
]


def _bars(samples: Samples) -> list[Bar]:
    new = Key(NEW, BUSY)
    found = []
    for other, bar, aim in ((BARE, 0.25, 0.35), (INSERT, 0.45, 0.6)):
        for what, of in (("CPU", rounds.cpu), ("rate", rounds.rate)):
            if share := shares(samples, new, other, of):
                found.append(at_least(f"new leads to {other}, {what}", share, bar, aim=aim))
    for other in (LEAN_BARE, LEAN_INSERT):
        if share := shares(samples, new, other, rounds.cpu):
            found.append(told(f"new leads to {other}, CPU", share))
    for key, taken in samples.items():
        if key.connections == BUSY and key.name not in VIEWS:
            tails = rounds.spread(one.p99 / one.p50 for one in taken)
            found.append(below(f"p99 / p50, {key.name}", tails, 8))
    return found


def as_json(samples: Samples) -> list[dict[str, Any]]:
    """Return all that was measured as JSON values."""
    return [
        {**key._asdict(), "samples": [asdict(s) for s in taken]} for key, taken in samples.items()
    ]
