"""The import of a file beside contacts that come one by one."""

from __future__ import annotations

import json
import secrets
from functools import partial

from benchmarks import arrivals, rounds
from benchmarks.bars import at_least, shown, shown_cpu, table
from benchmarks.part import BUSY, Outcome, Run, say
from benchmarks.rounds import Key, Sample
from benchmarks.running import running_stages
from benchmarks.stage import UNLIMITED, Stage, module_output
from benchmarks.world import Plan

ROWS_A_SECOND = 1_000  # of the round's length
TIMES = 3
HTTP, IMPORT = Key("over HTTP", BUSY), Key("import")


def measure(run: Run) -> Outcome:
    """Post and import in turns."""
    with running_stages(run.database, [Plan()], run.shape) as (stage,):
        case = arrivals.cases(stage.world, (BUSY,))[Key(arrivals.NEW, BUSY)]
        takes = {HTTP: partial(stage.take, case), IMPORT: partial(_take, stage)}
        samples = rounds.interleaved(takes, rounds=run.rounds, seconds=run.seconds, say=say)
        counts = {"": stage.verify()}
    times = rounds.ratio(samples, IMPORT, HTTP, rounds.rate)
    rows = [
        [
            key.name,
            shown(rounds.spread(one.rate for one in taken), 0),
            shown_cpu(taken),
        ]
        for key, taken in samples.items()
    ]
    lines = ["### Import", "", *table(["way", "a second", "CPU ms each"], rows)]
    lines += [f"The import takes {shown(times, 1)} times as many contacts a second.", ""]
    figures = {"samples": arrivals.as_json(samples)}
    bars = [at_least("import to HTTP, rate", times, TIMES, timed=True)]
    return Outcome(lines, figures, counts, bars)


def _take(stage: Stage, seconds: float) -> Sample:
    rows = max(round(seconds * ROWS_A_SECOND), 200)
    job = {"rows": rows, "source": stage.world["hot"], "salt": secrets.token_hex(4)}
    before = stage.used_by_database().seconds
    told = module_output("benchmarks.work", stage.env | UNLIMITED, json.dumps(job), "import")
    done = json.loads(told)
    theirs = stage.used_by_database().seconds - before
    stage.books.posted += rows
    return Sample(rows, done["seconds"], done["cpu"] + theirs, database=theirs)
