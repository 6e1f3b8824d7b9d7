"""Places freed one by one beside a short queue and a long one."""

from __future__ import annotations

import json
from functools import partial

from benchmarks import arrivals, rounds
from benchmarks.bars import shown, shown_cpu, table
from benchmarks.part import Outcome, Run, say
from benchmarks.rounds import Key, Sample
from benchmarks.running import running_stages
from benchmarks.stage import UNLIMITED, Stage, module_output
from benchmarks.world import Plan

WAITING = (1_000, 10_000)
CLOSES_A_SECOND = 10  # of the round's length; fewer in all than are waiting


def measure(run: Run) -> Outcome:
    """Close contacts in both worlds, in turns."""
    with running_stages(run.database, [Plan(waiting=n) for n in WAITING], run.shape) as stages:
        takes = {
            Key("close", where=f"{count:,} waiting"): partial(_take, stage)
            for count, stage in zip(WAITING, stages, strict=True)
        }
        samples = rounds.interleaved(takes, rounds=run.rounds, seconds=run.seconds, say=say)
        names = [key.where for key in takes]
        counts = {name: stage.verify() for name, stage in zip(names, stages, strict=True)}
    first = next(iter(samples))
    rows = [
        [
            key.where,
            shown(rounds.spread(one.p50 for one in taken), 1),
            shown_cpu(taken, 1),
            "" if key == first else shown(rounds.ratio(samples, key, first, rounds.cpu), 2),
        ]
        for key, taken in samples.items()
    ]
    head = ["queue", "p50 of a close, ms", "CPU ms each", "CPU to the first"]
    lines = ["### A long queue, each close handing its place on", "", *table(head, rows)]
    return Outcome(lines, {"samples": arrivals.as_json(samples)}, counts)


def _take(stage: Stage, seconds: float) -> Sample:
    job = json.dumps({"closes": max(round(seconds * CLOSES_A_SECOND), 5)})
    before = stage.used_by_database().seconds
    done = json.loads(module_output("benchmarks.work", stage.env | UNLIMITED, job, "queue"))
    theirs = stage.used_by_database().seconds - before
    times = sorted(done["ms"])
    return Sample(
        len(times),
        sum(times) / 1e3,
        done["cpu"] + theirs,
        p50=times[len(times) // 2],
        p99=times[-1],
        database=theirs,
    )
