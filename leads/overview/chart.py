"""The contacts per hour as a drawing: stacked bars, where they stand and how high they are.

Across, positions are in per cent of the drawing's width, so that it fits any; down, in pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from django.utils import timezone
from django.utils.formats import number_format, time_format

from leads.overview.hours import HOURS, Hours

HEIGHT = 190
TOP = 12
BASE = 166  # where the bars stand; the names of the hours are below
LEFT = 9.0  # the scale is left of it
WIDTH = 0.76  # of the room that a bar has
TICKS = 4  # lines above the base, at most
GAP = 1  # between two parts of a bar


@dataclass(frozen=True, slots=True)
class Part:
    """One source's part of a bar. `kind` numbers its pattern, from 1; 0 is for the others."""

    kind: int
    name: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour. `label` is its hour on the clock, `span` its beginning and end."""

    label: str
    span: str
    total: int
    x: float
    width: float
    middle: float
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, and the number of contacts that it stands for."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Row:
    """An hour's numbers, in the order of the series."""

    span: str
    counts: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A source's pattern, and its number of contacts in all hours."""

    kind: int
    name: str
    total: int


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn, and the numbers for the table."""

    hours: Hours
    bars: list[Bar]
    ticks: list[Tick]
    legend: list[LegendEntry]
    rows: list[Row]
    height: int = HEIGHT
    base: int = BASE
    left: float = LEFT


def draw(hours: Hours) -> Chart:
    """Return the drawing of these numbers."""
    step = _step(max(hours.totals))
    highest = step * max(1, -(-max(hours.totals) // step))
    scale = (BASE - TOP) / highest
    kinds = [
        number if series.source_id is not None else 0
        for number, series in enumerate(hours.series, start=1)
    ]
    legend = [
        LegendEntry(kind, series.name, series.total)
        for kind, series in zip(kinds, hours.series, strict=True)
    ]
    ticks = [
        Tick(_compact(number), BASE - number * scale) for number in range(0, highest + 1, step)
    ]
    bars = [_bar(hours, hour, kinds, scale) for hour in range(HOURS)]
    rows = [
        Row(bar.span, [series.counts[hour] for series in hours.series], bar.total)
        for hour, bar in enumerate(bars)
    ]
    return Chart(hours, bars, ticks, legend, rows)


def _bar(hours: Hours, hour: int, kinds: list[int], scale: float) -> Bar:
    room = (100 - LEFT) / HOURS
    begins = timezone.localtime(hours.starts[hour])
    return Bar(
        label=time_format(begins, "H"),
        span=_span(begins),
        total=hours.totals[hour],
        x=round(LEFT + hour * room + room * (1 - WIDTH) / 2, 2),
        width=round(room * WIDTH, 2),
        middle=round(LEFT + (hour + 0.5) * room, 2),
        parts=list(_parts(hours, hour, kinds, scale)),
    )


def _parts(hours: Hours, hour: int, kinds: list[int], scale: float) -> Iterator[Part]:
    below = 0
    for kind, series in zip(kinds, hours.series, strict=True):
        number = series.counts[hour]
        if number:
            height = number * scale
            top = BASE - below * scale - height
            # However small, it shows.
            yield Part(kind, series.name, number, round(top, 1), round(max(1, height - GAP), 1))
        below += number


def _span(begins: datetime) -> str:
    ends = timezone.localtime(begins + timedelta(hours=1))
    return f"{time_format(begins, 'H:i')}–{time_format(ends, 'H:i')}"


def _step(highest: int) -> int:
    """Return the distance of the lines: 1, 2 or 5 times a power of ten, so that few are needed."""
    for power in count():
        for factor in (1, 2, 5):
            step = int(factor * 10**power)
            if step * TICKS >= highest:
                return step
    raise AssertionError("unreachable")


def _compact(number: int) -> str:
    """Return a number in at most four characters or so: 950, 1.5k, 20k, 3M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            decimals = 1 if number % size else 0
            return number_format(number / size, decimals) + letter
    return str(number)
