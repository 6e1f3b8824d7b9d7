"""Where the time of an arrival goes."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.bars import paragraph, table
from benchmarks.part import Outcome, Run
from benchmarks.running import running_stages
from benchmarks.stage import module_output
from benchmarks.world import Plan

ARRIVALS, QUICK = 1_000, 200


def measure(run: Run) -> Outcome:
    """Take some arrivals apart, in a process of their own."""
    arrivals = QUICK if run.quick else ARRIVALS
    with running_stages(run.database, [Plan()], run.shape) as (stage,):
        job = {"token": stage.world["token"], "source": stage.world["hot"], "arrivals": arrivals}
        done = json.loads(module_output("benchmarks.profiling", stage.env, json.dumps(job)))
        stage.books.posted += done["posted"]
        counts = {"": stage.verify()}
    return Outcome(_lines(done), done, counts)


def _lines(done: dict[str, Any]) -> list[str]:
    client, server = done["client_ms"], done["server_ms"]
    lines = [
        "### Where the time of an arrival goes",
        "",
        *paragraph(
            "A new lead's contact through the whole WSGI handler, without gunicorn and HTTP:"
            f" {client:.2f} ms of CPU in the application, {server:.2f} ms in PostgreSQL's process."
        ),
    ]
    for what in ("layer", "function"):
        # Functions as code: built-in ones are named in angle brackets, as HTML is.
        mark = "`" if what == "function" else ""
        parts = done[f"{what}s"].items()
        rows = [[mark + n + mark, f"{part:.1%}", f"{part * client:.3f}"] for n, part in parts]
        lines += table([what, "of the time", "ms"], rows)
    lines += ["The parts are cProfile's, which makes many small calls dearer than they are.", ""]
    statements = [
        [f"`{one['sql']}`", f"{one['times']:g}", f"{one['us']:.0f}"] for one in done["statements"]
    ]
    count = sum(one["times"] for one in done["statements"])
    taken = sum(one["times"] * one["us"] for one in done["statements"]) / 1e3
    lines += table(["statement", "times", "µs each, with the driver"], statements)
    return [*lines, f"{count:g} statements, {taken:.2f} ms altogether.", ""]
