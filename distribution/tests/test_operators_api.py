"""/api/v1/operators/."""

import pytest

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Contact
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


def test_created_with_defaults(api):
    response = api.post("operators/", {"name": "Operator 1"})
    operator = Operator.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": operator.pk,
        "name": "Operator 1",
        "is_active": True,
        "max_load": 10,
        "current_load": 0,
    }


def test_created_with_everything_given(api):
    body = {"name": "Operator 1", "is_active": False, "max_load": 0}
    created = api.post("operators/", body).json()
    assert created | body == created
    assert api.get(f"operators/{created['id']}").json() == created


def test_two_operators_may_share_a_name(api):
    first, second = (api.post("operators/", {"name": "Same"}).json() for _ in range(2))
    assert first["id"] < second["id"]
    assert api.get("operators/").json() == [first, second]


def test_load_is_shown_and_cannot_be_set(api):
    operator = AssignedContactFactory().operator
    assert api.get(f"operators/{operator.pk}").json()["current_load"] == 1
    for method in (api.put, api.patch):
        response = method(f"operators/{operator.pk}", {"name": "x", "current_load": 0})
        assert refusal(response)[2] == {"current_load": "unknown_field"}
    operator.refresh_from_db()
    assert operator.current_load == 1


def test_put_replaces_and_defaults_what_is_left_out(api):
    operator = AssignedContactFactory(operator__max_load=3, operator__is_active=False).operator
    replaced = api.put(f"operators/{operator.pk}", {"name": "New"})
    assert replaced.status_code == 200
    assert replaced.json() == {
        "id": operator.pk, "name": "New", "is_active": True, "max_load": 10, "current_load": 1,
    }  # fmt: skip


def test_put_needs_the_name(api):
    operator = OperatorFactory(max_load=3)
    response = api.put(f"operators/{operator.pk}", {"max_load": 5})
    assert refusal(response) == (422, "invalid_request", {"name": "required"})
    operator.refresh_from_db()
    assert operator.max_load == 3


@pytest.mark.parametrize("change", [{"name": "New"}, {"is_active": False}, {"max_load": 0}, {}])
def test_patch_changes_what_is_given_and_nothing_else(api, change):
    operator = OperatorFactory(name="Old", max_load=3)
    before = api.get(f"operators/{operator.pk}").json()
    response = api.patch(f"operators/{operator.pk}", change)
    assert response.status_code == 200
    assert response.json() == before | change
    assert api.get(f"operators/{operator.pk}").json() == before | change


@pytest.mark.parametrize("field", ["name", "is_active", "max_load"])
def test_patch_to_null_is_refused(api, field):
    operator = OperatorFactory()
    response = api.patch(f"operators/{operator.pk}", {field: None})
    assert refusal(response) == (422, "invalid_request", {field: "wrong_type"})


@pytest.mark.parametrize(
    ("before", "change"),
    [({"is_active": False}, {"is_active": True}), ({"max_load": 0}, {"max_load": 2})],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_freed_places_go_to_waiting_contacts_at_once(api, before, change, method):
    weight = WeightFactory(operator=OperatorFactory(**before))
    contacts = WaitingContactFactory.create_batch(2, source=weight.source)
    body = {"name": weight.operator.name} | change if method == "PUT" else change
    response = api.request(method, f"operators/{weight.operator_id}", body)
    assert response.json()["current_load"] == 2
    taken = Contact.objects.assigned().filter(operator_id=weight.operator_id)
    assert [contact.pk for contact in taken] == [contact.pk for contact in contacts]


def test_limit_below_the_load_takes_nothing_away(api):
    contact = AssignedContactFactory()
    response = api.patch(f"operators/{contact.operator_id}", {"max_load": 0})
    assert response.json()["current_load"] == 1
    assert response.json()["max_load"] == 0
    contact.refresh_from_db()
    assert contact.status == "assigned"


def test_refused_change_changes_nothing(api):
    operator = OperatorFactory(name="Old", max_load=3)
    response = api.patch(f"operators/{operator.pk}", {"name": "New", "max_load": "9"})
    assert refusal(response) == (422, "invalid_request", {"max_load": "wrong_type"})
    operator.refresh_from_db()
    assert (operator.name, operator.max_load) == ("Old", 3)
