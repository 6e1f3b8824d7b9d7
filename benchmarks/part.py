"""What every part of a run is given, and what it comes to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bars import Bar
from benchmarks.stage import Shape

OPERATORS = 20
API = "/api/v1/contacts/"
BUSY = 16  # the number of connections that the bars are about


@dataclass(frozen=True)
class Run:
    """On which database ("sqlite", "postgresql"), how long, how large, and in which shape."""

    database: str
    rounds: int
    seconds: float
    shape: Shape
    quick: bool = False
    large: bool = False


@dataclass
class Outcome:
    """What a part tells people (lines of Markdown), programs, and how it stands to the bars.

    `counts` is what `Stage.verify` has counted in each of its worlds, by their names. No part does
    without: figures of a run that broke a promise are worth nothing.
    """

    lines: list[str]
    figures: dict[str, Any]
    counts: Mapping[str, dict[str, int]]
    bars: list[Bar] = field(default_factory=list)


def say(text: str) -> None:
    """Tell whoever waits what has just been done."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
