"""The worlds made in bulk, and the look at their promises."""

import pytest

from benchmarks import past, promises
from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact, Lead
from leads.tests.factories import AssignedContactFactory

pytestmark = pytest.mark.django_db

CLOSED, WAITING = 7, 3


def broken():
    return {
        check.__name__: check()
        for check in (
            promises._wrong_loads,
            promises._over_limit,
            promises._periods_astray,
            promises._unseen,
        )
    }


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
    assert set(broken().values()) == {0}


def test_sees_a_load_that_is_wrong(world):
    Operator.objects.filter(pk=world[1][0].pk).update(current_load=1)
    assert broken()["_wrong_loads"] == 1


def test_sees_who_is_over_the_limit():
    contact = AssignedContactFactory(pk=1_000)
    assert set(broken().values()) == {0}
    Operator.objects.filter(pk=contact.operator_id).update(max_load=0)
    assert broken()["_over_limit"] == 1


def test_sees_an_open_contact_without_its_period(world):
    Assignment.objects.filter(contact=8).delete()
    assert broken()["_periods_astray"] == 1


def test_sees_a_period_with_somebody_else():
    contact = AssignedContactFactory(pk=1_000)
    contact.assignments.update(operator=OperatorFactory())
    assert broken()["_periods_astray"] == 2


def test_sees_contacts_that_wait_beside_a_free_place(world):
    sources, operators = world
    WeightFactory(source=sources[-1], operator=operators[0], weight=1)
    assert broken()["_unseen"] == WAITING
    Operator.objects.filter(pk=operators[0].pk).update(max_load=0)
    assert broken()["_unseen"] == 0
