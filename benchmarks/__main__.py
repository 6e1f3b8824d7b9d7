"""Measure: `python -m benchmarks --help`, or `make bench ARGS="..."`.

Exit status: 0 measured, 2 it could not be, or a promise was broken, which voids it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import arrivals, floor, growth, report, wrk
from benchmarks.stage import WorldError, running_stage
from benchmarks.world import Plan
from tools.stress.servers import ROOT, StartError
from tools.with_postgres import PostgresError

DATABASES = ("sqlite", "postgresql")
PARTS = ("arrivals", "growth", "queue", "import", "memory")
OPERATORS = 20
STORED = (1_000, 100_000, 1_000_000)
MANY_OPERATORS = (1_000, 10_000)
LARGE = 10_000_000
QUEUES = (100, 10_000)


def main() -> int:
    """Read the arguments, measure, and return the exit status."""
    options = _arguments()
    if not wrk.available():
        print("bench: wrk is missing. On Debian and Ubuntu: apt-get install wrk", file=sys.stderr)
        return 2
    try:
        for name in DATABASES if options.database == "both" else (options.database,):
            _measure(name, options)
    except (wrk.LoadError, WorldError, StartError, PostgresError, floor.FloorError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


def _measure(database: str, options: argparse.Namespace) -> None:
    results: dict[str, Any] = {}
    told: list[str] = []
    for part in options.only or PARTS:
        print(f"\n== {database}: {part}", flush=True)
        lines, figures = MEASURES[part](database, options)
        results[part] = figures
        told += lines
        print("\n" + "\n".join(lines), flush=True)
    for path in report.write(options.output, f"{options.name}{database}", results, told):
        print(path)


def _arrivals(database: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    connections = (16,) if options.quick else arrivals.CONNECTIONS
    with running_stage(database, Plan(operators=OPERATORS)) as stage:
        chosen = arrivals.cases(stage.world, connections)
        measured = list(
            arrivals.measure(
                stage, rounds=options.rounds, seconds=options.seconds, chosen=chosen, say=_say
            )
        )
        counts = stage.promises()
        rows = arrivals.rows(measured)
        lines = [*report.arrivals(rows), f"Afterwards all promises held: {counts}.", ""]
        figures: dict[str, Any] = {"rows": report.as_json(rows), "counts": counts}
        if floor.program(stage):
            rates = [
                floor.measure(stage, connections=16, seconds=options.seconds)
                for _ in range(options.rounds)
            ]
            figures["floor"] = arrivals.spread(rates)
            told = report.spread(figures["floor"], 0)
            lines += [
                f"pgbench, the same writes in plain SQL, 16 connections: {told} a second.",
                "",
            ]
    return lines, figures


def _growth(database: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    if options.large:
        plans = [Plan(OPERATORS, STORED[0]), Plan(OPERATORS, LARGE)]
    elif options.quick:
        plans = [Plan(OPERATORS, STORED[0]), Plan(OPERATORS, 20_000)]
    else:
        plans = [Plan(OPERATORS, count) for count in STORED]
        plans += [Plan(count, STORED[0]) for count in MANY_OPERATORS]
    points = growth.measure(
        database, plans, rounds=options.rounds, seconds=options.seconds, say=_say
    )
    figures = [point.as_json() for point in points]
    return report.growth(figures), figures


def _queue(database: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    closes = 50 if options.quick else 200
    figures = [growth.queue_of(database, count, closes=closes, say=_say) for count in QUEUES]
    rows = [[f"{one['waiting']:,}", report.spread(one["ms"], 1)] for one in figures]
    head = ["contacts waiting", "a close that hands its place on, ms"]
    return ["## A long queue, freed place by place", "", *report.table(head, rows)], figures


def _import(database: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    rows = 1_000 if options.quick else 10_000
    figures = growth.imported(database, rows, seconds=options.seconds, say=_say)
    line = (
        f"{figures['rate']:.0f} rows a second; over HTTP on 16 connections"
        f" {figures['posted']:.0f} contacts a second: {figures['ratio']:.1f} times as many."
    )
    return ["## Import", "", line, ""], figures


def _memory(database: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    figures = growth.memory_of(database, seconds=options.seconds, say=_say)
    line = (
        f"gunicorn with two workers holds {figures['after'] / 2**20:.0f} MiB after a run, and"
        f" {figures['growth']:.2f} times that after ten times as many contacts."
    )
    return ["## Memory", "", line, ""], figures


MEASURES = {
    "arrivals": _arrivals,
    "growth": _growth,
    "queue": _queue,
    "import": _import,
    "memory": _memory,
}


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What an assignment costs, beside a bare view of the same stack.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--only", nargs="*", choices=PARTS, help="parts to measure; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="of each case, interleaved")
    parser.add_argument("--seconds", type=float, default=4, help="of each case in a round")
    parser.add_argument("--quick", action="store_true", help="small worlds, one connection count")
    parser.add_argument("--large", action="store_true", help=f"growth to {LARGE:,} contacts")
    parser.add_argument("--name", default="", help="what the names of the results begin with")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
