import pytest

from distribution.models import AuditEvent, Operator
from distribution.services import (
    add_weight,
    recount_load,
    replace_weights,
    update_operator,
    update_source,
    update_weight,
)
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import assign_waiting, check_loads
from leads.services import waiting as waiting_service
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory

pytestmark = pytest.mark.django_db


def assigned_ids():
    return list(Contact.objects.assigned().order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("facts", "free", "cause"),
    [
        (
            {"operator__is_active": False},
            lambda weight: update_operator(weight.operator_id, is_active=True, actor="test"),
            "operator",
        ),
        (
            {"operator__max_load": 0},
            lambda weight: update_operator(weight.operator_id, max_load=2, actor="test"),
            "operator",
        ),
        ({"weight": 0}, lambda weight: update_weight(weight.pk, weight=1, actor="test"), "weights"),
        (
            {"weight": 0},
            lambda weight: replace_weights(weight.source_id, {weight.operator_id: 3}, actor="test"),
            "weights",
        ),
        (
            {"source__is_active": False},
            lambda weight: update_source(weight.source_id, is_active=True, actor="test"),
            "source",
        ),
    ],
    ids=["operator on", "limit raised", "weight raised", "set replaced", "source on"],
)
def test_freed_places_go_to_the_oldest_waiting_contacts(facts, free, cause):
    weight = WeightFactory(**({"operator__max_load": 2} | facts))
    waiting = WaitingContactFactory.create_batch(3, source=weight.source)
    free(weight)
    assert assigned_ids() == [waiting[0].pk, waiting[1].pk]
    assert Operator.objects.get().current_load == 2
    assignment = Assignment.objects.filter(method="drain").first()
    assert (assignment.method, assignment.decision["by"]) == ("drain", "test")
    assert assignment.decision["candidates"][0]["load"] == 0
    assert assignment.decision["freed_by"]["change"] == cause
    assert list(check_loads(repair=False, actor="test")) == []


def test_a_new_weight_assigns_what_waits():
    source, operator = SourceFactory(), OperatorFactory()
    contact = WaitingContactFactory(source=source)
    add_weight(operator_id=operator.pk, source_id=source.pk, actor="test")
    assert assigned_ids() == [contact.pk]


def test_places_shared_by_several_sources_go_to_the_oldest_of_all():
    operator = OperatorFactory(max_load=0)
    first, second = (WeightFactory(operator=operator).source for _ in range(2))
    queue = [WaitingContactFactory(source=source) for source in (second, first, second, first)]
    update_operator(operator.pk, max_load=3, actor="test")
    assert assigned_ids() == [contact.pk for contact in queue[:3]]


def test_contacts_nobody_can_take_do_not_hold_up_the_others():
    stuck = WaitingContactFactory()
    weight = WeightFactory(operator__max_load=0)
    contact = WaitingContactFactory(source=weight.source)
    update_operator(weight.operator_id, max_load=5, actor="test")
    assert assigned_ids() == [contact.pk]
    assert Contact.objects.waiting().get() == stuck


def test_long_queues_are_emptied_in_batches(monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(waiting_service, "BATCH", 10)
    weight = WeightFactory(operator__max_load=0)
    WaitingContactFactory.create_batch(35, source=weight.source)
    with django_assert_max_num_queries(60):
        update_operator(weight.operator_id, max_load=33, actor="test")
    assert Contact.objects.assigned().count() == Operator.objects.get().current_load == 33
    oldest = Contact.objects.order_by("pk")[:33]
    assert assigned_ids() == [contact.pk for contact in oldest]


def test_the_sweep_finds_nothing_to_do_after_ordinary_changes():
    weight = WeightFactory(operator__max_load=0)
    WaitingContactFactory(source=weight.source)
    assert assign_waiting(actor="test") == 0
    update_operator(weight.operator_id, max_load=1, actor="test")
    assert assign_waiting(actor="test") == 0


def test_the_sweep_assigns_what_was_left_behind():
    contact = WaitingContactFactory()
    WeightFactory(source=contact.source)
    assert assign_waiting(actor="test") == 1
    assert assigned_ids() == [contact.pk]


def test_lowering_a_limit_takes_nothing_away():
    contact = AssignedContactFactory()
    operator = update_operator(contact.operator_id, max_load=0, actor="test")
    assert (operator.max_load, operator.current_load) == (0, 1)
    assert assigned_ids() == [contact.pk]


def test_reports_a_load_that_is_not_the_number_of_open_contacts():
    contact = AssignedContactFactory(operator__max_load=2)
    Operator.objects.update(current_load=2)
    WeightFactory(source=contact.source, operator=contact.operator)
    waiting = WaitingContactFactory(source=contact.source)
    wrong = [(contact.operator_id, 2, 1)]
    assert list(check_loads(repair=False, actor="test")) == wrong
    assert Operator.objects.get().current_load == 2
    assert list(check_loads(repair=True, actor="test")) == wrong
    repaired = AuditEvent.objects.get()
    assert (repaired.before, repaired.after) == ({"current_load": 2}, {"current_load": 1})
    assert list(check_loads(repair=False, actor="test")) == []
    # The place that the wrong load had hidden went to the contact that waited for it.
    assert assigned_ids() == [contact.pk, waiting.pk]
    assert Operator.objects.get().current_load == 2


def test_recounting_an_operator_that_has_gone_finds_nothing():
    assert recount_load(10**9, count=lambda _: 5, repair=True, actor="test") is None
