"""Whether all promises hold in the database after a run; its own process, as it needs Django.

Writes the counts as JSON; `violations` is how many promises are broken, which voids the run.
"""

import json
import sys

import django


def main() -> None:
    """Count, and compare."""
    django.setup()
    from django.db.models import Count, F, Q

    from distribution.models import Operator
    from leads.models import Assignment, Contact, Lead

    held = Count("contacts", filter=Q(contacts__status=Contact.Status.ASSIGNED))
    operators = Operator.objects.annotate(held=held)
    wrong_loads = operators.exclude(current_load=F("held")).count()
    over_limit = Operator.objects.filter(current_load__gt=F("max_load")).count()
    open_contacts = Contact.objects.exclude(status=Contact.Status.CLOSED).count()
    open_periods = Assignment.objects.filter(ended_at=None).count()
    unseen = Contact.objects.waiting().filter(
        source__is_active=True,
        source__weights__weight__gt=0,
        source__weights__operator__is_active=True,
        source__weights__operator__current_load__lt=F("source__weights__operator__max_load"),
    )
    json.dump(
        {
            "contacts": Contact.objects.count(),
            "leads": Lead.objects.count(),
            "waiting": Contact.objects.waiting().count(),
            "violations": wrong_loads
            + over_limit
            + abs(open_contacts - open_periods)
            + unseen.distinct().count(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
