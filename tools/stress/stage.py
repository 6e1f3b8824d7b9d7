"""The operators, sources and weights of a run, made through the API like everything else."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from tools.stress.calls import Caller
from tools.stress.plan import BUSY_SOURCES, SOURCES, OperatorPlan
from tools.stress.servers import StartError

# A key for each part, so that the database tells whose doing something was.
KEYS = ("post", "move", "change")
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Stage:
    """Ids in the database of what the plan numbers, and the keys to call with."""

    operators: list[int]
    sources: list[int]
    weights: dict[str, int]  # "operator number:source number" -> id
    tokens: dict[str, str]


def set_up(port: int, plans: list[OperatorPlan], tokens: dict[str, str]) -> Stage:
    """Make the sources, operators and weights of a run. Raises StartError."""
    caller = Caller(port, deadline=time.monotonic() + SECONDS)
    manage = partial(create, caller, tokens["change"])
    sources = [manage("/sources/", name=_source_name(n)) for n in range(SOURCES)]
    operators, weights = [], {}
    for number, plan in enumerate(plans):
        name = f"Stress operator {number} ({plan.kind.replace('_', ' ')})"
        operators.append(manage("/operators/", name=name, max_load=plan.limit))
        for source, weight in plan.weights.items():
            pair = {"operator_id": operators[-1], "source_id": sources[source]}
            weights[f"{number}:{source}"] = manage("/operator-sources/", **pair, weight=weight)
    caller.close()
    return Stage(operators, sources, weights, tokens)


def create(caller: Caller, token: str, path: str, **body: Any) -> int:
    """Create an object and return its id. Raises StartError."""
    outcome = caller.call("POST", path, body, token=token)
    if outcome.status != 201:
        raise StartError(f"POST {path} answers {outcome.status}: {outcome.body}")
    return int(outcome.body["id"])


def _source_name(number: int) -> str:
    return f"Stress source {number} ({'busy' if number < BUSY_SOURCES else 'ample'})"
