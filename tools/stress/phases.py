"""What is sent after the load: equal posts at the same moment, and races for a last place.

A process of its own, like the clients; its job comes as JSON on standard input.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tools.stress.answers import Answers
from tools.stress.calls import Caller
from tools.stress.children import read_job
from tools.stress.plan import BUSY_SOURCES
from tools.stress.stage import Stage, create

TOGETHER = 10
RACE_SOURCES = 2  # they share the one operator


class Crowd:
    """As many callers as act together, each in a thread with a connection of its own."""

    def __init__(self, port: int, deadline: float) -> None:
        self._callers = [Caller(port, deadline=deadline) for _ in range(TOGETHER)]
        self._pool = ThreadPoolExecutor(TOGETHER)

    def together(self, act: Callable[[int, Caller], None]) -> None:
        """Let all do the same thing at one moment; each gets its number and its connection."""
        barrier = threading.Barrier(TOGETHER)

        def run(number: int) -> None:
            barrier.wait()
            act(number, self._callers[number])

        list(self._pool.map(run, range(TOGETHER)))


def equal_posts(crowd: Crowd, stage: Stage, answers: Answers, name: str) -> None:
    """Post one contact ten times at once, under one Idempotency-Key."""
    body = {
        "source_id": stage.sources[BUSY_SOURCES],
        "external_id": f"stress-equal-{name}",
        "message": name,
    }

    def post(_number: int, caller: Caller) -> None:
        token = stage.tokens["post"]
        outcome = caller.call("POST", "/contacts/", body, token=token, key=name)
        got = outcome.body if outcome.status == 201 else None
        answers.keep("equal", name, outcome, sent=body, got=got)

    crowd.together(post)


def race(crowd: Crowd, manager: Caller, stage: Stage, answers: Answers, name: str) -> None:
    """Post ten contacts at once, to two sources that share one operator with one place."""
    make = partial(create, manager, stage.tokens["change"])
    operator = make("/operators/", name=f"Stress racer {name}", max_load=1)
    sources = []
    for number in range(RACE_SOURCES):
        sources.append(make("/sources/", name=f"Stress race {name}-{number}"))
        make("/operator-sources/", operator_id=operator, source_id=sources[-1])

    def post(number: int, caller: Caller) -> None:
        key = f"{name}-{number}"
        source_id = sources[number % RACE_SOURCES]
        body = {"source_id": source_id, "external_id": f"stress-{key}", "message": key}
        token = stage.tokens["post"]
        outcome = caller.call("POST", "/contacts/", body, token=token, key=key)
        got = outcome.body if outcome.status == 201 else None
        answers.keep("race", key, outcome, race=name, sent=body, got=got)

    crowd.together(post)


def main() -> None:
    """Run both phases of the job on standard input."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    job = read_job()
    deadline = time.monotonic() + job["seconds"]
    stage, seed = Stage(**job["stage"]), job["seed"]
    answers = Answers(Path(job["answers"]))
    crowd = Crowd(job["port"], deadline)
    manager = Caller(job["port"], deadline=deadline)
    for number in range(job["equal_posts"]):
        equal_posts(crowd, stage, answers, f"{seed}-equal-{number}")
    for number in range(job["races"]):
        race(crowd, manager, stage, answers, f"{seed}-race-{number}")


if __name__ == "__main__":
    main()
