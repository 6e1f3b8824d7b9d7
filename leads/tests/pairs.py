"""Two moves at once, stopped at every statement: what must come of it, and which pairs to try.

Besides the promises, the outcome must be that of the same transactions one after the other: the
same answers, operators, loads and periods as in one of the two orders. That is more than the
promises ask for, and makes them hold for two moves because they hold for one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from django.db.models import F

from distribution.models import Operator, OperatorSourceWeight
from distribution.tests.interleaving import Interleaving, Worker, interleave
from leads.services import Moved, Registration
from leads.tests.checks import assert_promises_kept
from leads.tests.moves import KINDS, MOVES
from leads.tests.small_worlds import keep_world, restore, state_of
from minicrm.errors import ServiceError


@dataclass(frozen=True)
class Run:
    """One way in which the two moves met, and what came of it."""

    where: str
    ended: tuple[Any, Any]  # what the callers were told, and the state of the world
    one_after_the_other: bool
    several_each: bool  # transactions, which may mix in more ways than are tried here
    second_waited_at: int | None


@dataclass(frozen=True)
class Pair:
    """Two moves, each by its name in MOVES and its side, in a world."""

    world: str
    first: tuple[str, int]
    second: tuple[str, int]

    def __str__(self) -> str:
        return f"{self.first} and {self.second} in the world {self.world!r}"

    def explore(self, workers: tuple[Worker, Worker]) -> int:
        """Let the second move come at every stop point of the first; return how many runs it took.

        Raises AssertionError, which says how to get there, for the first broken promise.
        """
        runs = [self._run(workers, stop_at=None)]
        begins = workers[0].idle_points
        ends = [*begins[1:], workers[0].stop_points + 1]
        for begin, end in zip(begins, ends, strict=True):
            runs += self._runs_within(workers, begin, end - 1)
        self._assert_one_after_the_other(workers, runs)
        return len(runs)

    def _run(
        self, workers: tuple[Worker, Worker], *, stop_at: int | None, second_stops: bool = False
    ) -> Run:
        """Make both moves, the first (or else the second) with a stop; check what must hold."""
        world = keep_world(self.world)
        restore(world)
        jobs = (
            MOVES[self.first[0]](world, self.first[1], "the first"),
            MOVES[self.second[0]](world, self.second[1], "the second"),
        )
        order = slice(None, None, -1) if second_stops else slice(None)
        look = partial(_assert_nobody_waits_beside_a_place, f"{self}, stopped at {stop_at}")
        ran = interleave(jobs[order], workers, stop_at=stop_at, look=look)
        where = f"{self}: {ran}"
        told = [_told(outcome, where) for outcome in ran.outcomes[order]]
        state = state_of(world)
        _assert_sound(ran, where)
        several_each = min(ran.commits) > 1
        ended = told, state
        return Run(where, ended, ran.between_transactions, several_each, ran.second_waited_at)

    def _runs_within(self, workers: tuple[Worker, Worker], begin: int, last: int) -> list[Run]:
        """Stop at all points of one transaction of the first move, but for some that show nothing.

        From where the second move waits just where it waits at the last point too, the first only
        takes more locks: to stop later brings nothing that was not there already.
        """
        runs = [self._run(workers, stop_at=last)]
        waits_at = runs[0].second_waited_at
        for stop_at in range(begin, last):
            runs.append(self._run(workers, stop_at=stop_at))
            if waits_at is not None and runs[-1].second_waited_at == waits_at:
                break
        return runs

    def _assert_one_after_the_other(self, workers: tuple[Worker, Worker], runs: list[Run]) -> None:
        """Find the outcome of each run among those of whole transactions, in some order."""
        serial = [run.ended for run in runs if run.one_after_the_other]
        strays = [run for run in runs if run.ended not in serial and not run.several_each]
        if not strays:
            return
        # The first move may have come between two transactions of the second.
        serial.append(self._run(workers, stop_at=None, second_stops=True).ended)
        for stop_at in workers[0].idle_points[1:]:
            serial.append(self._run(workers, stop_at=stop_at, second_stops=True).ended)
        for run in strays:
            assert run.ended in serial, (
                f"{run.where}\n  came to {run.ended}\n  one after the other they come to "
                + "\n  or ".join({str(ended) for ended in serial})
            )


def _assert_sound(ran: Interleaving, where: str) -> None:
    assert not ran.gave_up, f"{where}\n  the database gave up on {ran.gave_up}"
    # A limit that was lowered below the load (to 0) is the one way to be over it here.
    over = Operator.objects.filter(current_load__gt=F("max_load"), max_load__gt=0)
    assert not over.exists(), f"{where}\n  an operator is over the limit"
    try:
        assert_promises_kept(over_limit=True)
    except AssertionError as broken:
        raise AssertionError(f"{where}\n  {broken}") from None


def _assert_nobody_waits_beside_a_place(where: str) -> None:
    """The promise that holds at every commit, also between the transactions of one move."""
    free = Operator.objects.free().values("pk")
    beside = OperatorSourceWeight.objects.filter(
        operator__in=free, weight__gt=0, source__is_active=True, source__contacts__status="waiting"
    )
    assert not beside.exists(), (
        f"{where}\n  between two transactions a contact waits beside a free place"
    )


def _told(outcome: Any, where: str) -> Any:
    """Return what a caller is told, in a form that can be compared."""
    if isinstance(outcome, ServiceError):
        return "refused", outcome.code
    if isinstance(outcome, BaseException):
        raise AssertionError(f"{where}\n  ended with {outcome!r}") from outcome
    if isinstance(outcome, Registration):
        return outcome.receipt["status"], outcome.receipt["operator"]
    if isinstance(outcome, Moved):
        contact = outcome.contact
        return contact.status, str(contact.operator), outcome.changed, outcome.assigned
    if isinstance(outcome, Operator):
        return outcome.is_active, outcome.max_load, outcome.current_load
    if isinstance(outcome, int | None):
        return outcome
    return type(outcome).__name__


# The same target and different ones, in worlds with and without a queue, a place, a second source.
SETTINGS = [
    ("queue", 0, 0),
    ("full", 0, 1),
    ("room", 0, 0),
    ("shared", 0, 1),
    ("queue", 0, 1),
    ("full", 0, 0),
    ("shared", 1, 0),
    ("room", 0, 1),
]
# Where one of the two looks for what the other one brings or takes away, whichever is first; with
# the side of the second one's target.
CLOSE_ENCOUNTERS = [
    ("full", "register", "close", 0),
    ("full", "register", "switch on", 0),
    ("full", "register", "weight from 0", 0),
    ("full", "register", "reassign to V", 0),
    ("shared", "register", "source on", 0),
    ("queue", "register", "switch on", 0),
    ("room", "register", "register", 1),
    ("room", "register", "reassign", 0),
    ("room", "register", "reopen", 0),
    ("room", "reassign", "reassign", 0),
    ("room", "reassign", "reassign", 1),
    ("room", "requeue", "reassign", 0),
    ("full", "close", "close", 0),
    ("backlog", "close", "close", 1),
    ("full", "close", "reopen", 0),
    ("full", "close", "switch off, requeue", 1),
    ("queue", "close", "take next for V", 0),
    ("queue", "close", "replace weights", 0),
    ("queue", "close what waits", "take next for V", 0),
    ("queue", "source off", "switch on", 0),
]


def everyday_pairs(kind: str) -> Iterator[Pair]:
    """Yield pairs with a first move of that kind, and all kinds as the second, in some setting."""
    number = list(KINDS).index(kind)
    for other, seconds in enumerate(KINDS.values()):
        world, *sides = SETTINGS[(number * 3 + other) % len(SETTINGS)]
        firsts = KINDS[kind]
        first = firsts[other % len(firsts)]
        second = seconds[number % len(seconds)]
        yield Pair(world, (first, sides[0]), (second, sides[1]))


def close_encounters() -> Iterator[Pair]:
    """Yield the pairs that meet in what they look for, in both orders."""
    for world, one, other, side in CLOSE_ENCOUNTERS:
        yield Pair(world, (one, 0), (other, side))
        if (one, 0) != (other, side):
            yield Pair(world, (other, side), (one, 0))


def all_pairs(first: str) -> Iterator[Pair]:
    """Yield that move with every other in every setting."""
    for second, (world, *sides) in product(MOVES, SETTINGS):
        yield Pair(world, (first, sides[0]), (second, sides[1]))


def backlog_pairs(first: str, seconds: Iterable[str]) -> Iterator[Pair]:
    """Yield that move with those others where several contacts wait."""
    for second in seconds:
        yield Pair("backlog", (first, 0), (second, 1))
