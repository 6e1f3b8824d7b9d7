"""Shares add up to 100 %, and none is further from the truth than rounding must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution import shares
from distribution.models import MAX_WEIGHT
from distribution.selection import Candidate
from distribution.tests.share_cases import EVENED, SHARES

pytestmark = pytest.mark.any_database

weights = st.integers(0, 3) | st.integers(0, MAX_WEIGHT)
sets = st.lists(weights, max_size=60)


@pytest.mark.parametrize(("parts", "expected"), SHARES)
def test_divides_what_is_to_be_divided(parts, expected):
    assert shares.rounded(parts) == expected


@given(sets)
def test_adds_up_to_the_whole(parts):
    assert sum(shares.rounded(parts)) == (shares.WHOLE if any(parts) else 0)


@given(sets)
def test_is_never_a_whole_step_off(parts):
    for part, share in zip(parts, shares.rounded(parts), strict=True):
        exact = part * shares.WHOLE
        assert abs(share * sum(parts) - exact) < max(sum(parts), 1)


@given(sets)
def test_a_larger_part_never_has_the_smaller_share(parts):
    pairs = sorted(zip(parts, shares.rounded(parts), strict=True))
    assert [share for _, share in pairs] == sorted(share for _, share in pairs)


@given(sets, st.integers(1, 9))
def test_multiplying_all_weights_changes_nothing(parts, factor):
    assert shares.rounded([part * factor for part in parts]) == shares.rounded(parts)


def candidate(pk, weight, *, load=0, limit=1, is_active=True):
    return Candidate(pk, weight, load, limit, is_active)


TEAM = [
    candidate(1, 30),
    candidate(2, 10),
    candidate(3, 60, load=1),
    candidate(4, 0),
    candidate(5, 100, is_active=False),
]


def test_share_configured_counts_everybody():
    assert shares.configured(TEAM) == {1: 150, 2: 50, 3: 300, 4: 0, 5: 500}


def test_share_now_counts_who_can_take_a_contact():
    assert shares.now(TEAM) == {1: 750, 2: 250, 3: 0, 4: 0, 5: 0}


def test_source_that_is_off_gives_to_nobody():
    assert shares.now(TEAM, source_is_active=False) == dict.fromkeys(range(1, 6), 0)


def test_share_in_fact_leaves_a_rest_for_the_others():
    assert shares.in_fact({1: 2, 9: 1}, [1, 2]) == ({1: 667, 2: 0}, 333)
    assert shares.in_fact({}, [1, 2]) == ({1: 0, 2: 0}, 0)


@pytest.mark.parametrize(("before", "after"), EVENED)
def test_evens_out_those_who_have_a_weight(before, after):
    assert list(shares.evened(dict(enumerate(before))).values()) == after


@given(sets.filter(any))
def test_evening_out_hardly_changes_the_sum(parts):
    after = shares.evened(dict(enumerate(parts))).values()
    assert abs(sum(after) - sum(parts)) <= len(parts) / 2
    assert max(after) <= MAX_WEIGHT
