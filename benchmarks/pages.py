"""Pages and polls: server time beside the bare view's, and queries; its own process.

Each is asked in this process through the whole stack, in interleaved rounds; medians go to
standard output as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import django

ROUNDS = 15
BARE = "bare view"
HTMX = {"HX-Request": "true"}
JSON = "application/json"


def main() -> None:
    """Measure."""
    django.setup()
    asks = _asks()
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(ROUNDS + 1):
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
            "queries": _queries(ask),
        }
        for name, ask in asks.items()
    }
    json.dump(found, sys.stdout)


def _asks() -> dict[str, Callable[[], None]]:
    """Return what to ask, each under its name; an answer that is not as expected ends it all."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from leads.models import Contact, Lead
    from leads.overview.signature import signature

    user, _ = User.objects.get_or_create(username="bench", is_superuser=True, is_staff=True)
    client = Client(headers={"Host": "localhost"})
    client.force_login(user)
    overview, contacts = reverse("leads:overview"), reverse("leads:contacts")
    newest = Contact.objects.order_by("-pk").values_list("pk", flat=True)[0]
    lead = Lead.objects.order_by("-pk").values_list("pk", flat=True)[0]
    seen = [signature()]

    def get(path: str, **headers: str) -> Callable[[], None]:
        def ask() -> None:
            _check(path, client.get(path, headers=headers).status_code, 200)

        return ask

    def poll() -> None:
        status = client.get(overview, {"seen": seen[0]}, headers=HTMX).status_code
        if status == 200:  # the minute is over
            seen[0] = signature()
            status = client.get(overview, {"seen": seen[0]}, headers=HTMX).status_code
        _check("the poll", status, 204)

    def bare() -> None:
        _check(BARE, client.post("/api/bench/bare", b"{}", content_type=JSON).status_code, 201)

    return {
        BARE: bare,
        "overview": get(overview),
        "poll, unchanged": poll,
        "poll, changed": get(overview, **HTMX),
        "operators": get(reverse("leads:operators")),
        "contacts": get(contacts),
        "contacts, filtered": get(f"{contacts}?status=closed&received_from=2020-01-01"),
        "contacts, deep": get(f"{contacts}?before={newest // 2}"),
        "contacts, by number": get(f"{contacts}?q=%23{newest}"),
        "leads": get(reverse("leads:leads")),
        "lead": get(reverse("leads:lead", args=[lead])),
    }


def _check(what: str, status: int, expected: int) -> None:
    if status != expected:
        raise SystemExit(f"{what} answers {status}, not {expected}")


def _queries(ask: Callable[[], None]) -> int:
    """Return how many queries one answer takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured)


if __name__ == "__main__":
    main()
