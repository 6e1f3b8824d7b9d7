"""Every pair of moves in both orders, on two real connections, stopped statement by statement.

With INTERLEAVINGS=all every move meets every other in every setting, which takes half an hour on
PostgreSQL; else each pair of kinds meets in one setting.
"""

import os
from collections.abc import Iterable
from itertools import islice

import pytest

from distribution import selection
from distribution.tests.interleaving import Worker, interleave
from leads.services import waiting
from leads.tests.moves import KINDS, MOVES
from leads.tests.pairs import Pair, all_pairs, backlog_pairs, close_encounters, everyday_pairs
from leads.tests.small_worlds import keep_world, restore
from minicrm.tests.choosing import every, everyday

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ALL = os.environ.get("INTERLEAVINGS") == "all"


@pytest.fixture
def workers(monkeypatch):
    """Two workers; and no dice, so that equal histories come to equal results."""
    monkeypatch.setattr(selection, "pick", lambda candidates, rng: candidates[0])
    crew = Worker("the first"), Worker("the second")
    yield crew
    for worker in crew:
        worker.close()


def explore(pairs: Iterable[Pair], workers: tuple[Worker, Worker]) -> None:
    """Explore all the pairs; fails with the first broken promise, or if nothing was tried."""
    assert sum([pair.explore(workers) for pair in pairs]) > 0


def test_a_move_is_seen_to_wait_for_another_and_to_run_through(workers):
    world = keep_world("full")
    for stop_at, waits in ((1, False), (None, True)):
        restore(world)
        jobs = (MOVES["close"](world, 0, ""), MOVES["lower limit"](world, 0, ""))
        ran = interleave(jobs, workers, stop_at=stop_at or workers[0].stop_points)
        assert ran.second_waited == waits
        assert ran.stopped_before.startswith("COMMIT") == waits


# Of the nine kinds these each time, with each kind as the second: who comes, and who goes.
EVERYDAY = ["register", "close"]


@pytest.mark.parametrize("first", MOVES if ALL else everyday(EVERYDAY, KINDS))
def test_two_moves_at_once_come_to_what_they_come_to_one_after_the_other(first, workers):
    explore(all_pairs(first) if ALL else everyday_pairs(first), workers)


def test_who_looks_and_who_brings_never_miss_each_other(workers):
    # Every third each time, so that there are some of both orders; in CI all of them.
    explore(islice(close_encounters(), None, None, 1 if os.environ.get("CI") else 3), workers)


@pytest.mark.parametrize(
    "first", MOVES if ALL else every(3, ["raise limit", "switch on", "weight from 0"])
)
def test_nobody_waits_beside_a_place_while_a_backlog_is_handed_out(first, workers, monkeypatch):
    monkeypatch.setattr(waiting, "AT_ONCE", 1)
    explore(backlog_pairs(first, MOVES if ALL else ["register", "close"]), workers)
