"""What a load is: requests over and over on some connections, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_ANSWER_S = 30


class LoadError(Exception):
    """The load cannot be made, or its answers were not what they should be."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask: an address and a path, on how many connections, and what to send.

    `plan` is what the body is made from, see `load.lua`; without one there is none.
    """

    port: int
    path: str
    connections: int
    seconds: float
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    plan: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run; milliseconds within which 50, 95 and 99 of 100 were answered."""

    requests: int
    seconds: float
    refused: int  # answers that say no
    broken: int  # no answer at all
    p50: float
    p95: float
    p99: float
