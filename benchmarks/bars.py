"""The bars that a run is held against: medians, each beside its lowest and highest."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.rounds import Sample, Spread


@dataclass(frozen=True, slots=True)
class Bar:
    """What is wanted, what was measured, and whether that is enough.

    `timed`: it hangs on how fast the load was made, as rates and times of answers do.
    """

    name: str
    wanted: str
    measured: str
    kept: bool | None  # None where it is not judged
    timed: bool = False


def at_least(
    name: str, measured: Spread, bar: float, *, aim: float | None = None, timed: bool = False
) -> Bar:
    """Return the bar that the median has to reach; `aim` is said only."""
    wanted = f"at least {bar:g}" + (f", aim {aim:g}" if aim else "")
    return Bar(name, wanted, shown(measured, 2), measured[0] >= bar, timed)


def at_most(name: str, measured: Spread, bar: float) -> Bar:
    """Return the bar that the median must not go over."""
    return Bar(name, f"at most {bar:g}", shown(measured, 2), measured[0] <= bar)


def below(name: str, measured: Spread, bar: float, *, digits: int = 1, timed: bool = False) -> Bar:
    """Return the bar that the median has to stay under."""
    return Bar(name, f"under {bar:g}", shown(measured, digits), measured[0] < bar, timed)


def not_judged(bars: Iterable[Bar]) -> list[Bar]:
    """Return the bars with what was measured, and no word of whether it is enough."""
    return [replace(bar, kept=None) for bar in bars]


def judged(bars: Iterable[Bar], *, generator: str) -> list[Bar]:
    """Return the bars, of which only those by CPU are judged where the load was not made by wrk.

    Our own generator takes so much from the cores it shares with the server that a rate tells how
    fast the generator is.
    """
    return [replace(b, kept=None) if b.timed and generator != "wrk" else b for b in bars]


def table_of(bars: Iterable[Bar]) -> list[str]:
    """Return the lines of a table of bars."""
    words = {True: "pass", False: "**fail**", None: "not judged"}
    rows = [[bar.name, bar.wanted, bar.measured, words[bar.kept]] for bar in bars]
    return table(["bar", "wanted", "measured", ""], rows)


def shown(values: Spread | None, digits: int) -> str:
    """Return a median with its lowest and highest where these differ, or nothing."""
    if values is None:
        return ""
    middle, low, high = (f"{value:.{digits}f}" for value in values)
    return middle if low == high else f"{middle} ({low}-{high})"


def shown_cpu(taken: Iterable[Sample], digits: int = 2) -> str:
    """Return the CPU milliseconds of the application and, after a plus, those of PostgreSQL."""
    found = list(taken)
    ours = median(one.cpu_ms - one.database_ms for one in found)
    theirs = median(one.database_ms for one in found)
    return f"{ours:.{digits}f}" + (f" + {theirs:.{digits}f}" if theirs else "")


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Return the lines of a Markdown table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]] + [""]


def paragraph(text: str) -> list[str]:
    """Return the lines of a paragraph."""
    wrap = textwrap.wrap(text, 105, break_long_words=False, break_on_hyphens=False)
    return [*wrap, ""]
