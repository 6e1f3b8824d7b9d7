"""The tables at the end of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minicrm.terminal import duration, table_lines
from tools.stress.answers import read_answers
from tools.stress.fuzz import Fuzzed
from tools.stress.run import Result

GROUPS = {
    "post": "posts",
    "close": "moves",
    "requeue": "moves",
    "reassign": "moves",
    "reopen": "moves",
    "look": "looks",
    "equal": "equal posts",
    "race": "races",
}


def report(result: Result) -> Iterator[str]:
    """Return the lines of the report; the first table says what was checked."""
    yield f"== {result.database}: what was checked"
    yield from _checked(findings_of(result))
    yield ""
    yield f"== {result.database}: what was done"
    yield from table_lines(["what", "how much"], _facts(result))
    yield ""
    yield from table_lines(
        ["requests", "answered", "again", "p50 ms", "p95 ms", "p99 ms"], _latencies(result)
    )
    yield ""
    tally = Counter(result.found["tally"])
    yield from table_lines(["answer", "times"], tally.most_common())


def fuzz_report(name: str, fuzzed: Fuzzed) -> Iterator[str]:
    """Return the lines of the report about examples that were sent."""
    yield f"== {name}: {fuzzed.answers.total()} examples from the OpenAPI document"
    yield from _checked(fuzzed.findings())
    yield ""
    yield from table_lines(["answers", "how many"], list(fuzzed.by_class().items()))
    yield ""
    yield from table_lines(["status", "how many"], sorted(fuzzed.answers.items()))


def _checked(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows, examples = [], []
    for finding in findings:
        rows.append((finding["check"], finding["count"], finding["violations"]))
        examples += [f"{finding['check']}: {example}" for example in finding["examples"]]
    yield from table_lines(["check", "looked at", "violations"], rows)
    if examples:
        yield ""
        yield from (f"VIOLATION  {example}" for example in examples)


def violations(result: Result) -> int:
    """Return how many violations were found."""
    return sum(finding["violations"] for finding in findings_of(result))


def findings_of(result: Result) -> list[dict[str, Any]]:
    """Return everything that was checked, during the run, after it, and of the run itself."""
    return [*_disasters(result), *result.found["findings"], *result.sampled["findings"]]


def _disasters(result: Result) -> Iterator[dict[str, Any]]:
    names = {"kill": "workers killed with kill -9", "restart": "crashes of PostgreSQL"}
    planned = {"kill": result.size.kills, "restart": result.size.restarts}
    for what, name in names.items():
        if not planned[what]:
            continue
        count = result.done.get(what, 0)
        missing = planned[what] - count
        examples = [f"{missing} of {planned[what]} could not be done"] if missing else []
        yield {"check": name, "count": count, "violations": missing, "examples": examples}


def _facts(result: Result) -> Iterator[tuple[str, object]]:
    size, facts = result.size, result.found["facts"]
    yield "seed", size.seed
    yield "time of the load", duration(result.seconds)
    yield "contacts posted per second", f"{size.contacts / result.seconds:.0f}"
    yield "looks while the database was down", result.sampled["missed"]
    yield "looks that saw nobody waiting", result.sampled["no_queue"]
    yield "longest queue seen", result.sampled["longest_queue"]
    for what, counts in facts.items():
        for name, count in sorted(counts.items()):
            yield f"{what}: {name}", count


def _latencies(result: Result) -> Iterator[Sequence[object]]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    again: Counter[str] = Counter()
    for record in read_answers(result.answers):
        group = GROUPS.get(record["kind"], "changes")
        times[group].append(record["ms"])
        again[group] += sum(record["tally"].values()) - 1
    for group, values in sorted(times.items()):
        values.sort()
        yield (group, len(values), again[group], *_percentiles(values))


def _percentiles(values: Sequence[float]) -> list[str]:
    return [f"{values[min(len(values) - 1, len(values) * p // 100)]:.0f}" for p in (50, 95, 99)]


def summary(results: Mapping[str, int]) -> str:
    """Return the last line: how many violations there were on which database."""
    parts = [f"{name}: {count} violations" for name, count in results.items()]
    return "Stress: " + ", ".join(parts) + "."
