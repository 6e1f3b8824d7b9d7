"""The same arrivals under several settings, in turns, in one world."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks import arrivals, rounds
from benchmarks.bars import shown, table
from benchmarks.part import BUSY, Outcome, Run, say
from benchmarks.rounds import Key
from benchmarks.running import also_running, running_stages
from benchmarks.stage import Shape
from benchmarks.world import Plan

SHAPES: dict[str, dict[str, Any]] = {
    "2 workers, 8 threads": {"workers": 2, "threads": 8},
    "2 workers, 4 threads": {"workers": 2, "threads": 4},
    "1 worker, 16 threads": {"workers": 1, "threads": 16},
    "2 workers, 16 threads": {"workers": 2, "threads": 16},
    "4 workers, 4 threads": {"workers": 4, "threads": 4},
    "a connection for each request": {"env": {"DB_CONN_MAX_AGE": "0"}},
}
SOCKET: dict[str, dict[str, Any]] = {"Unix socket to PostgreSQL": {"socket": True}}


def measure(run: Run) -> Outcome:
    """Measure the first shape, which all are compared with, and the others."""
    with contextlib.ExitStack() as stack:
        (stage,) = stack.enter_context(running_stages(run.database, [Plan()], run.shape))
        case = arrivals.cases(stage.world, (BUSY,))[Key(arrivals.NEW, BUSY)]
        takes = {}
        for name, shape in shapes_of(run).items():
            other = stack.enter_context(also_running(stage, shape))
            other.probe(case)
            takes[Key(name, BUSY)] = partial(other.take, case)
        samples = rounds.interleaved(takes, rounds=run.rounds, seconds=run.seconds, say=say)
        counts = {"": stage.verify()}
    first = next(iter(samples))
    rows = [
        [
            key.name,
            shown(rounds.spread(one.rate for one in taken), 0),
            *(
                "" if key == first else shown(rounds.ratio(samples, key, first, of), 2)
                for of in (rounds.rate, rounds.cpu)
            ),
            *(f"{rounds.spread(getattr(one, p) for one in taken)[0]:.1f}" for p in ("p50", "p99")),
        ]
        for key, taken in samples.items()
    ]
    head = ["setting", "a second", "rate to the first", "CPU to the first", "p50 ms", "p99 ms"]
    lines = ["### Settings: new leads, 16 connections", "", *table(head, rows)]
    return Outcome(lines, {"samples": arrivals.as_json(samples)}, counts)


def shapes_of(run: Run) -> Mapping[str, Shape]:
    """Return the shapes by name; each differs from the run's own in what it names."""
    chosen = SHAPES | (SOCKET if run.database == "postgresql" else {})
    return {name: replace(run.shape, **differs) for name, differs in chosen.items()}
