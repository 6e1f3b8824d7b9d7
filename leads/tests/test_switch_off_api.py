"""POST /operators/{id}/switch-off/: an operator goes, their open contacts go or stay."""

import pytest

from distribution.models import AuditEvent
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Contact
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture
def weight():
    """An operator with three open contacts, and a colleague with one free place."""
    weight = WeightFactory(operator__max_load=5)
    AssignedContactFactory.create_batch(3, operator=weight.operator, source=weight.source)
    WeightFactory(source=weight.source, operator__max_load=1)
    return weight


def switch_off(api, operator_id, open_contacts):
    return api.post(f"operators/{operator_id}/switch-off/", {"open_contacts": open_contacts})


@pytest.mark.parametrize(
    ("choice", "moved", "kept", "waiting"),
    [("keep", 0, 3, 0), ("redistribute", 1, 2, 0), ("requeue", 3, 0, 2)],
)
def test_open_contacts_go_or_stay_as_chosen(api, weight, choice, moved, kept, waiting):
    response = switch_off(api, weight.operator_id, choice)
    assert response.status_code == 200
    operator = api.get(f"operators/{weight.operator_id}").json()
    assert response.json() == operator | {"moved": moved, "kept": kept}
    assert (operator["is_active"], operator["current_load"]) == (False, kept)
    assert Contact.objects.waiting().count() == waiting
    assert_promises_kept()


@pytest.mark.parametrize("choice", ["keep", "redistribute", "requeue"])
def test_repeated_moves_nothing_more(api, weight, choice):
    kept = switch_off(api, weight.operator_id, choice).json()["kept"]
    versions = list(Contact.objects.order_by("pk").values_list("version"))
    again = switch_off(api, weight.operator_id, choice).json()
    assert (again["moved"], again["kept"], again["is_active"]) == (0, kept, False)
    assert list(Contact.objects.order_by("pk").values_list("version")) == versions


def test_the_rest_may_go_later(api, weight):
    assert switch_off(api, weight.operator_id, "redistribute").json()["kept"] == 2
    assert switch_off(api, weight.operator_id, "requeue").json()["moved"] == 2
    assert_promises_kept()


def test_the_key_is_noted(api, weight):
    switch_off(api, weight.operator_id, "requeue")
    event = AuditEvent.objects.get(object_type="operator", action="changed")
    contact = Contact.objects.earliest("pk")
    [*_, requeued, assigned] = api.get(f"contacts/{contact.pk}?include=history").json()["history"]
    assert event.actor.startswith("api_key:")
    assert event.actor == requeued["by"] == assigned["by"]
    assert (requeued["event"], requeued["from_operator_id"]) == ("requeued", weight.operator_id)


@pytest.mark.parametrize(
    "body",
    [
        {"open_contacts": value}
        for value in ("", "KEEP", "delete", None, True, 1, 1.5, [], ["keep"], {"keep": 1})
    ],
)
def test_choices_that_are_none(api, weight, body):
    response = api.post(f"operators/{weight.operator_id}/switch-off/", body)
    assert refusal(response) == (422, "invalid_request", {"open_contacts": "unknown_value"})
    weight.operator.refresh_from_db()
    assert weight.operator.is_active


def test_the_choice_must_be_made(api, weight):
    path = f"operators/{weight.operator_id}/switch-off/"
    assert refusal(api.post(path, {})) == (422, "invalid_request", {"open_contacts": "required"})
    assert refusal(api.post(path))[:2] == (400, "not_json")
    assert refusal(api.post(path, {"open_contacts": "keep", "reason": "x"})) == (
        422, "invalid_request", {"reason": "unknown_field"},
    )  # fmt: skip
    weight.operator.refresh_from_db()
    assert weight.operator.is_active


def test_operators_that_are_not_there(api):
    for number, code in [(77_777, "operator_not_found"), (0, "not_found"), (2**63, "not_found")]:
        assert refusal(switch_off(api, number, "keep")) == (404, code, {})


def test_keys_that_may_not(weight):
    for api, expected in [
        (Api(), (401, "unauthorized")),
        (api_with_key(), (403, "key_may_not_manage")),
        (api_with_key(source=weight.source), (403, "key_bound_to_source")),
    ]:
        assert refusal(switch_off(api, weight.operator_id, "requeue"))[:2] == expected
        assert refusal(switch_off(api, 77_777, "requeue"))[:2] == expected
    weight.operator.refresh_from_db()
    assert (weight.operator.is_active, weight.operator.current_load) == (True, 3)


def test_other_methods_are_not_possible(api):
    operator = OperatorFactory()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response = api.request(method, f"operators/{operator.pk}/switch-off/", {})
        assert refusal(response) == (405, "method_not_allowed", {})
        assert response["Allow"] == "POST"
