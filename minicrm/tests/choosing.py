"""Which cases of a long table are tried each time, and which wait for CI."""

from collections.abc import Iterable
from typing import Any

import pytest


def every(step: int, cases: Iterable[Any], *, several: bool = False) -> list[Any]:
    """All of the cases for `parametrize`: every so many run each time, the rest in CI only.

    Several: each case is a tuple of the values of several arguments.
    """
    return [
        pytest.param(
            *(case if several else (case,)), marks=[pytest.mark.thorough] if number % step else []
        )
        for number, case in enumerate(cases)
    ]


def everyday(chosen: Iterable[str], names: Iterable[str]) -> list[Any]:
    """All of the names for `parametrize`: those chosen run each time, the others in CI only."""
    everyday, all_names = set(chosen), list(names)
    assert everyday <= set(all_names), f"not there: {everyday - set(all_names)}"
    return [
        pytest.param(name, marks=[] if name in everyday else [pytest.mark.thorough])
        for name in all_names
    ]
