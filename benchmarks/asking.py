"""Making a load, with wrk, or with a program of our own where that is missing."""

from __future__ import annotations

from benchmarks import own_load, wrk
from benchmarks.load import Load, LoadError, Order

GENERATORS = {"wrk": wrk.run, "own": own_load.run}


def chosen_generator(name: str | None) -> str:
    """Return the generator named, else wrk, or ours where that is missing. Raises LoadError."""
    if name == "wrk" and not wrk.available():
        raise LoadError("wrk is missing. On Debian and Ubuntu: apt-get install wrk")
    return name or ("wrk" if wrk.available() else "own")


def ask(order: Order, *, generator: str) -> Load:
    """Make the load. Raises LoadError if it cannot be made, or one request was not answered well.

    A refusal is quicker than what it refuses: a run with one says nothing.
    """
    done = GENERATORS[generator](order)
    if done.refused or done.broken or not done.requests:
        raise LoadError(
            f"{order.path}: of {done.requests} requests {done.refused} were refused,"
            f" and {done.broken} not answered"
        )
    return done
