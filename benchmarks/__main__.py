"""Measure: `python -m benchmarks --help`, or `make bench ARGS="..."`.

Exit status: 0 measured, whatever the bars; 2 it could not be, or a refusal, a lock, a time-out or a
broken promise made a part void; 128 and more if it was stopped.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg

from benchmarks import arrivals, growth, importing, long_queue, memory, profiled, report, shapes
from benchmarks.asking import GENERATORS, chosen_generator
from benchmarks.bars import judged
from benchmarks.floor import FloorError
from benchmarks.load import LoadError
from benchmarks.part import Outcome, Run
from benchmarks.stage import Shape, WorldError
from tools.stress.servers import ROOT, StartError
from tools.with_postgres import SIGNALS, PostgresError

DATABASES = ("sqlite", "postgresql")
PARTS = {
    "arrivals": arrivals.measure,
    "growth": growth.measure,
    "queue": long_queue.measure,
    "import": importing.measure,
    "memory": memory.measure,
    "profile": profiled.measure,
    "settings": shapes.measure,
}
UNASKED = [name for name in PARTS if name != "settings"]
QUICK = [name for name in UNASKED if name not in ("memory", "profile")]
OURS = (LoadError, WorldError, StartError, PostgresError, FloorError)
FAILURES = (*OURS, subprocess.TimeoutExpired, OSError, HTTPException, psycopg.Error)


def main() -> int:
    """Read the arguments, measure, and return the exit status."""
    options = _arguments()
    statuses = [0]
    try:
        generator = chosen_generator(options.generator)
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    for database in DATABASES if options.database == "both" else (options.database,):
        shape = Shape(options.workers, options.threads, dict(options.env), generator)
        run = Run(
            database, options.rounds, options.seconds, shape, options.quick, large=options.large
        )
        statuses.append(_measure(run, options))
    return max(statuses)


def _measure(run: Run, options: argparse.Namespace) -> int:
    """Measure the parts, write down what there is after each, and return the exit status."""
    outcomes: dict[str, Outcome | str] = {}
    for part in options.only or (QUICK if run.quick else UNASKED):
        print(f"\n== {run.database}: {part}", flush=True)
        try:
            outcomes[part] = done = PARTS[part](run)
            done.bars = judged(done.bars, generator=run.shape.generator)
            print("\n" + "\n".join(done.lines), flush=True)
        except FAILURES as error:
            outcomes[part] = reason = reason_of(error)
            print(f"bench: {part} is void: {reason}", file=sys.stderr)
        paths = report.write(options.output, f"{options.name}{run.database}", run, outcomes)
    print("\n".join(str(path) for path in paths))
    return 2 if any(isinstance(one, str) for one in outcomes.values()) else 0


def reason_of(error: Exception) -> str:
    """Return in words why a part is void; a command is not told in full, as it has a key in it."""
    if isinstance(error, subprocess.TimeoutExpired):
        command = [error.cmd] if isinstance(error.cmd, str) else error.cmd
        words = " ".join(str(word) for word in command[:3])
        return f"{words} had not ended after {error.timeout:g} s"
    return str(error) if isinstance(error, OURS) else f"{type(error).__name__}: {error}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What an assignment costs, beside a bare view of the same stack.",
    )
    add = parser.add_argument
    add("--database", choices=[*DATABASES, "both"], default="both")
    add("--only", nargs="+", choices=PARTS, help="parts to measure; default: all but settings")
    add("--rounds", type=int, help="of each case, interleaved; default: 5, with --quick 2")
    add("--seconds", type=float, help="of each case in a round; default: 4, with --quick 1")
    add("--quick", action="store_true", help="small worlds, 16 connections; no memory, no profile")
    add("--large", action="store_true", help=f"growth to {growth.LARGE:,} contacts")
    add("--workers", type=int, default=2, help="of gunicorn; default: 2")
    add("--threads", type=int, default=8, help="of each of them; default: 8")
    add("--env", action="append", default=[], type=_variable, metavar="NAME=VALUE")
    add("--generator", choices=GENERATORS, help="of the load; default: wrk, where it is installed")
    add("--name", default="", help="what the names of the results begin with")
    add("--output", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 4.0)
    return options


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError("NAME=VALUE is wanted")
    return name, value


def _interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:  # nothing may interrupt the ending of what was started
        signal.signal(other, signal.SIG_IGN)
    print("\nbench: stopping", file=sys.stderr, flush=True)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    for handled in SIGNALS:
        signal.signal(handled, _interrupted)
    sys.exit(main())
