"""What must hold after any history."""

from itertools import pairwise

from django.db.models import Count, F, Q

from distribution.models import Operator
from leads.models import Assignment, Contact
from tools.stress.periods import impossible_times

End, Method, Status = Assignment.End, Assignment.Method, Contact.Status


def assert_promises_kept(*, over_limit=False):
    """Limits (unless somebody went over one by hand), loads, periods, nobody beside a free place.

    A limit that is lowered below the load keeps nobody from it either.
    """
    if not over_limit:
        over = Operator.objects.filter(current_load__gt=F("max_load"))
        assert not over.exists(), "an operator is over the limit"

    counted = Operator.objects.annotate(
        open=Count("contacts", filter=Q(contacts__status="assigned"))
    )
    wrong = counted.exclude(current_load=F("open"))
    assert not wrong.exists(), "a load is not the number of open contacts"

    beside = Contact.objects.waiting().filter(
        source__is_active=True,
        source__weights__weight__gt=0,
        source__weights__operator__is_active=True,
        source__weights__operator__current_load__lt=F("source__weights__operator__max_load"),
    )
    assert not beside.exists(), "a contact waits beside a free place"

    for contact in Contact.objects.prefetch_related("assignments"):
        assert_consistent(contact)


def assert_consistent(contact):
    """The periods of a contact follow each other and end in the state it is in."""
    periods = sorted(contact.assignments.all(), key=lambda period: period.pk)
    assert periods, f"{contact!r} has no period"
    open_periods = [period for period in periods if period.ended_at is None]
    last = periods[-1]
    if contact.status == Status.CLOSED:
        assert not open_periods, f"{contact!r} is closed, and a period of it is not"
        assert last.ended_as == End.CLOSED
        assert contact.operator_id == last.operator_id
    else:
        assert open_periods == [last], f"{contact!r} needs one open period, its last"
        assert contact.operator_id == last.operator_id
        assert (contact.status == Status.WAITING) == (last.operator_id is None)
    assert not [*impossible_times(periods)], f"{contact!r}: {[*impossible_times(periods)]}"
    for before, after in pairwise(periods):
        assert _follows(before, after), f"{contact!r}: {after.method} after {before.ended_as}"


def _follows(before, after):
    """Whether one period can come after another."""
    expected = {
        End.ASSIGNED: {Method.DRAIN, Method.MANUAL},
        End.REASSIGNED: {Method.REASSIGNMENT},
        End.REDISTRIBUTED: {Method.REDISTRIBUTION},
        End.REQUEUED: {Method.QUEUED},
        End.CLOSED: {Method.REOPENING, Method.WEIGHTED_RANDOM, Method.QUEUED},
    }
    if before.ended_as == End.ASSIGNED and before.operator_id is not None:
        return False
    if before.ended_as != End.CLOSED and after.started_at < before.started_at:
        return False
    return after.method in expected[before.ended_as]
