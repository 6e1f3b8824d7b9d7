"""Whether all promises hold in the database after a run; its own process, as it needs Django.

Writes counts as JSON, and as `broken` the promises that do not hold, each with some examples. They
are those of the load test, which here is at its end as well: loads are the contacts held, and these
the open periods; nobody is over a limit; nobody waits beside a free place; nothing is half stored.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from tools.stress.checks import Finding


def main() -> None:
    """Count, and compare."""
    django.setup()
    from leads.models import Contact, Lead

    counts = {
        "contacts": Contact.objects.count(),
        "leads": Lead.objects.count(),
        "waiting": Contact.objects.waiting().count(),
    }
    json.dump(counts | {"broken": broken()}, sys.stdout)


def broken() -> dict[str, str]:
    """Return the promises that do not hold: how often each is broken, and where for example."""
    from distribution.models import Operator
    from tools.stress import checks

    limits = dict(Operator.objects.values_list("pk", "max_load"))
    findings = [*checks.at_any_moment(limits), checks.no_half_states(), periods_apart()]
    return {
        one.check: f"{one.violations} times: {'; '.join(one.examples)}"
        for one in findings
        if one.violations
    }


def periods_apart() -> Finding:
    """No two periods of a contact overlap; one that goes on has no end.

    The load test compares each period with the next, row by row: too slow for millions.
    """
    from django.db.models import Exists, OuterRef, Q

    from leads.models import Assignment
    from tools.stress.checks import SHOWN, Finding

    later = Assignment.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=OuterRef("started_at")),
        contact=OuterRef("contact"),
        pk__gt=OuterRef("pk"),
    )
    before_the_end = Exists(later.filter(started_at__lt=OuterRef("ended_at")))
    wrong = Assignment.objects.filter(before_the_end | Q(ended_at=None) & Exists(later))
    finding = Finding("periods of a contact do not overlap", Assignment.objects.count())
    finding.violations = wrong.count()
    rows = wrong.order_by("pk").values_list("contact_id", "pk")[:SHOWN]
    finding.examples = [f"contact {contact}, period {pk}" for contact, pk in rows]
    return finding


if __name__ == "__main__":
    main()
