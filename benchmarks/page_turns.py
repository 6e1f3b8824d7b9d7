"""A supervisor's pages in worlds of several sizes, measured in turns."""

from __future__ import annotations

import json
from collections.abc import Mapping

from benchmarks.bars import Bar, at_most, below, shown, table
from benchmarks.pages import BARE
from benchmarks.part import say
from benchmarks.rounds import Spread, spread
from benchmarks.stage import Stage, module_output

MAX_QUERIES = 30
GROWN = 2.0  # how many times a page may take in the largest world what it takes in the smallest

# By world, then by page: {"ms": [one a turn], "queries": number}
Pages = dict[str, dict[str, dict[str, list[float]]]]


def measure(stages: Mapping[str, Stage], *, turns: int, rounds: int) -> Pages:
    """Return the server time and the queries of each page in each world, one world at a time."""
    found: Pages = {where: {} for where in stages}
    for number in range(1, turns + 1):
        for where, stage in stages.items():
            say(f"pages, turn {number}: {where}")
            stage.hold_in_memory()
            output = module_output("benchmarks.pages", stage.env, "", str(rounds))
            for name, one in json.loads(output).items():
                page = found[where].setdefault(name, {"ms": [], "queries": []})
                page["ms"].append(one["ms"])
                page["queries"].append(one["queries"])
    return found


def told(pages: Pages) -> list[str]:
    """Return the table: ms and queries by world, and the largest world's to the first."""
    first = next(iter(pages))
    *_, largest = pages
    head = ["page: ms (queries)", *pages, "largest to first"]
    rows = [
        [
            name,
            *(
                f"{spread(p[name]['ms'])[0]:.1f} ({max(p[name]['queries'])})"
                for p in pages.values()
            ),
            shown(ratio(pages[largest][name]["ms"], pages[first][name]["ms"]), 2),
        ]
        for name in pages[first]
    ]
    return ["### Pages of a supervisor, in one process", "", *table(head, rows)]


def bars_of(pages: Pages) -> list[Bar]:
    """Return the bars on queries and on growth."""
    first = next(iter(pages))
    *_, largest = pages
    queries = max(max(page["queries"]) for world in pages.values() for page in world.values())
    ratios = {
        name: ratio(pages[largest][name]["ms"], pages[first][name]["ms"])
        for name in pages[first]
        if name != BARE
    }
    worst = max(ratios, key=lambda name: ratios[name][0])
    return [
        below("queries of a page, most", (queries, queries, queries), MAX_QUERIES, digits=0),
        at_most(f"pages, {largest} to {first}, worst: {worst}", ratios[worst], GROWN),
    ]


def ratio(over: list[float], under: list[float]) -> Spread:
    """Return one page's times over another's, each pair from the same turn."""
    return spread(above / below_it for above, below_it in zip(over, under, strict=True))
