"""The worlds made in bulk, and the look at their promises."""

from datetime import timedelta

import pytest

from benchmarks import past
from benchmarks.promises import broken
from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact, Lead
from leads.tests.factories import AssignedContactFactory

pytestmark = pytest.mark.django_db

CLOSED, WAITING = 7, 3


@pytest.fixture
def world(monkeypatch):
    """Three sources and two operators with a past, and a queue at the last source."""
    monkeypatch.setattr(past, "AT_ONCE", 4)
    sources = SourceFactory.create_batch(3)
    operators = OperatorFactory.create_batch(2, max_load=5)
    ids = [[one.pk for one in many] for many in (sources, operators)]
    past.close_contacts(CLOSED, *((pks[0], pks[-1]) for pks in ids))
    past.let_wait(CLOSED, WAITING, sources[-1].pk)
    return sources, operators


def test_a_past_is_spread_evenly_and_whole(world):
    sources, operators = world
    closed = Contact.objects.filter(status="closed")
    assert closed.count() == CLOSED
    assert {contact.source_id for contact in closed} == {source.pk for source in sources}
    assert {contact.operator_id for contact in closed} == {one.pk for one in operators}
    for contact in closed.select_related("lead"):
        assert contact.lead.external_id == f"bench-{contact.pk}"
        assert contact.supplied == {"external_id": contact.lead.external_id}
        (period,) = contact.assignments.all()
        assert (period.operator_id, period.ended_as) == (contact.operator_id, "closed")
        assert contact.created_at == period.started_at == period.ended_at
    moments = [contact.created_at for contact in closed.order_by("pk")]
    assert moments == sorted(moments)
    assert 20 < (moments[-1] - moments[0]).days <= 30


def test_a_queue_waits_where_it_should(world):
    sources, _ = world
    waiting = Contact.objects.waiting()
    assert [contact.pk for contact in waiting] == [8, 9, 10]
    assert {contact.source_id for contact in waiting} == {sources[-1].pk}
    assert Assignment.objects.filter(ended_at=None, method="queued").count() == WAITING
    assert Lead.objects.count() == CLOSED + WAITING


def test_a_new_world_keeps_all_promises(world):
    assert broken() == {}


LOADS, LIMITS = "load = assigned contacts", "never over the limit"
PLACES, PERIODS = "nobody waits beside a free place", "one open period per open contact"
APART, HALVES = "periods of a contact do not overlap", "nothing half stored"


def test_sees_a_load_that_is_wrong(world):
    operator = world[1][0].pk
    Operator.objects.filter(pk=operator).update(current_load=1)
    assert broken() == {LOADS: f"1 times: operator {operator}: load 1, contacts 0"}


def test_sees_who_is_over_the_limit():
    contact = AssignedContactFactory(pk=1_000)
    assert broken() == {}
    Operator.objects.filter(pk=contact.operator_id).update(max_load=0)
    assert list(broken()) == [LIMITS]


def test_sees_an_open_contact_without_its_period(world):
    Assignment.objects.filter(contact=8).delete()
    assert broken() == {PERIODS: "1 times: contact 8, waiting"}


def test_sees_a_load_that_is_not_the_open_periods():
    contact = AssignedContactFactory(pk=1_000)
    contact.assignments.update(operator=OperatorFactory())
    assert broken() == {PERIODS: "1 times: contact 1000, assigned"}
    contact.assignments.update(operator=contact.operator)
    Contact.objects.filter(pk=contact.pk).update(status="closed", closed_at=contact.created_at)
    Operator.objects.filter(pk=contact.operator_id).update(current_load=0)
    assert broken() == {PERIODS: "1 times: contact 1000, closed"}


def test_sees_contacts_that_wait_beside_a_free_place(world):
    sources, operators = world
    WeightFactory(source=sources[-1], operator=operators[0], weight=1)
    assert broken()[PLACES].startswith(f"{WAITING} times")
    Operator.objects.filter(pk=operators[0].pk).update(max_load=0)
    assert broken() == {}


def test_sees_a_lead_without_a_contact(world):
    Lead.objects.create(pk=1_000, external_id="alone")
    assert broken() == {HALVES: "1 times: lead 1000"}


def add_period(contact, begun, ended):
    """Store a further period of a contact, minutes after (or before) it came."""
    goes_on = ended is None
    Assignment.objects.create(
        contact=contact,
        operator=contact.operator,
        method="manual",
        decision={},
        started_at=moment_after(contact, begun),
        ended_at=None if goes_on else moment_after(contact, ended),
        ended_as="" if goes_on else "reassigned",
    )


@pytest.mark.parametrize("begun_last", [True, False])
def test_sees_periods_of_a_contact_that_overlap(begun_last):
    contact = AssignedContactFactory(pk=1_000)
    contact.assignments.all().delete()
    # One of them first, as nobody says that what began later was stored later.
    periods = [(0, 10), (9, None)]
    for begun, ended in periods if begun_last else reversed(periods):
        add_period(contact, begun, ended)
    numbers = contact.assignments.order_by("pk").values_list("pk", flat=True)
    assert broken() == {APART: f"1 times: contact 1000, period {numbers[0]}"}
    contact.assignments.filter(ended_at=None).update(started_at=moment_after(contact, 10))
    assert broken() == {}


def test_sees_two_ended_periods_that_overlap():
    contact = AssignedContactFactory(pk=1_000)
    contact.assignments.all().delete()
    for begun, ended in ((0, 5), (5, 6), (6, 6), (6, None)):
        add_period(contact, begun, ended)
    assert broken() == {}
    add_period(contact, 2, 3)
    assert list(broken()) == [APART]


def moment_after(contact, minutes):
    return contact.created_at + timedelta(minutes=minutes)
