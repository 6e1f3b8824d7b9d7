"""Run the large proof: `python -m tools.stress --help`, or `make stress ARGS="..."`.

Exit status: 0 all well, 1 violations, 2 it could not be run, 3 out of time, 130 stopped.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from django.core.management.base import OutputWrapper

from minicrm.terminal import Progress
from tools.stress import report
from tools.stress.children import ProcessFailed, TimeIsUp
from tools.stress.fuzz import fuzz_application
from tools.stress.plan import Size
from tools.stress.run import Options, Result, Run
from tools.stress.servers import StartError, running_database
from tools.with_postgres import SIGNALS, PostgresError

DATABASES = ("sqlite", "postgresql")
THREADS = 6  # clients in a process


def main() -> int:
    """Read the arguments, run on each database, and return the exit status."""
    options = _arguments()
    chosen = DATABASES if options.database == "both" else (options.database,)
    found: dict[str, int] = {}
    try:
        for name in chosen:
            found[name] = _run(name, options)
    except TimeIsUp:
        print(f"stress: not finished after {options.minutes:g} minutes", file=sys.stderr)
        return 3
    except (StartError, ProcessFailed, PostgresError, OSError) as error:
        print(f"stress: {error}", file=sys.stderr)
        return 2
    print(report.summary(found))
    return 1 if any(found.values()) else 0


def _run(name: str, options: argparse.Namespace) -> int:
    """Run on one database, print the report, and return how many violations there were."""
    folder = Path(tempfile.mkdtemp(prefix="minicrm-stress-"))
    keep = True  # whatever goes wrong: somebody will want to see why
    try:
        violations = 0
        if not options.only_examples:
            result = _result(name, options, folder)
            print("", *report.report(result), sep="\n", flush=True)
            violations += report.violations(result)
        if options.examples:
            violations += _fuzz(name, options, folder)
        keep = violations > 0
    except SystemExit:
        keep = False
        raise
    finally:
        if keep:
            print(f"\nAnswers and logs are kept in {folder}", flush=True)
        else:
            _remove(folder)
    return violations


def _remove(folder: Path) -> None:
    """Remove a folder, in which a process that is just ending may still tidy up."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _result(name: str, options: argparse.Namespace, folder: Path) -> Result:
    with running_database(name, folder) as database:
        print(f"\n== {name}: preparing", flush=True)
        out = OutputWrapper(sys.stdout)
        progress = Progress(total=options.contacts, noun="contacts", out=out)

        def say(text: str) -> None:
            progress.end()
            print(f"{progress.seconds():6.1f} s  {text}", flush=True)

        restarts = options.restarts if database.crash_restart else 0
        chosen = _options(options, restarts)
        run = Run(chosen, database, folder, progress=progress, say=say)
        result = run.work(run.prepare())
        run.inspect(result)
    return result


def _fuzz(name: str, options: argparse.Namespace, folder: Path) -> int:
    """Send examples to the application on a database of their own; return the violations."""
    own = folder / "examples"
    own.mkdir()
    with running_database(name, own) as database:
        print(f"\n== {name}: {options.examples} examples, seed {options.seed}", flush=True)
        fuzzed = fuzz_application(
            database,
            own,
            examples=options.examples,
            seed=options.seed,
            workers=options.workers,
            minutes=options.minutes,
        )
    print("", *report.fuzz_report(name, fuzzed), sep="\n", flush=True)
    return sum(finding["violations"] for finding in fuzzed.findings())


def _options(options: argparse.Namespace, restarts: int) -> Options:
    clients = options.processes * THREADS
    return Options(
        size=Size(options.seed, options.contacts, clients, options.kills, restarts),
        processes=options.processes,
        workers=options.workers,
        equal_posts=options.equal_posts,
        races=options.races,
        minutes=options.minutes,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.stress",
        description="Contacts, moves and changes over HTTP while processes are killed.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="decides who does what, in which order")
    parser.add_argument("--contacts", type=_positive, default=50_000, help="how many are posted")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--kills", type=_count, default=20, help="of workers, with kill -9")
    parser.add_argument("--restarts", type=_count, default=3, help="of PostgreSQL, after a crash")
    parser.add_argument("--processes", type=_positive, default=2, help="of 6 clients each")
    parser.add_argument("--workers", type=_positive, default=2, help="of gunicorn")
    parser.add_argument("--equal-posts", type=_count, default=1000, help="each sent 10 times")
    parser.add_argument("--races", type=_count, default=200, help="for a last place, 10 in each")
    parser.add_argument(
        "--examples", type=_count, default=20_000, help="made from the OpenAPI document, at least"
    )
    parser.add_argument("--only-examples", action="store_true", help="and nothing else")
    parser.add_argument("--minutes", type=float, default=45, help="limit for each database")
    return parser.parse_args()


def _positive(text: str) -> int:
    return _count(text) or _refuse("must be at least 1")


def _count(text: str) -> int:
    number = int(text)
    return number if number >= 0 else _refuse("must not be negative")


def _refuse(why: str) -> NoReturn:
    raise argparse.ArgumentTypeError(why)


def _interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:  # nothing may interrupt the ending of what was started
        signal.signal(other, signal.SIG_IGN)
    print("\nstress: stopping", file=sys.stderr, flush=True)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    for handled in SIGNALS:
        signal.signal(handled, _interrupted)
    sys.exit(main())
