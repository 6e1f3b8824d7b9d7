"""The chi-square test against published values, closed forms, and counts drawn by weight."""

import math
from random import Random

import pytest

from distribution.fairness import chi_square, shares, upper_gamma
from distribution.selection import Candidate, pick


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [
        # Critical values as printed in Abramowitz & Stegun, table 26.8.
        (3.84146, 1, 0.05),
        (6.63490, 1, 0.01),
        (10.8276, 1, 0.001),
        (5.99147, 2, 0.05),
        (11.0705, 5, 0.05),
        (18.3070, 10, 0.05),
        (2.55821, 10, 0.99),
        (29.5883, 10, 0.001),
        (43.7729, 30, 0.05),
        (124.342, 100, 0.05),
        (77.9295, 100, 0.95),
        (149.449, 100, 0.001),
    ],
)
def test_agrees_with_the_printed_table(statistic, degrees, p):
    assert upper_gamma(degrees / 2, statistic / 2) == pytest.approx(p, rel=1e-4, abs=0)


@pytest.mark.parametrize("x", [1e-6, 0.1, 0.9, 1.1, 2.0, 5.0, 25.0, 40.0, 300.0])
def test_agrees_with_closed_forms_on_both_sides_of_the_switch(x):
    assert upper_gamma(1, x) == pytest.approx(math.exp(-x), rel=1e-11, abs=0)
    assert upper_gamma(0.5, x) == pytest.approx(math.erfc(math.sqrt(x)), rel=1e-11, abs=0)
    poisson = math.fsum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(4))
    assert upper_gamma(4, x) == pytest.approx(poisson, rel=1e-11, abs=0)


def test_ends_of_the_range():
    assert upper_gamma(3, 0) == 1
    assert upper_gamma(3, math.inf) == 0
    assert 0 <= upper_gamma(5_000, 4_000) <= 1
    with pytest.raises(ValueError, match="a > 0"):
        upper_gamma(0, 1)


def test_statistic_of_a_textbook_case():
    # A die thrown 60 times: (25 + 4 + 0 + 1 + 9 + 1) / 10.
    got = {1: 5, 2: 8, 3: 10, 4: 11, 5: 13, 6: 13}
    result = chi_square(dict.fromkeys(got, 1), got)
    assert result.statistic == pytest.approx(4.8)
    assert result.degrees == 5
    assert result.p == pytest.approx(0.4408, abs=5e-5)


def test_draws_by_weight_pass_and_draws_by_other_weights_fail():
    weights = {1: 1, 2: 2, 3: 5, 4: 40}
    candidates = [Candidate(key, weight, 0, 1) for key, weight in weights.items()]
    rng, got = Random(20), dict.fromkeys(weights, 0)
    for _ in range(20_000):
        got[pick(candidates, rng).operator_id] += 1
    assert chi_square(weights, got).p > 1e-4
    assert chi_square(weights | {1: 2}, got).p < 1e-4


def test_operator_who_got_nothing_counts():
    assert chi_square({1: 1, 2: 1}, {1: 40}).p < 1e-9


def test_contacts_without_weight_cannot_be_chance():
    result = chi_square({1: 1, 2: 1, 3: 0}, {1: 10, 2: 10, 3: 1})
    assert (result.statistic, result.p) == (math.inf, 0)


@pytest.mark.parametrize(
    ("weights", "got"), [({}, {}), ({1: 5}, {1: 9}), ({1: 1, 2: 0}, {1: 9}), ({1: 1, 2: 1}, {})]
)
def test_nothing_to_compare(weights, got):
    assert chi_square(weights, got) is None


def test_few_contacts_make_a_rough_value():
    assert chi_square({1: 1, 2: 1}, {1: 4, 2: 4}).is_rough
    assert not chi_square({1: 1, 2: 1}, {1: 5, 2: 5}).is_rough


def test_shares_of_each_operator():
    rows = shares({2: 3, 1: 1, 3: 0}, {1: 2, 2: 8, 9: 10})
    assert [(row.operator_id, row.weight, row.target, row.got) for row in rows] == [
        (1, 1, 0.25, 2), (2, 3, 0.75, 8), (3, 0, 0.0, 0), (9, 0, 0.0, 10),
    ]  # fmt: skip
    assert [round(row.difference, 9) for row in rows] == [-15, -35, 0, 50]


def test_shares_of_nothing_are_zero():
    assert [(row.target, row.in_fact) for row in shares({1: 0}, {})] == [(0.0, 0.0)]
