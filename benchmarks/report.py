"""The tables: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.arrivals import Row

Spread = tuple[float, float, float]


def write(folder: Path, name: str, results: Mapping[str, Any], told: Iterable[str]) -> list[Path]:
    """Write the results as NAME.json and what is told of them as NAME.md; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, text = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(results, indent=1) + "\n")
    text.write_text("\n".join([f"# {name}", "", about_machine(), "", *told]) + "\n")
    return [data, text]


def about_machine() -> str:
    """Return what the figures were taken on; only their ratios carry over to another machine."""
    return (
        f"{os.cpu_count()} cores shared by client, server and database; Python"
        f" {platform.python_version()}. Median (lowest-highest) of the rounds; ratios are taken"
        " within one round."
    )


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Return the lines of a Markdown table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]] + [""]


def arrivals(rows: list[Row]) -> list[str]:
    """Return the table of `POST /contacts/`."""
    head = ["case", "connections", "a second", "CPU ms each", "bare / this", "INSERT / this"]
    head += ["p50 ms", "p95 ms", "p99 ms", "p99 / p50"]
    lines = [
        [
            row.name,
            str(row.connections),
            spread(row.rate, 0),
            spread(row.cpu_ms, 2),
            spread(row.of_bare, 2),
            spread(row.of_insert, 2),
            f"{row.p50:.1f}",
            f"{row.p95:.1f}",
            f"{row.p99:.1f}",
            f"{row.p99 / row.p50:.1f}",
        ]
        for row in rows
    ]
    note = "*bare / this*: CPU time of the bare view over that of this case; 1 would be free."
    return ["## POST /contacts/", "", *table(head, lines), note, ""]


def growth(points: list[dict[str, Any]]) -> list[str]:
    """Return the tables of what is stored and how many work, and of the pages in these worlds."""
    head = ["contacts stored", "operators", "a second", "CPU ms each", "bare / this"]
    lines = [
        [
            f"{point['plan']['contacts']:,}",
            f"{point['plan']['operators']:,}",
            f"{point['rate']:.0f}",
            f"{point['cpu_ms']:.2f}",
            f"{point['bare_per_arrival']:.2f}",
        ]
        for point in points
    ]
    told = ["## Growth: a new lead's contact, 16 connections", "", *table(head, lines)]
    sizes = [point for point in points if point["plan"]["operators"] == 20]
    head = ["page: ms (queries)", *(f"{point['plan']['contacts']:,}" for point in sizes)]
    pages = sizes[0]["pages"] if sizes else {}
    rows = [
        [name, *(f"{p['pages'][name]['ms']:.1f} ({p['pages'][name]['queries']})" for p in sizes)]
        for name in pages
    ]
    return [*told, "## Pages, server time", "", *table(head, rows)]


def spread(values: Spread | None, digits: int) -> str:
    """Return a median with its lowest and highest, or nothing."""
    if values is None:
        return ""
    middle, low, high = (f"{value:.{digits}f}" for value in values)
    return f"{middle} ({low}-{high})"


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as JSON values."""
    return [asdict(row) for row in rows]
