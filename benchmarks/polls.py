"""Polls of open pages over HTTP, as a supervisor's browser sends them, beside the bare view."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Mapping
from functools import partial

from benchmarks import rounds
from benchmarks.bars import Bar, at_most, shown, shown_cpu, table
from benchmarks.load import LoadError
from benchmarks.pages import BARE, HTMX, seen_of
from benchmarks.part import BUSY
from benchmarks.rounds import Key, Sample, Samples, Spread, Take
from benchmarks.stage import Case, Stage, module_output

UNCHANGED, CHANGED = "poll unchanged", "poll changed"
TO_BARE = 2.0
MINUTE_S = 60  # an open page shows ages, so that it changes at every full one
MARGIN_S = 5  # for what is done before and after a load
LONGEST_S = 30.0
SHORTEST_CHANGED_S = 3.0  # of a page that is made anew for each
TRIES = 3
NO_CONTENT = 204


def takes_of(stage: Stage, where: str) -> dict[Key, Take]:
    """Return what measures the bare view and the polls in a world, in which nobody does anything.

    All are asked alike: with the cookie of the supervisor, and behind all of the middleware.
    """
    told = json.loads(module_output("benchmarks.supervisor", stage.env))
    headers = {"Cookie": told["cookie"], **HTMX}
    takes: dict[Key, Take] = {
        Key(BARE, BUSY, where): partial(stage.take, _case("/bench/bare", headers))
    }
    for name, path in told["pages"].items():
        key = Key(f"{name}, {UNCHANGED}", BUSY, where)
        takes[key] = partial(take_unchanged, stage, path, headers)
    changed = _case(told["pages"]["overview"], headers, connections=1)
    takes[Key(f"overview, {CHANGED}", 1, where)] = lambda seconds: stage.take(
        changed, max(seconds, SHORTEST_CHANGED_S)
    )
    return takes


def take_unchanged(stage: Stage, path: str, headers: Mapping[str, str], seconds: float) -> Sample:
    """Poll a page as it was seen, within one minute. Raises LoadError if it does not stay so.

    What has changed does not change back: if the last poll finds the page as it was, all did.
    """
    seconds = min(seconds, LONGEST_S)
    for _ in range(TRIES):
        left = MINUTE_S - time.time() % MINUTE_S
        if left < seconds + MARGIN_S:
            time.sleep(left + 0.1)
        _, page = get(stage.gunicorn.port, path, {**headers, "HX-Request": "false"})
        case = _case(f"{path}?seen={seen_of(page)}", headers)
        sample = stage.take(case, seconds)
        status, _ = get(stage.gunicorn.port, case.path, headers)
        if status == NO_CONTENT:
            return sample
    raise LoadError(f"{path} does not stay as it was seen: its poll answers {status}")


def get(port: int, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(client):
        client.request("GET", path, headers=dict(headers))
        answer = client.getresponse()
        return answer.status, answer.read().decode()


def _case(path: str, headers: Mapping[str, str], connections: int = BUSY) -> Case:
    return Case(path, connections, stores=False, method="GET", headers=headers)


def told(samples: Samples) -> list[str]:
    """Return the table."""
    rows = [
        [
            key.where,
            key.name,
            shown(rounds.spread(one.rate for one in taken), 0),
            shown_cpu(taken),
            "" if key.name == BARE else shown(to_bare(samples, key), 2),
        ]
        for key, taken in samples.items()
    ]
    head = ["world", "asked over HTTP", "a second", "CPU ms each", "to the bare view, CPU"]
    return ["### Polls of a supervisor, 16 connections", "", *table(head, rows)]


def to_bare(samples: Samples, key: Key) -> Spread:
    """Return how many times the bare view's CPU time a poll takes, the database's included."""
    return rounds.ratio(samples, key, Key(BARE, BUSY, key.where), rounds.cpu)


def bars_of(samples: Samples) -> list[Bar]:
    """Return the bar of each page's poll, in the world where it comes off worst."""
    found = []
    for name in dict.fromkeys(key.name for key in samples if key.name.endswith(UNCHANGED)):
        ratios = {key.where: to_bare(samples, key) for key in samples if key.name == name}
        worst = max(ratios, key=lambda where: ratios[where][0])
        found.append(at_most(f"{name}, to bare view, CPU, worst: {worst}", ratios[worst], TO_BARE))
    return found
