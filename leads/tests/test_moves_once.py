"""Moves with an `Idempotency-Key`: sent again, they are done once."""

import pytest

from distribution.tests.concurrency import run_together
from distribution.tests.factories import WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory, ClosedContactFactory
from leads.tests.move_calls import in_short, move
from minicrm.tests.client import Api, api_with_key, refusal

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


def test_equal_request_gets_the_first_answer_again(api, weight, contact):
    """Without the key the second requeue would be another one."""
    header = {"headers": {"Idempotency-Key": "requeue-1"}}
    first = move(api, contact, "requeue", {"reason": "x"}, **header)
    assert in_short(first) == ("assigned", weight.operator_id, 3, True)
    again = move(api, contact, "requeue", {"reason": " x "}, **header)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert in_short(move(api, contact, "requeue", {"reason": "x"}))[2] == 5


def test_replay_comes_before_the_question_whether_it_is_stale(api, contact):
    header = {"headers": {"Idempotency-Key": "close-1"}}
    first = move(api, contact, "close", {"version": 1}, **header)
    move(api, contact, "reopen")
    again = move(api, contact, "close", {"version": 1}, **header)
    assert again.content == first.content
    assert refusal(move(api, contact, "close", {"version": 1}))[:2] == (
        409, "contact_changed",
    )  # fmt: skip


def test_another_body_is_refused(api, contact):
    header = {"headers": {"Idempotency-Key": "close-1"}}
    move(api, contact, "close", {"version": 1}, **header)
    for body in ({"version": 2}, {"version": 1, "reason": "x"}, {}):
        response = move(api, contact, "close", body, **header)
        assert refusal(response) == (422, "idempotency_key_reused", {})


def test_keys_are_apart_by_move_contact_and_api_key(api, weight, contact):
    other = ClosedContactFactory(source=weight.source)
    header = {"headers": {"Idempotency-Key": "same"}}
    answers = [
        move(api, contact, "close", **header),
        move(api, contact, "reopen", **header),
        move(api, other, "close", **header),
        move(api_with_key(can_manage=True), contact, "close", **header),
    ]
    assert not any("Idempotency-Replayed" in answer for answer in answers)
    assert [answer.json()["changed"] for answer in answers] == [True, True, False, True]


def test_refused_request_does_not_use_up_its_key(api, contact):
    header = {"headers": {"Idempotency-Key": "close-1"}}
    assert move(api, contact, "close", {"version": 9}, **header).status_code == 409
    assert not IdempotencyRecord.objects.exists()
    stored = move(api, contact, "close", {"version": 1}, **header)
    assert in_short(stored)[3] is True
    assert "Idempotency-Replayed" not in stored


@pytest.mark.django_db(transaction=True)
def test_equal_requests_at_once_are_one_move(api, weight, contact):
    def requeue():
        same = Api(api.token)  # each thread has a client of its own
        return move(same, contact, "requeue", headers={"Idempotency-Key": "requeue-1"})

    answers = run_together([requeue] * 6)
    assert {answer.content for answer in answers} == {answers[0].content}
    assert ["Idempotency-Replayed" in answer for answer in answers].count(False) == 1
    assert in_short(answers[0]) == ("assigned", weight.operator_id, 3, True)
    assert_promises_kept()


def test_no_personal_data_are_kept_for_the_replay(api, contact):
    Contact.objects.update(message="Private", payload={"card": "Private"})
    header = {"headers": {"Idempotency-Key": "close-1"}}
    first = move(api, contact, "close", **header)
    kept = IdempotencyRecord.objects.get().response
    assert kept.keys() == first.json().keys() - {"name", "message", "payload"}
    again = move(api, contact, "close", **header)
    assert again.json()["payload"] == {"card": "Private"}
    assert again.content == first.content


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9"])
def test_keys_that_are_refused(api, contact, key):
    response = move(api, contact, "close", headers={"Idempotency-Key": key})
    expected = (422, "bad_idempotency_key", {"Idempotency-Key": "bad_idempotency_key"})
    assert refusal(response) == expected
    contact.refresh_from_db()
    assert contact.status == "assigned"
