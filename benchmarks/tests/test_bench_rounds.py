"""Samples, their medians, and ratios within rounds."""

import pytest

from benchmarks import rounds
from benchmarks.rounds import Key, Sample

pytestmark = pytest.mark.any_database

BARE, NEW = Key("bare", 16), Key("new", 16)


def samples(*figures):
    """Return samples of (requests a second, CPU seconds of all)."""
    return [Sample(done=rate, seconds=1, cpu=cpu) for rate, cpu in figures]


def test_a_sample_tells_its_rate_and_the_cpu_of_one():
    one = Sample(done=500, seconds=4, cpu=2)
    assert one.rate == 125
    assert one.cpu_ms == 4


def test_what_the_server_did_for_nobody_counts_for_cpu_but_not_for_the_rate():
    one = Sample(done=500, seconds=4, cpu=2.064, cut=16)
    assert one.rate == 125
    assert one.cpu_ms == pytest.approx(4)


def test_spread_is_median_lowest_highest():
    assert rounds.spread([5, 1, 9, 4, 2]) == (4, 1, 9)


def test_ratios_are_taken_within_rounds():
    # In the second round the machine was half as fast: for both, so the ratio is what it was.
    taken = {BARE: samples((1000, 1), (500, 1)), NEW: samples((250, 1), (125, 1))}
    assert rounds.ratio(taken, NEW, BARE, rounds.rate) == (0.25, 0.25, 0.25)
    assert rounds.ratio(taken, BARE, NEW, rounds.cpu) == (0.25, 0.25, 0.25)


def test_rounds_that_do_not_match_are_refused():
    taken = {BARE: samples((1, 1)), NEW: samples((1, 1), (1, 1))}
    with pytest.raises(ValueError, match="argument 2 is longer"):
        rounds.ratio(taken, BARE, NEW, rounds.rate)


def test_rounds_are_interleaved_after_a_warm_up_that_does_not_count():
    asked = []

    def take_of(name):
        def take(seconds):
            asked.append((name, seconds))
            return Sample(done=len(asked), seconds=seconds, cpu=1)

        return take

    taken = rounds.interleaved(
        {BARE: take_of("bare"), NEW: take_of("new")}, rounds=2, seconds=4, say=lambda text: None
    )
    assert asked == [("bare", 1), ("new", 1), *[("bare", 4), ("new", 4)] * 2]
    assert [one.done for one in taken[BARE]] == [3, 5]
    assert [one.done for one in taken[NEW]] == [4, 6]
