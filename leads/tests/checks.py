"""What must hold after any history."""

from django.db.models import Count, F, Q

from distribution.models import Operator
from leads.models import Assignment, Contact


def assert_promises_kept():
    """Limits, loads, tenures, and nobody waiting beside a free place."""
    over = Operator.objects.filter(current_load__gt=F("max_load"))
    assert not over.exists(), "an operator is over the limit"

    counted = Operator.objects.annotate(
        open=Count("contacts", filter=Q(contacts__status="assigned"))
    )
    wrong = counted.exclude(current_load=F("open"))
    assert not wrong.exists(), "a load is not the number of open contacts"

    assigned = Contact.objects.assigned()
    tenures = Assignment.objects.filter(ended_at=None)
    held = set(tenures.values_list("contact_id", "operator_id"))
    assert held == set(assigned.values_list("pk", "operator_id")), "tenures and contacts disagree"

    beside = Contact.objects.waiting().filter(
        source__is_active=True,
        source__weights__weight__gt=0,
        source__weights__operator__is_active=True,
        source__weights__operator__current_load__lt=F("source__weights__operator__max_load"),
    )
    assert not beside.exists(), "a contact waits beside a free place"
