"""Interleaved rounds: what disturbs the machine for a while disturbs all that is compared alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

Spread = tuple[float, float, float]  # median, lowest, highest
WARM_UP_S = 1.0


class Key(NamedTuple):
    """What is measured: a case, on so many connections, in one of several worlds."""

    name: str
    connections: int = 0
    where: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of it in one round: requests (or rows) done, seconds, CPU seconds of the server.

    `p50`, `p95` and `p99` are milliseconds. `cut` requests were under way when the time was over:
    nobody waited for them, but the server did them all the same. `database` is what PostgreSQL's
    processes used of the CPU seconds.
    """

    done: int
    seconds: float
    cpu: float
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    cut: int = 0
    database: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.done / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of application and database for each."""
        return self.cpu / (self.done + self.cut) * 1e3

    @property
    def database_ms(self) -> float:
        """CPU milliseconds of PostgreSQL for each, which is a part of `cpu_ms`."""
        return self.database / (self.done + self.cut) * 1e3


Take = Callable[[float], Sample]  # measures for so many seconds
Samples = Mapping[Key, list[Sample]]
Of = Callable[[Sample], float]


def interleaved(
    takes: Mapping[Key, Take], *, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[Key, list[Sample]]:
    """Return a sample of each for each round, after a warm-up."""
    taken: dict[Key, list[Sample]] = {key: [] for key in takes}
    for take in takes.values():
        take(min(WARM_UP_S, seconds))
    for number in range(1, rounds + 1):
        for key, take in takes.items():
            one = take(seconds)
            taken[key].append(one)
            what = ", ".join(str(part) for part in key if part)
            say(f"round {number}: {what}: {one.rate:.0f}/s, {one.cpu_ms:.3f} ms of CPU each")
    return taken


def spread(values: Iterable[float]) -> Spread:
    """Return the median, the lowest and the highest."""
    found = list(values)
    return median(found), min(found), max(found)


def rate(sample: Sample) -> float:
    """How many a second."""
    return sample.rate


def cpu(sample: Sample) -> float:
    """CPU time for each."""
    return sample.cpu_ms


def ratio(samples: Samples, over: Key, under: Key, of: Of) -> Spread:
    """Return one value over the other, each pair from the same round."""
    pairs = zip(samples[over], samples[under], strict=True)
    return spread(of(above) / of(below) for above, below in pairs)
