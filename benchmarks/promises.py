"""Whether all promises hold in the database after a run; its own process, as it needs Django.

Writes the counts as JSON; `violations` is how many promises are broken, which voids the run.
"""

from __future__ import annotations

import json
import sys

import django


def main() -> None:
    """Count, and compare."""
    django.setup()
    from leads.models import Contact, Lead

    counts = {
        "contacts": Contact.objects.count(),
        "leads": Lead.objects.count(),
        "waiting": Contact.objects.waiting().count(),
        "violations": _wrong_loads() + _over_limit() + _periods_astray() + _unseen(),
    }
    json.dump(counts, sys.stdout)


def _wrong_loads() -> int:
    """Operators whose load is not the number of contacts they hold."""
    from django.db.models import Count

    from distribution.models import Operator
    from leads.models import Contact

    held = dict(
        Contact.objects.assigned()
        .order_by()
        .values_list("operator")
        .annotate(Count("pk"))
        .values_list("operator", "pk__count")
    )
    loads = Operator.objects.values_list("pk", "current_load")
    return sum(load != held.get(pk, 0) for pk, load in loads)


def _over_limit() -> int:
    """Operators with more than they may have."""
    from django.db.models import F

    from distribution.models import Operator

    return Operator.objects.filter(current_load__gt=F("max_load")).count()


def _periods_astray() -> int:
    """Open contacts without an open period with the same operator, and the other way round."""
    from django.db.models import F, Q

    from leads.models import Assignment, Contact

    open_contacts = Contact.objects.exclude(status=Contact.Status.CLOSED)
    open_periods = Assignment.objects.filter(ended_at=None)
    same = Q(operator=F("contact__operator")) | Q(operator=None, contact__operator=None)
    agreeing = open_periods.filter(same).exclude(contact__status=Contact.Status.CLOSED).count()
    return open_contacts.count() - agreeing + open_periods.count() - agreeing


def _unseen() -> int:
    """Contacts that wait beside somebody who could take them."""
    from django.db.models import F

    from distribution.models import OperatorSourceWeight
    from leads.models import Contact

    free = OperatorSourceWeight.objects.filter(
        weight__gt=0,
        source__is_active=True,
        operator__is_active=True,
        operator__current_load__lt=F("operator__max_load"),
    )
    return Contact.objects.waiting().filter(source__in=free.values("source")).count()


if __name__ == "__main__":
    main()
