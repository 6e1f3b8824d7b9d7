from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.selection import LISTED_CANDIDATES, Candidate, Reason, available, explain, pick

candidates = st.lists(
    st.builds(
        Candidate,
        operator_id=st.integers(1, 10**6),
        weight=st.integers(0, 10_000),
        load=st.integers(0, 30),
        limit=st.integers(0, 30),
        is_active=st.booleans(),
    ),
    max_size=20,
    unique_by=lambda candidate: candidate.operator_id,
)


class FixedDraw(Random):
    """A generator that draws the number it is told to, and remembers the bound it was given."""

    def __init__(self, number):
        super().__init__(0)
        self.number = number

    def randrange(self, bound):
        self.bound = bound
        return self.number


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate(1, weight=5, load=0, limit=1), None),
        (Candidate(1, weight=5, load=1, limit=1), Reason.AT_LIMIT),
        (Candidate(1, weight=5, load=7, limit=3), Reason.AT_LIMIT),
        (Candidate(1, weight=5, load=0, limit=0), Reason.AT_LIMIT),
        (Candidate(1, weight=0, load=0, limit=1), Reason.WEIGHT_ZERO),
        (Candidate(1, weight=5, load=0, limit=1, is_active=False), Reason.INACTIVE),
    ],
)
def test_names_the_reason_why_a_candidate_cannot_take_a_contact(candidate, reason):
    assert candidate.reason() is reason
    assert available([candidate]) == ([candidate] if reason is None else [])


def test_every_draw_below_the_sum_of_weights_belongs_to_one_candidate():
    """The chance is exactly weight / sum: of the sum's draws, each gets `weight` of them."""
    three = [Candidate(id_, weight=weight, load=0, limit=1) for id_, weight in enumerate((1, 3, 6))]
    draws = Counter(pick(three, FixedDraw(number)).operator_id for number in range(10))
    assert draws == {0: 1, 1: 3, 2: 6}
    rng = FixedDraw(0)
    pick(three, rng)
    assert rng.bound == 10


def test_picking_from_nobody_is_an_error():
    with pytest.raises(ValueError, match="nobody"):
        pick([], Random(1))


@given(candidates, st.integers())
def test_picks_only_available_candidates_and_explains_all(everybody, seed):
    free = available(everybody)
    if not free:
        return
    chosen = pick(free, Random(seed))
    assert chosen in free
    record = explain(everybody, method="weighted_random", actor="test", chosen=chosen)
    assert record["operator_id"] == chosen.operator_id
    assert record["available_count"] == len(free)
    assert record["total_weight"] == sum(candidate.weight for candidate in free)
    listed = {item["operator_id"] for item in record["candidates"] + record["left_out"]}
    assert listed == {candidate.operator_id for candidate in everybody}
    assert sum(record["left_out_count"].values()) == len(everybody) - len(free)


def test_explains_who_lost_the_last_place_meanwhile():
    first, second = (Candidate(id_, weight=1, load=0, limit=1) for id_ in (1, 2))
    record = explain(
        [first, second], method="m", actor="a", chosen=second, missed={1: Reason.TAKEN}
    )
    assert record["candidates"] == [{"operator_id": 2, "weight": 1, "load": 0, "limit": 1}]
    assert record["left_out"] == [
        {"operator_id": 1, "weight": 1, "load": 0, "limit": 1, "reason": "taken"}
    ]
    assert record["left_out_count"] == {"taken": 1}


def test_lists_a_bounded_number_of_candidates_with_the_chosen_one_among_them():
    many = [Candidate(id_, weight=1, load=0, limit=1) for id_ in range(1_000)]
    off = [Candidate(id_, weight=1, load=0, limit=0) for id_ in range(1_000, 2_000)]
    record = explain(many + off, method="m", actor="a", chosen=many[-1])
    assert len(record["candidates"]) == len(record["left_out"]) == LISTED_CANDIDATES
    assert record["candidates"][0]["operator_id"] == 999
    assert record["available_count"] == 1_000
    assert record["left_out_count"] == {"at_limit": 1_000}
