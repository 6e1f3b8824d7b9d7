"""What is written down: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.bars import table_of
from benchmarks.part import Outcome, Run

GENERATORS = {
    "wrk": "wrk",
    "own": "a program of our own, which takes more from the cores than wrk: rates and times are"
    " not to be compared with those of a run with wrk",
}


def write(folder: Path, name: str, run: Run, outcomes: Mapping[str, Outcome | str]) -> list[Path]:
    """Write NAME.json and NAME.md; return the paths. A text stands for a part that is void."""
    folder.mkdir(parents=True, exist_ok=True)
    data, text = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(as_json(run, outcomes), indent=1) + "\n")
    text.write_text("\n".join(as_markdown(name, run, outcomes)) + "\n")
    return [data, text]


def as_json(run: Run, outcomes: Mapping[str, Outcome | str]) -> dict[str, object]:
    """Return all figures, and what they were taken with."""
    parts = {
        name: {"void": one}
        if isinstance(one, str)
        else one.figures | {"bars": [asdict(bar) for bar in one.bars]}
        for name, one in outcomes.items()
    }
    return {"run": asdict(run), "cores": os.cpu_count(), "parts": parts}


def as_markdown(name: str, run: Run, outcomes: Mapping[str, Outcome | str]) -> list[str]:
    """Return the lines: what was measured with, the bars, then the parts."""
    bars = [bar for one in outcomes.values() if isinstance(one, Outcome) for bar in one.bars]
    lines = [f"# {name}", "", about(run), ""]
    lines += ["## Bars", "", *table_of(bars)] if bars else []
    for part, one in outcomes.items():
        lines += [f"## {part}", "", f"**Void**: {one}", ""] if isinstance(one, str) else one.lines
    return lines


def about(run: Run) -> str:
    """Return what the figures were taken with; only ratios carry over to another machine."""
    shape = run.shape
    extra = "".join(f", {name}={value}" for name, value in shape.env.items())
    return (
        f"{os.cpu_count()} cores shared by client, server and database; Python"
        f" {platform.python_version()}; gunicorn with {shape.workers} workers of {shape.threads}"
        f" threads{extra}. The load was made by {GENERATORS[shape.generator]}. {run.rounds} rounds"
        f" of {run.seconds:g} s; median (lowest-highest) of the rounds, ratios taken within each."
    )
