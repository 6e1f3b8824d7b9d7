"""Deleting what has no history, and what is recorded of it."""

import pytest
from django.db.models import ProtectedError

from distribution.models import ApiKey, AuditEvent, Operator, OperatorSourceWeight, Source
from distribution.services import delete_operator, delete_operators, delete_source
from distribution.tests.factories import WeightFactory, make_key
from leads.tests.factories import AssignedContactFactory
from minicrm.errors import NotFound

pytestmark = pytest.mark.django_db


def events():
    rows = AuditEvent.objects.order_by("pk")
    return list(rows.values_list("action", "object_type", "object_id", "before", "after"))


def test_an_operator_goes_with_the_weights():
    weight = WeightFactory(weight=7)
    operator = weight.operator
    delete_operator(operator.pk, actor="user:1")
    assert not Operator.objects.exists()
    assert events() == [
        ("changed", "weights", weight.source_id, {str(operator.pk): 7}, {}),
        (
            "deleted",
            "operator",
            operator.pk,
            {"name": operator.name, "is_active": True, "max_load": operator.max_load},
            None,
        ),
    ]


def test_several_operators_go_together_or_not_at_all():
    weights = WeightFactory.create_batch(3)
    ids = [weight.operator_id for weight in reversed(weights)]
    with pytest.raises(NotFound):
        delete_operators([*ids, 2**40], actor="user:1")
    assert Operator.objects.count() == 3
    assert events() == []
    delete_operators(ids, actor="user:1")
    assert not Operator.objects.exists()
    deleted = [object_id for action, _, object_id, *_ in events() if action == "deleted"]
    assert deleted == sorted(ids)


def test_a_source_goes_with_weights_and_keys():
    weight = WeightFactory(weight=3)
    make_key(source=weight.source)
    delete_source(weight.source_id, actor="user:1")
    assert not Source.objects.exists()
    assert not OperatorSourceWeight.objects.exists()
    assert not ApiKey.objects.exists()
    kinds = [event[:2] for event in events()]
    assert kinds[-3:] == [("changed", "weights"), ("deleted", "api_key"), ("deleted", "source")]


@pytest.mark.parametrize("delete", [delete_operator, delete_source])
def test_what_has_a_history_stays_and_nothing_is_recorded(delete):
    contact = AssignedContactFactory()
    pk = contact.operator_id if delete is delete_operator else contact.source_id
    with pytest.raises(ProtectedError):
        delete(pk, actor="user:1")
    assert events() == []
    assert (Operator.objects.count(), Source.objects.count()) == (1, 1)


@pytest.mark.parametrize("delete", [delete_operator, delete_source])
def test_what_is_not_there_is_not_found(delete):
    with pytest.raises(NotFound):
        delete(10**9, actor="user:1")
