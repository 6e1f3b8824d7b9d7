"""The bars that a run is held against: medians, each beside its lowest and highest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.rounds import Spread


@dataclass(frozen=True, slots=True)
class Bar:
    """What is wanted, what was measured, and whether that is enough."""

    name: str
    wanted: str
    measured: str
    kept: bool | None  # None where nothing is wanted


def at_least(name: str, measured: Spread, bar: float, *, aim: float | None = None) -> Bar:
    """Return the bar that the median has to reach; `aim` is said only."""
    wanted = f"at least {bar:g}" + (f", aim {aim:g}" if aim else "")
    return Bar(name, wanted, shown(measured, 2), measured[0] >= bar)


def at_most(name: str, measured: Spread, bar: float) -> Bar:
    """Return the bar that the median must not go over."""
    return Bar(name, f"at most {bar:g}", shown(measured, 2), measured[0] <= bar)


def below(name: str, measured: Spread, bar: float, *, digits: int = 1) -> Bar:
    """Return the bar that the median has to stay under."""
    return Bar(name, f"under {bar:g}", shown(measured, digits), measured[0] < bar)


def told(name: str, measured: Spread) -> Bar:
    """Return a figure that no bar is set for."""
    return Bar(name, "", shown(measured, 2), None)


def table_of(bars: Iterable[Bar]) -> list[str]:
    """Return the lines of a table of bars."""
    words = {True: "yes", False: "**no**", None: ""}
    rows = [[bar.name, bar.wanted, bar.measured, words[bar.kept]] for bar in bars]
    return table(["bar", "wanted", "measured", "kept?"], rows)


def shown(values: Spread | None, digits: int) -> str:
    """Return a median with its lowest and highest, or nothing."""
    if values is None:
        return ""
    middle, low, high = (f"{value:.{digits}f}" for value in values)
    return f"{middle} ({low}-{high})"


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Return the lines of a Markdown table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]] + [""]
