"""A supervisor's pages and polls: time beside the bare view's, and queries; its own process.

Each is asked in this process through the whole stack, in as many interleaved rounds as the argument
says; medians go to standard output as JSON.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Callable

import django

BARE = "bare view"
HTMX = {"HX-Request": "true"}
JSON = "application/json"
SEEN = re.compile(r'name="seen" value="([^"]+)"')


def main() -> None:
    """Measure."""
    django.setup()
    asks = _asks()
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(int(sys.argv[1]) + 1):
        for name, ask in asks.items():
            begun = time.perf_counter()
            ask()
            if number:  # the first round warms up
                taken[name].append((time.perf_counter() - begun) * 1e3)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    found = {
        name: {
            "ms": medians[name],
            "of_bare": medians[name] / medians[BARE],
            "queries": queries_of(ask),
        }
        for name, ask in asks.items()
    }
    json.dump(found, sys.stdout)


def _asks() -> dict[str, Callable[[], None]]:
    """Return what to ask, each under its name; an answer that is not as expected ends it all."""
    from django.urls import reverse

    from benchmarks.supervisor import signed_in
    from leads.models import Contact, Lead

    client = signed_in()
    overview, operators = reverse("leads:overview"), reverse("leads:operators")
    contacts = reverse("leads:contacts")
    newest = Contact.objects.order_by("-pk").values_list("pk", flat=True)[0]
    lead = Lead.objects.order_by("-pk").values_list("pk", flat=True)[0]
    leads = reverse("leads:leads")

    def get(path: str, **headers: str) -> Callable[[], None]:
        def ask() -> None:
            _check(path, client.get(path, headers=headers).status_code, 200)

        return ask

    def search(path: str, text: str) -> Callable[[], None]:
        # What was typed is taken out of the address: the first answer leads on to another.
        def ask() -> None:
            answer = client.get(path, {"q": text}, follow=True)
            _check(f"the search for {text}", answer.status_code, 200)
            if not answer.request["PATH_INFO"].startswith(path):
                raise SystemExit(f"the search for {text} leads to {answer.request['PATH_INFO']}")

        return ask

    def poll(path: str) -> Callable[[], None]:
        state = [""]

        def ask() -> None:
            status = client.get(path, {"seen": state[0]}, headers=HTMX).status_code
            if status == 200:  # the first time, and when the minute is over
                state[0] = seen_of(client.get(path).text)
                status = client.get(path, {"seen": state[0]}, headers=HTMX).status_code
            _check(f"the poll of {path}", status, 204)

        return ask

    def bare() -> None:
        _check(BARE, client.post("/bench/bare", b"{}", content_type=JSON).status_code, 201)

    return {
        BARE: bare,
        "overview": get(overview),
        "overview, poll unchanged": poll(overview),
        "overview, poll changed": get(overview, **HTMX),
        "operators": get(operators),
        "operators, poll unchanged": poll(operators),
        "contacts": get(contacts),
        "contacts, filtered": get(f"{contacts}?status=closed&received_from=2020-01-01"),
        "contacts, deep": get(f"{contacts}?before={newest // 2}"),
        "contacts, waiting": get(f"{contacts}?status=waiting"),
        "contacts, by number": search(contacts, f"#{newest}"),
        "contacts, by a lead's key": search(contacts, "bench-7"),
        "contact": get(reverse("leads:contact", args=[newest])),
        "leads": get(leads),
        "leads, by a key": search(leads, "bench-7"),
        "leads, nobody": search(leads, "Nobody"),
        "lead": get(reverse("leads:lead", args=[lead])),
    }


def seen_of(page: str) -> str:
    """Return what a page says it has seen, which it sends back with its polls."""
    found = SEEN.search(page)
    if found is None:
        raise SystemExit("the page does not say what it has seen")
    return found[1]


def _check(what: str, status: int, expected: int) -> None:
    if status != expected:
        raise SystemExit(f"{what} answers {status}, not {expected}")


def queries_of(ask: Callable[[], None]) -> int:
    """Return how many queries one answer takes.

    The fewer of two: a poll that meets a full minute has to see the page as a whole again.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            ask()
        counts.append(len(captured))
    return min(counts)


if __name__ == "__main__":
    main()
