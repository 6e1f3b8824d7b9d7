"""How well the contacts that operators got agree with their weights. Pure functions.

The test is Pearson's chi-square: the sum of (got - expected)^2 / expected over the operators, with
one degree of freedom less than there are operators. Its p-value is the regularised incomplete gamma
function Q(df / 2, statistic / 2): Abramowitz & Stegun, Handbook of Mathematical Functions, 26.4.19.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# The usual rule of thumb: with fewer expected contacts the p-value is only rough.
ENOUGH_EXPECTED = 5
RELATIVE_ERROR = 1e-14
MAX_TERMS = 100_000
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Share:
    """What one operator should have got, and did get. Shares are fractions of 1."""

    operator_id: int
    weight: int
    target: float
    got: int
    in_fact: float

    @property
    def difference(self) -> float:
        """In percentage points; above 0: got more than the weight stands for."""
        return 100 * (self.in_fact - self.target)


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """The outcome of the test. A p below 1e-4 or so means: these are not shares by weight."""

    statistic: float
    degrees: int
    p: float
    is_rough: bool


def shares(weights: Mapping[int, int], got: Mapping[int, int]) -> list[Share]:
    """Return one row for each operator who has a weight or got something, by operator id."""
    total_weight, total = sum(weights.values()), sum(got.values())
    return [
        Share(
            operator_id=operator_id,
            weight=(weight := weights.get(operator_id, 0)),
            target=weight / total_weight if total_weight else 0.0,
            got=(number := got.get(operator_id, 0)),
            in_fact=number / total if total else 0.0,
        )
        for operator_id in sorted(weights.keys() | got.keys())
    ]


def chi_square(weights: Mapping[int, int], got: Mapping[int, int]) -> ChiSquare | None:
    """Test the counts against the weights; None when there is nothing to compare.

    That is with fewer than two operators of a weight above 0, or without contacts. Contacts of an
    operator without weight make the statistic infinite: they cannot be chance.
    """
    weighted = {operator_id: weight for operator_id, weight in weights.items() if weight > 0}
    total, total_weight = sum(got.values()), sum(weighted.values())
    if len(weighted) < 2 or not total:
        return None
    degrees = len(weighted) - 1
    if any(number for operator_id, number in got.items() if operator_id not in weighted):
        return ChiSquare(math.inf, degrees, 0.0, is_rough=False)
    expected = {key: total * weight / total_weight for key, weight in weighted.items()}
    statistic = math.fsum((got.get(key, 0) - mean) ** 2 / mean for key, mean in expected.items())
    is_rough = min(expected.values()) < ENOUGH_EXPECTED
    return ChiSquare(statistic, degrees, upper_gamma(degrees / 2, statistic / 2), is_rough)


def upper_gamma(a: float, x: float) -> float:
    """Return Q(a, x), the regularised upper incomplete gamma function, for a > 0 and x >= 0.

    Where the series converges quickly it is summed and subtracted from 1, else the continued
    fraction is evaluated: Abramowitz & Stegun 6.5.29 and 6.5.31 (DLMF 8.11.4 and 8.9.2).
    """
    if a <= 0 or x < 0:
        raise ValueError("the incomplete gamma function needs a > 0 and x >= 0")
    if x == 0:
        return 1.0
    if math.isinf(x):
        return 0.0
    factor = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return max(0.0, 1 - factor * _lower_series(a, x))
    return factor * _upper_fraction(a, x)


def _lower_series(a: float, x: float) -> float:
    """Return the sum of x^n / (a (a + 1) ... (a + n)) over n = 0, 1, 2, ..."""
    term = total = 1 / a
    for n in range(1, MAX_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * RELATIVE_ERROR:
            return total
    raise ArithmeticError("the series does not converge")


def _upper_fraction(a: float, x: float) -> float:
    """Return the continued fraction 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)).

    Evaluated from the front by Lentz's method, as modified by Thompson and Barnett (1986).
    """
    b = x + 1 - a
    c = 1 / TINY
    d = 1 / b
    value = d
    for n in range(1, MAX_TERMS):
        numerator = -n * (n - a)
        b += 2
        d = 1 / _not_zero(numerator * d + b)
        c = _not_zero(b + numerator / c)
        value *= c * d
        if abs(c * d - 1) < RELATIVE_ERROR:
            return value
    raise ArithmeticError("the continued fraction does not converge")


def _not_zero(number: float) -> float:
    return number if abs(number) > TINY else TINY
