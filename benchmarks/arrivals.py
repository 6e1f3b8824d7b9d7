"""`POST /contacts/` beside a bare view, and one that stores a row, in the same run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks import wrk
from benchmarks.stage import Stage

CONNECTIONS = (1, 16, 64)
API = "/api/v1/contacts/"
BARE, INSERT = "bare view", "one INSERT"


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked, and on how many connections."""

    name: str
    path: str
    connections: int
    plan: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of a case; `cpu` is seconds of application and database for each request."""

    case: Case
    load: wrk.Load
    cpu: float


def cases(world: dict[str, int], connections: tuple[int, ...] = CONNECTIONS) -> list[Case]:
    """Return what to measure in each round, the views to compare with first."""
    hot = {"source": world["hot"]}
    known = hot | {"known": world["known"], "known_share": 100}
    half = hot | {"known": world["known"], "known_share": 50}
    many = {"first": world["first"], "last": world["last"]}
    chosen = [
        Case(name, f"/api/bench/{path}", count, hot)
        for count in connections
        for name, path in ((BARE, "bare"), (INSERT, "insert"))
    ]
    chosen += [Case("new leads", API, count, hot) for count in connections]
    middle = 16 if 16 in connections else connections[0]
    chosen += [
        Case("known leads", API, middle, known),
        Case("half known", API, middle, half),
        Case("200 sources", API, middle, many),
        Case("with Idempotency-Key", API, middle, hot | {"once": 1}),
        Case("nobody available", API, middle, {"source": world["lonely"]}),
    ]
    return chosen


def measure(
    stage: Stage, *, rounds: int, seconds: float, chosen: list[Case], say: Callable[[str], None]
) -> Iterator[Measured]:
    """Yield what each case took in each round, after a warm-up. Raises LoadError.

    The rounds are interleaved: what disturbs the machine for a while disturbs all cases alike.
    """
    for case in chosen:
        _one(stage, case, 1)
    for number in range(rounds):
        for case in chosen:
            done = _one(stage, case, seconds)
            say(
                f"round {number + 1}: {case.name}, {case.connections} connections:"
                f" {done.load.rate:.0f}/s, {done.cpu * 1e3:.2f} ms of CPU each"
            )
            yield done


def _one(stage: Stage, case: Case, seconds: float) -> Measured:
    plan = {**case.plan, "salt": secrets.token_hex(4)}
    before = stage.used()
    load = wrk.run(
        stage.address + case.path,
        connections=case.connections,
        seconds=seconds,
        token=str(stage.world["token"]),
        method="POST",
        plan=plan,
    )
    time.sleep(0.2)  # the last answers are on their way
    used = stage.used().seconds - before.seconds
    if load.refused or load.broken:
        raise wrk.LoadError(f"{case.name}: {load.refused} refused, {load.broken} unanswered")
    return Measured(case, load, used / max(load.requests, 1))


@dataclass(frozen=True, slots=True)
class Row:
    """A case over all rounds: medians, each with its lowest and highest."""

    name: str
    connections: int
    rate: tuple[float, float, float]
    cpu_ms: tuple[float, float, float]
    p50: float
    p95: float
    p99: float
    of_bare: tuple[float, float, float] | None  # CPU of the bare view / CPU of this
    of_insert: tuple[float, float, float] | None


def rows(measured: list[Measured]) -> list[Row]:
    """Return a row a case; ratios are taken within each round, against the same connections."""
    found = []
    for case in dict.fromkeys((one.case.name, one.case.connections) for one in measured):
        mine = [one for one in measured if (one.case.name, one.case.connections) == case]
        found.append(
            Row(
                *case,
                rate=spread([one.load.rate for one in mine]),
                cpu_ms=spread([one.cpu * 1e3 for one in mine]),
                p50=median(one.load.p50 for one in mine),
                p95=median(one.load.p95 for one in mine),
                p99=median(one.load.p99 for one in mine),
                of_bare=_ratio(measured, mine, BARE),
                of_insert=_ratio(measured, mine, INSERT),
            )
        )
    return found


def _ratio(
    measured: list[Measured], mine: list[Measured], name: str
) -> tuple[float, float, float] | None:
    connections = mine[0].case.connections
    others = [
        one for one in measured if one.case.name == name and one.case.connections == connections
    ]
    if not others or mine[0].case.name == name:
        return None
    return spread([other.cpu / one.cpu for other, one in zip(others, mine, strict=True)])


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the median, the lowest and the highest."""
    return median(values), min(values), max(values)
