"""GET /contacts/{id}?include=history: what happened to a contact, and who may know."""

import pytest
from django.db import connection

from distribution.models import ApiKey
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.services import close_contact
from leads.tests.factories import AssignedContactFactory, ClosedContactFactory
from leads.tests.move_calls import move
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture
def weight():
    return WeightFactory(operator__max_load=1)


@pytest.fixture
def contact(weight):
    """A contact that takes its operator's only place."""
    return AssignedContactFactory(operator=weight.operator, source=weight.source)


def test_is_there_when_it_is_asked_for(api, weight):
    receipt = api.post("contacts/", {"source_id": weight.source_id, "external_id": "a"}).json()
    path = f"contacts/{receipt['id']}"
    assert "history" not in api.get(path).json()
    by = f"api_key:{ApiKey.objects.get().pk}"
    contact = api.get(f"{path}?include=history").json()
    received, assigned = contact.pop("history")
    assert contact == api.get(path).json()
    nobody = {
        "operator_id": None, "operator": None, "from_operator_id": None, "from_operator": None,
    }  # fmt: skip
    assert received == {
        "event": "received", "at": receipt["created_at"], "by": by, **nobody,
        "method": None, "reason": "", "decision": None,
    }  # fmt: skip
    decision = assigned.pop("decision")
    assert assigned == {
        "event": "assigned", "at": receipt["assigned_at"], "by": by, **nobody,
        "operator_id": weight.operator_id, "operator": weight.operator.name,
        "method": "weighted_random", "reason": "",
    }  # fmt: skip
    assert decision["candidates"] == [
        {"operator_id": weight.operator_id, "weight": 1, "load": 0, "limit": 1}
    ]


def test_tells_of_moves(api, weight, contact):
    other = OperatorFactory()
    move(api, contact, "reassign", {"operator_id": other.pk, "reason": "Knows them"})
    move(api, contact, "close")
    history = api.get(f"contacts/{contact.pk}?include=history").json()["history"]
    assert [event["event"] for event in history] == [
        "received", "assigned", "reassigned", "closed",
    ]  # fmt: skip
    moved, closed = history[2:]
    assert (moved["operator_id"], moved["from_operator_id"]) == (other.pk, weight.operator_id)
    assert (moved["operator"], moved["from_operator"]) == (other.name, weight.operator.name)
    assert (closed["operator"], closed["from_operator"]) == (None, other.name)


def test_key_of_one_source_sees_no_internals(api, weight, contact):
    move(api, contact, "requeue", {"reason": "On holiday"})
    move(api, contact, "close", {"reason": "Was rude"})
    path = f"contacts/{contact.pk}?include=history"
    of_all = api_with_key().get(path).json()["history"]
    bound = api_with_key(source=contact.source).get(path)
    for name in ("decision", "reason", "by"):
        assert any(event[name] for event in of_all)
    hidden = {"decision": None, "reason": "", "by": ""}
    assert [event | hidden for event in of_all] == bound.json()["history"]
    for text in (b"holiday", b"rude", b"api_key", b"limit"):
        assert text not in bound.content


def test_contact_and_history_agree_when_it_is_closed_meanwhile(api, contact):
    meanwhile = iter([lambda: close_contact(contact.pk, actor="test")])

    def close_before_periods_are_read(execute, sql, params, many, context):
        if "leads_assignment" in sql:
            next(meanwhile, bool)()
        return execute(sql, params, many, context)

    Contact.objects.update(message="Please call", payload={"campaign": "spring"})
    with connection.execute_wrapper(close_before_periods_are_read):
        answer = api.get(f"contacts/{contact.pk}?include=history").json()
    assert next(meanwhile, None) is None
    assert answer["history"][-1]["event"] == "closed"
    assert (answer["status"], answer["version"]) == ("closed", 2)
    assert answer["closed_at"] == answer["history"][-1]["at"]
    assert (answer["message"], answer["payload"]) == ("Please call", {"campaign": "spring"})


def test_of_a_contact_without_periods(api):
    """Closed before periods were kept."""
    closed = ClosedContactFactory(message="Please call")
    closed.assignments.all().delete()
    answer = api.get(f"contacts/{closed.pk}?include=history").json()
    assert [event["event"] for event in answer["history"]] == ["received", "closed"]
    assert (answer["status"], answer["message"]) == ("closed", "Please call")


def test_of_another_keys_contact(contact):
    bound = api_with_key(source=SourceFactory())
    response = bound.get(f"contacts/{contact.pk}?include=history")
    assert refusal(response) == (404, "contact_not_found", {})


@pytest.mark.parametrize("number", [1, 9])
def test_takes_the_same_queries_however_long_it_is(api, contact, number, django_assert_num_queries):
    for operator in OperatorFactory.create_batch(number):
        move(api, contact, "reassign", {"operator_id": operator.pk})
    with django_assert_num_queries(3):  # the key, the contact, its periods
        api.get(f"contacts/{contact.pk}?include=history")


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("include=", {"include": "unknown_value"}),
        ("include=History", {"include": "unknown_value"}),
        ("include=history,lead", {"include": "unknown_value"}),
        ("include=history&include=history", {"include": "repeated"}),
        ("includes=history", {"includes": "unknown_field"}),
        ("limit=1", {"limit": "unknown_field"}),
    ],
)
def test_queries_that_are_refused(api, contact, query, errors):
    response = api.get(f"contacts/{contact.pk}?{query}")
    assert refusal(response) == (422, "invalid_request", errors)
