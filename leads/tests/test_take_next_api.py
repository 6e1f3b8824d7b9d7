"""POST /operators/{id}/take-next/: an operator gets, by hand, what has waited longest."""

import pytest

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import ClosedContactFactory, WaitingContactFactory
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture
def weight():
    """Of an operator whom nothing goes to by itself."""
    return WeightFactory(weight=0)


@pytest.fixture
def waiting(weight):
    return WaitingContactFactory.create_batch(2, source=weight.source, message="Please call")


def take(api, operator, body=None, **kwargs):
    return api.post(f"operators/{operator.pk}/take-next/", body, **kwargs)


def taken(response):
    assert response.status_code == 200, response.content
    return response.json()["contact"]


def test_takes_the_oldest(api, weight, waiting):
    first, second = (taken(take(api, weight.operator)) for _ in waiting)
    assert [first["id"], second["id"]] == [contact.pk for contact in waiting]
    assert (first.pop("changed"), first.pop("assigned")) == (True, 0)
    assert first == api.get(f"contacts/{first['id']}").json()
    assert (first["status"], first["operator"]) == ("assigned", weight.operator.name)
    assert first["message"] == "Please call"
    assert_promises_kept()


def test_nothing_waits(api, weight):
    WaitingContactFactory()  # of a source that is none of the operator's
    assert take(api, weight.operator).json() == {"contact": None}
    assert_promises_kept()


def test_of_the_source_named(api, weight, waiting):
    other = WaitingContactFactory()
    assert taken(take(api, weight.operator, {"source_id": other.source_id}))["id"] == other.pk
    assert take(api, weight.operator, {"source_id": other.source_id}).json() == {"contact": None}
    assert Contact.objects.waiting().count() == 2


def test_expected_one_or_none(api, weight, waiting):
    first, second = waiting
    response = take(api, weight.operator, {"expected_id": second.pk})
    assert refusal(response) == (409, "contact_not_next", {})
    assert response.json()["contact"] == {
        "id": second.pk, "status": "waiting", "operator_id": None, "version": 1,
    }  # fmt: skip
    assert taken(take(api, weight.operator, {"expected_id": first.pk}))["changed"] is True
    assert taken(take(api, weight.operator, {"expected_id": first.pk}))["changed"] is False
    closed = ClosedContactFactory(source=weight.source)
    response = take(api, weight.operator, {"expected_id": closed.pk})
    assert refusal(response) == (409, "contact_changed", {})
    assert response.json()["contact"]["status"] == "closed"
    assert Contact.objects.waiting().get() == second
    assert_promises_kept()


def test_over_the_limit_with_a_reason(api, weight, waiting):
    Operator.objects.update(max_load=0)
    code = "operator_at_limit"
    assert refusal(take(api, weight.operator)) == (409, code, {"operator_id": code})
    body = {"over_limit": True}
    code = "reason_required"
    assert refusal(take(api, weight.operator, body)) == (422, code, {"reason": code})
    contact = taken(take(api, weight.operator, {**body, "reason": "Cannot  wait "}))
    [*_, event] = api.get(f"contacts/{contact['id']}?include=history").json()["history"]
    assert (event["method"], event["reason"]) == ("manual", "Cannot  wait")
    assert event["decision"]["over_limit"] is True
    assert_promises_kept(over_limit=True)


def test_operator_who_is_off(api, weight, waiting):
    Operator.objects.update(is_active=False)
    code = "operator_inactive"
    assert refusal(take(api, weight.operator)) == (409, code, {"operator_id": code})
    assert Contact.objects.waiting().count() == 2


def test_what_is_not_there(api, weight, waiting):
    response = api.post("operators/77777/take-next/")
    code = "operator_not_found"
    assert refusal(response)[:2] == (404, code)
    code = "source_not_found"
    response = take(api, weight.operator, {"source_id": 77_777})
    assert refusal(response) == (404, code, {"source_id": code})
    response = take(api, weight.operator, {"expected_id": 77_777})
    assert refusal(response)[:2] == (404, "contact_not_found")
    assert Contact.objects.waiting().count() == 2


def test_equal_requests_take_one(api, weight, waiting):
    header = {"headers": {"Idempotency-Key": "take-1"}}
    first = take(api, weight.operator, {}, **header)
    again = take(api, weight.operator, {}, **header)
    assert again.content == first.content
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert Contact.objects.waiting().count() == 1
    kept = IdempotencyRecord.objects.get().response["contact"]
    assert kept.keys() == first.json()["contact"].keys() - {"name", "message", "payload"}
    other = {"over_limit": True, "reason": "x"}
    assert refusal(take(api, weight.operator, other, **header))[:2] == (
        422, "idempotency_key_reused",
    )  # fmt: skip


def test_that_nothing_waited_is_answered_again_too(api, weight):
    header = {"headers": {"Idempotency-Key": "take-1"}}
    first = take(api, weight.operator, {}, **header)
    WaitingContactFactory(source=weight.source)
    again = take(api, weight.operator, {}, **header)
    assert again.content == first.content == b'{"contact": null}'
    assert Contact.objects.waiting().count() == 1


@pytest.mark.parametrize(
    ("field", "literal", "code"),
    [
        *(
            (field, literal, "wrong_type")
            for field in ("source_id", "expected_id")
            for literal in ('"1"', "true", "1.0", "null")
        ),
        *(("source_id", literal, "out_of_range") for literal in ("0", "-1", str(2**63))),
        ("over_limit", "1", "wrong_type"),
        ("reason", '"a\\nb"', "forbidden_character"),
        ("operator_id", "1", "unknown_field"),
    ],
)
def test_strict_types(api, weight, waiting, field, literal, code):
    response = take(api, weight.operator, raw=f'{{"{field}": {literal}}}'.encode())
    assert refusal(response) == (422, "invalid_request", {field: code})
    assert Contact.objects.waiting().count() == 2


def test_keys_that_may_not(weight, waiting):
    for api, expected in [
        (Api(), (401, "unauthorized")),
        (api_with_key(), (403, "key_may_not_manage")),
        (api_with_key(source=weight.source), (403, "key_bound_to_source")),
    ]:
        assert refusal(take(api, weight.operator))[:2] == expected
        assert refusal(take(api, OperatorFactory.build(pk=77_777)))[:2] == expected
    assert Contact.objects.waiting().count() == 2
