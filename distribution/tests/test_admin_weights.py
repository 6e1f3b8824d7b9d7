"""Weights in Django's admin: every change goes through the services."""

import pytest

from distribution.admin import WeightAdmin
from distribution.models import OperatorSourceWeight
from distribution.tests.admin_pages import (
    add_url,
    change_url,
    delete_url,
    errors_of,
    list_url,
    messages_of,
)
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


def test_adding_a_weight_assigns_what_waits(admin_client, admin_user):
    contact = WaitingContactFactory()
    operator = OperatorFactory()
    data = {"source": contact.source.pk, "operator": operator.pk, "weight": 3}

    admin_client.post(add_url("operatorsourceweight"), data)

    contact.refresh_from_db()
    assert contact.operator == operator
    assert Assignment.objects.get(method="drain").decision["by"] == f"user:{admin_user.pk}"


def test_raising_a_weight_assigns_what_waits(admin_client):
    weight = WeightFactory(weight=0)
    contact = WaitingContactFactory(source=weight.source)

    admin_client.post(change_url(weight), {"weight": 1})

    contact.refresh_from_db()
    assert contact.operator == weight.operator


def test_the_pair_of_a_weight_stays(admin_client):
    weight = WeightFactory(weight=1)
    data = {"source": SourceFactory().pk, "operator": OperatorFactory().pk, "weight": 2}

    admin_client.post(change_url(weight), data)

    row = OperatorSourceWeight.objects.get()
    pair = (weight.source, weight.operator)
    assert (row.source, row.operator, row.weight) == (*pair, 2)


def test_an_existing_pair_is_an_error_of_the_form(admin_client):
    weight = WeightFactory()
    data = {"source": weight.source.pk, "operator": weight.operator.pk, "weight": 2}

    response = admin_client.post(add_url("operatorsourceweight"), data)

    assert errors_of(response)
    assert OperatorSourceWeight.objects.get().weight == 1


def test_a_pair_that_came_in_meanwhile_is_an_error_of_the_form(admin_client, monkeypatch):
    weight = WeightFactory()
    # As if the other one had been stored after the form was checked.
    monkeypatch.setattr(OperatorSourceWeight, "validate_constraints", lambda self, **_: None)
    data = {"source": weight.source.pk, "operator": weight.operator.pk, "weight": 2}

    response = admin_client.post(add_url("operatorsourceweight"), data)

    text = "This operator has a weight for this source already."
    assert errors_of(response) == {"__all__": [text]}
    assert OperatorSourceWeight.objects.get().weight == 1


def test_refuses_a_weight_out_of_range(admin_client):
    weight = WeightFactory(weight=1)

    response = admin_client.post(change_url(weight), {"weight": 10_001})

    assert set(errors_of(response)) == {"weight"}


def test_deletes_weights_and_leaves_open_contacts_where_they_are(admin_client):
    one, *others = WeightFactory.create_batch(3)
    contact = AssignedContactFactory(source=one.source, operator=one.operator)

    admin_client.post(delete_url(one), {"post": "yes"})
    data = {"action": "delete_selected", "_selected_action": [row.pk for row in others]}
    admin_client.post(list_url("operatorsourceweight"), data | {"post": "yes"})

    assert not OperatorSourceWeight.objects.exists()
    contact.refresh_from_db()
    assert contact.operator == one.operator


def test_filters_weights_by_operator_and_source(admin_client):
    wanted, *_ = WeightFactory.create_batch(3)
    same_operator = WeightFactory(operator=wanted.operator)
    url = f"{list_url('operatorsourceweight')}?operator__id__exact={wanted.operator.pk}"

    by_operator = admin_client.get(url)
    by_both = admin_client.get(f"{url}&source__id__exact={wanted.source.pk}")
    nobody = admin_client.get(f"{list_url('operatorsourceweight')}?operator__id__exact=404")

    assert set(by_operator.context["cl"].result_list) == {wanted, same_operator}
    assert set(by_both.context["cl"].result_list) == {wanted}
    assert not nobody.context["cl"].result_list
    hidden = f'<input type="hidden" name="source__id__exact" value="{wanted.source.pk}">'
    assert hidden in by_both.content.decode()


def test_a_filter_that_is_no_number_is_dropped(admin_client):
    url = f"{list_url('operatorsourceweight')}?operator__id__exact=abc"

    response = admin_client.get(url)

    assert response.status_code == 302
    assert response.url.endswith("?e=1")


def test_tells_when_a_weight_was_deleted_meanwhile(admin_client, monkeypatch):
    weight = WeightFactory()
    others = OperatorSourceWeight.objects.filter(pk=weight.pk)
    # The log is written just before the deletion.
    monkeypatch.setattr(WeightAdmin, "log_deletions", lambda *args: others.delete())

    response = admin_client.post(delete_url(weight), {"post": "yes"}, follow=True)

    assert messages_of(response) == ["It was deleted meanwhile."]
