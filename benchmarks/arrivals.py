"""`POST /contacts/` beside a bare view, and one that stores a row, in the same run."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from statistics import median
from typing import Any

from benchmarks import rounds
from benchmarks.bars import Bar, at_least, below, paragraph, shown, shown_cpu, table
from benchmarks.floor import floor_of
from benchmarks.part import API, BUSY, OPERATORS, Outcome, Run, say
from benchmarks.rounds import Key, Sample, Samples, Spread, Take
from benchmarks.running import running_stages
from benchmarks.stage import Case, Stage
from benchmarks.world import Plan

CONNECTIONS = (1, BUSY, 64)
BARE, INSERT, NEW, KNOWN = "bare view", "INSERT view", "new leads", "known leads"
LEAN_BARE, LEAN_INSERT = "bare view under the API", "INSERT view under the API"
FLOOR = "pgbench, plain SQL"
VIEWS = (BARE, INSERT, LEAN_BARE, LEAN_INSERT, FLOOR)


def measure(run: Run) -> Outcome:
    """Measure all cases."""
    with running_stages(run.database, [Plan(operators=OPERATORS)], run.shape) as (stage,):
        takes = takes_of(stage, cases(stage.world, (BUSY,) if run.quick else CONNECTIONS))
        if floor := floor_of(stage, BUSY):
            takes[Key(FLOOR, BUSY)] = floor
        samples = rounds.interleaved(takes, rounds=run.rounds, seconds=run.seconds, say=say)
        counts = {"": stage.verify()}
    lines = ["### `POST /contacts/`", "", *_table(samples), *_notes(samples)]
    return Outcome(lines, {"samples": as_json(samples)}, counts, _bars(samples))


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
    """Return which part of a view's rate an arrival has, or of its CPU time turned over.

    1 would be as quick and as cheap. None for the views themselves, and where there is none.
    """
    beside = Key(other, key.connections, key.where)
    if beside not in samples or key.name in (BARE, other, FLOOR, LEAN_BARE, LEAN_INSERT):
        return None
    if of is rounds.rate:
        return rounds.ratio(samples, key, beside, of)
    return rounds.ratio(samples, beside, key, of)


def _table(samples: Samples) -> list[str]:
    head = [f"{BUSY} connections", "a second", "CPU ms each", "of bare view, CPU / rate"]
    head += ["of INSERT view, CPU / rate", "p50 / p95 / p99 ms"]
    rows = [
        [
            called(key),
            shown(rounds.spread(one.rate for one in taken), 0),
            shown_cpu(taken),
            *(_share(samples, key, other) for other in (BARE, INSERT)),
            _times(taken),
        ]
        for key, taken in samples.items()
    ]
    return table(head, rows)


def called(key: Key) -> str:
    """Return what a row is called; the number of connections is said where it is not the usual."""
    if key.connections == BUSY:
        return key.name
    return f"{key.name}, {key.connections} connection{'s' * (key.connections > 1)}"


def _share(samples: Samples, key: Key, other: str) -> str:
    found = [shares(samples, key, other, of) for of in (rounds.cpu, rounds.rate)]
    return " / ".join(f"{share[0]:.2f}" for share in found if share)


def _times(taken: list[Sample]) -> str:
    p50, p95, p99 = (median(getattr(one, name) for one in taken) for name in ("p50", "p95", "p99"))
    return f"{p50:.1f} / {p95:.1f} / {p99:.1f}" if p50 else ""


def _notes(samples: Samples) -> list[str]:
    """Return what the table's words mean, and the shares that no bar is set for."""
    new = Key(NEW, BUSY)
    lean = (shares(samples, new, other, rounds.cpu) for other in (LEAN_BARE, LEAN_INSERT))
    found = " and ".join(shown(share, 2) for share in lean)
    return paragraph(
        "*CPU ms each*: the application's, + the database's where that has its own processes. *Of a"
        " view*: its CPU time over that of this / this rate over its rate; 1 would cost nothing"
        " more. The INSERT view makes one INSERT and its COMMIT. Both views are behind all of the"
        f" site's middleware; *under the API* most of it steps aside: there new leads reach {found}"
        " of them by CPU."
    )


def _bars(samples: Samples) -> list[Bar]:
    new = Key(NEW, BUSY)
    found = []
    for other, bar, aim in ((BARE, 0.25, 0.35), (INSERT, 0.45, 0.6)):
        for what, of in (("CPU", rounds.cpu), ("rate", rounds.rate)):
            if share := shares(samples, new, other, of):
                name = f"new leads to {other}, {what}"
                found.append(at_least(name, share, bar, aim=aim, timed=of is rounds.rate))
    tails = {
        key.name: rounds.spread(one.p99 / one.p50 for one in taken)
        for key, taken in samples.items()
        if key.connections == BUSY and key.name not in VIEWS
    }
    worst = max(tails, key=lambda name: tails[name][0])
    found.append(below(f"p99 to p50, worst: {worst}", tails[worst], 8, timed=True))
    return found


def as_json(samples: Samples) -> list[dict[str, Any]]:
    """Return all that was measured as JSON values."""
    return [
        {**key._asdict(), "samples": [asdict(s) for s in taken]} for key, taken in samples.items()
    ]
