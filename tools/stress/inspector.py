"""The process that looks into the database: now and then during a run, and thoroughly after it.

    python -m tools.stress.inspector sample    until told to end (SIGTERM)
    python -m tools.stress.inspector final
    python -m tools.stress.inspector examples  after examples were sent, and no answers kept

Its job comes as JSON on standard input; what it found goes to standard output, as JSON too.
"""

import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django
from django.db import InterfaceError, OperationalError, connection

from tools.stress.answers import Record, read_answers
from tools.stress.children import read_job


def sample(
    ceilings: Mapping[int, int], *, every: float, stopped: threading.Event
) -> dict[str, Any]:
    """Look every so many seconds at all that must hold at any moment; return what was found."""
    from leads.models import Contact
    from tools.stress.checks import Finding, at_any_moment

    sums: dict[str, Finding] = {}
    queues: list[int] = []
    missed = 0
    while not stopped.wait(every):
        try:
            seen = at_any_moment(ceilings)
            queues.append(Contact.objects.waiting().count())
        except (OperationalError, InterfaceError):
            missed += 1  # the database is down, as planned
            connection.close()
            continue
        for finding in seen:
            total = sums.setdefault(finding.check, Finding(f"during the run: {finding.check}"))
            total.count += 1
            for example in finding.examples:
                total.add(example)
    return {
        "findings": [asdict(finding) for finding in sums.values()],
        "missed": missed,
        "longest_queue": max(queues, default=0),
        "no_queue": queues.count(0),
    }


def final(
    ceilings: Mapping[int, int], records: Collection[Record], *, contacts: int
) -> dict[str, Any]:
    """Compare the database with itself and with the answers kept; return what was found.

    `contacts` is how many were to be posted by the clients.
    """
    from tools.stress import answers, changes, checks, evidence, periods

    posts = [record for record in records if record["kind"] in answers.POSTS]
    equal, race, moves, settings = (
        [record for record in records if record["kind"] in kinds]
        for kinds in (("equal",), ("race",), answers.MOVES, answers.CHANGES)
    )
    answered, tally = evidence.statuses(records)
    findings = [
        evidence.posts_answered(posts, contacts),
        *evidence.contacts_stored_once(posts),
        *evidence.leads_and_keys(posts),
        evidence.moves_stored_once(moves),
        changes.settings_kept(settings),
        changes.changes_on_record(settings),
        answered,
        evidence.equal_posts(equal),
        evidence.races(race),
        *checks.at_any_moment(ceilings),
        checks.no_half_states(),
        *periods.histories(),
        checks.nothing_to_assign(),
    ]
    return {
        "findings": [asdict(finding) for finding in findings],
        "tally": tally,
        "facts": _facts(),
    }


def after_examples() -> list[dict[str, Any]]:
    """Look at what must hold whatever was sent; return what was found."""
    from tools.stress import checks, periods

    findings = [
        *checks.at_any_moment({})[1:],  # without ceilings: limits went up and down unseen
        checks.no_half_states(),
        *periods.histories(),
        checks.nothing_to_assign(),
    ]
    for finding in findings:
        finding.check = f"after the examples: {finding.check}"
    return [asdict(finding) for finding in findings]


def _facts() -> dict[str, Mapping[str, int]]:
    from leads.models import Assignment, Contact

    return {
        "contacts": Counter(Contact.objects.values_list("status", flat=True)),
        "periods": Counter(Assignment.objects.values_list("method", flat=True)),
    }


def main() -> None:
    """Do the job on standard input."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    django.setup()
    job = read_job()
    ceilings = {int(pk): limit for pk, limit in job["ceilings"].items()}
    found: object
    if sys.argv[1] == "examples":
        found = after_examples()
    elif sys.argv[1] == "sample":
        found = sample(ceilings, every=job["every"], stopped=stopped)
    else:
        records = list(read_answers(map(Path, job["answers"])))
        found = final(ceilings, records, contacts=job["contacts"])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
