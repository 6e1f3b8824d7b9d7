"""What is written down: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.bars import paragraph, table, table_of
from benchmarks.part import Outcome, Run

GENERATORS = {
    "wrk": "wrk",
    "own": "a program of our own, as wrk is missing or was not wanted. It takes so much from the"
    " cores that rates and times are limited by it: they are told, but not judged; CPU time is",
}

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
COUNTS = {
    "contacts": "contacts",
    "waiting": "waiting",
    "cut_off": "requests cut off",
    "stored_of_these": "of these stored",
    "lock_waits": "waits over 1 s",
    "errors": "statements refused",
}
PROMISES = (
    "All held: every contact acknowledged is stored once, loads are the contacts held, each open"
    " contact has one period and no two of a contact overlap, nobody is over a limit, nobody waits"
    " beside a free place. No answer said no; there was no deadlock, no timeout of a lock or a"
    " statement, no locked database. Cut off: under way when a load ended. Refused: such as a new"
    " lead who came twice at once, which the application resolves."
)


def write(folder: Path, name: str, run: Run, outcomes: Mapping[str, Outcome | str]) -> list[Path]:
    """Write NAME.json and NAME.md; return the paths. A text stands for a part that is void."""
    folder.mkdir(parents=True, exist_ok=True)
    data, text = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(as_json(run, outcomes), indent=1) + "\n")
    text.write_text("\n".join(as_markdown(run, outcomes)) + "\n")
    return [data, text]


def as_json(run: Run, outcomes: Mapping[str, Outcome | str]) -> dict[str, object]:
    """Return all figures, and what they were taken with."""
    parts = {
        name: {"void": one}
        if isinstance(one, str)
        else one.figures | {"counts": one.counts, "bars": [asdict(bar) for bar in one.bars]}
        for name, one in outcomes.items()
    }
    return {"run": asdict(run), "cores": os.cpu_count(), "parts": parts}


def as_markdown(run: Run, outcomes: Mapping[str, Outcome | str]) -> list[str]:
    """Return the lines: what was measured with, the bars, then the parts."""
    bars = [bar for one in outcomes.values() if isinstance(one, Outcome) for bar in one.bars]
    lines = [f"## Measured on {TITLES[run.database]}", "", *paragraph(about(run))]
    lines += ["### Bars", "", *table_of(bars)] if bars else []
    for part, one in outcomes.items():
        lines += [f"### {part}", "", f"**Void**: {one}", ""] if isinstance(one, str) else one.lines
    return [*lines, *looked_through(outcomes)]


def looked_through(outcomes: Mapping[str, Outcome | str]) -> list[str]:
    """Return the lines on what was found in the databases after the parts."""
    rows = [
        [f"{part}, {where}" if where else part, *(f"{counts[name]:,}" for name in COUNTS)]
        for part, one in outcomes.items()
        if isinstance(one, Outcome)
        for where, counts in one.counts.items()
    ]
    if not rows:
        return []
    head = ["after", *COUNTS.values()]
    return [
        "### Promises, looked at after each part",
        "",
        *paragraph(PROMISES),
        *table(head, rows),
    ]


def about(run: Run) -> str:
    """Return what the figures were taken with; only ratios carry over to another machine."""
    shape = run.shape
    extra = "".join(f", {name}={value}" for name, value in shape.env.items())
    rounds = f"{run.rounds} round{'s' * (run.rounds > 1)} of {run.seconds:g} s"
    return (
        f"{os.cpu_count()} cores shared by client, server and database; Python"
        f" {platform.python_version()}; gunicorn with {shape.workers} workers of {shape.threads}"
        f" threads{extra}. The load was made by {GENERATORS[shape.generator]}. {rounds}; median"
        " (lowest-highest) of the rounds, ratios taken within each."
    )
