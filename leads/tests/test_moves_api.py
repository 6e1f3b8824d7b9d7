"""The moves of contacts over the API: what each does, refuses, and leaves when repeated."""

import pytest

from distribution.models import ApiKey, Operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from leads.tests.move_calls import in_short, move
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = pytest.mark.django_db

MOVES = ["close", "reopen", "requeue", "reassign"]


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture
def weight():
    return WeightFactory(operator__max_load=1)


@pytest.fixture
def contact(weight):
    """A contact that takes its operator's only place."""
    return AssignedContactFactory(operator=weight.operator, source=weight.source, name="A. Lead")


class TestWhatTheyDo:
    def test_answer_is_the_contact_as_it_is_now(self, api, contact):
        answer = move(api, contact, "close").json()
        assert (answer.pop("changed"), answer.pop("assigned")) == (True, 0)
        assert answer == api.get(f"contacts/{contact.pk}").json()
        assert (answer["status"], answer["name"]) == ("closed", "A. Lead")
        assert answer["closed_at"] > answer["assigned_at"]

    def test_close_hands_the_place_on(self, api, weight, contact):
        waiting = WaitingContactFactory(source=weight.source)
        response = move(api, contact, "close")
        assert in_short(response) == ("closed", weight.operator_id, 2, True)
        assert response.json()["assigned"] == 1
        after = api.get(f"contacts/{waiting.pk}").json()
        assert (after["status"], after["operator"]) == ("assigned", weight.operator.name)
        assert_promises_kept()

    def test_reopen_returns_to_the_last_operator(self, api, weight):
        closed = ClosedContactFactory(source=weight.source, operator=weight.operator)
        answer = move(api, closed, "reopen")
        assert in_short(answer) == ("assigned", weight.operator_id, 2, True)
        assert answer.json()["closed_at"] is None
        assert_promises_kept()

    def test_requeue_waits_while_the_operator_is_off(self, api, weight, contact):
        Operator.objects.update(is_active=False)
        assert in_short(move(api, contact, "requeue")) == ("waiting", None, 2, True)
        assert_promises_kept()

    def test_reassign_goes_to_the_operator_named(self, api, contact):
        other = OperatorFactory()
        response = move(api, contact, "reassign", {"operator_id": other.pk})
        assert in_short(response) == ("assigned", other.pk, 2, True)
        assert response.json()["operator"] == other.name
        assert_promises_kept()

    def test_over_the_limit_with_a_reason(self, api, weight, contact):
        waiting = WaitingContactFactory(source=weight.source)
        body = {"operator_id": weight.operator_id, "over_limit": True, "reason": "a  regular\u00a0"}
        response = move(api, waiting, "reassign", body)
        assert in_short(response) == ("assigned", weight.operator_id, 2, True)
        [*_, event] = api.get(f"contacts/{waiting.pk}?include=history").json()["history"]
        assert (event["method"], event["reason"]) == ("manual", "a  regular")
        assert event["decision"]["over_limit"] is True
        assert_promises_kept(over_limit=True)

    def test_the_key_and_the_reason_are_noted(self, api, contact):
        move(api, contact, "close", {"reason": "Answered by phone"})
        [*_, event] = api.get(f"contacts/{contact.pk}?include=history").json()["history"]
        key = ApiKey.objects.get()
        assert (event["event"], event["by"], event["reason"]) == (
            "closed", f"api_key:{key.pk}", "Answered by phone",
        )  # fmt: skip

    @pytest.mark.parametrize("name", ["close", "reopen", "requeue"])
    @pytest.mark.parametrize(
        "request_body",
        [{"body": {}}, {"body": None}, {"raw": b"", "content_type": ""}],
        ids=["object", "empty", "nothing said of it"],
    )
    def test_body_may_be_left_out(self, api, weight, name, request_body):
        factory = ClosedContactFactory if name == "reopen" else AssignedContactFactory
        contact = factory(source=weight.source, operator=OperatorFactory(is_active=False))
        assert move(api, contact, name, **request_body).json()["changed"] is True

    def test_reassign_needs_its_body(self, api, contact):
        assert refusal(move(api, contact, "reassign"))[:2] == (400, "not_json")
        expected = (422, "invalid_request", {"operator_id": "required"})
        assert refusal(move(api, contact, "reassign", {})) == expected


class TestRepeated:
    def test_changes_nothing(self, api, weight, contact):
        other = OperatorFactory()
        reassign = {"operator_id": other.pk}
        assert in_short(move(api, contact, "reassign", reassign))[3] is True
        for _ in range(2):
            again = move(api, contact, "reassign", {**reassign, "version": 1})
            assert in_short(again) == ("assigned", other.pk, 2, False)
        Operator.objects.update(is_active=False)
        for name, expected in [
            ("requeue", ("waiting", None, 3)),
            ("close", ("closed", None, 4)),
            ("reopen", ("waiting", None, 5)),
        ]:
            assert in_short(move(api, contact, name)) == (*expected, True)
            assert in_short(move(api, contact, name)) == (*expected, False)
            assert in_short(move(api, contact, name, {"version": 1})) == (*expected, False)
        assert_promises_kept()


class TestStale:
    @pytest.mark.parametrize("name", MOVES)
    def test_is_refused_with_the_contact_as_it_is(self, api, weight, name):
        factory = ClosedContactFactory if name == "reopen" else AssignedContactFactory
        contact = factory(source=weight.source, operator=weight.operator, version=5)
        body = {"version": 4} | ({"operator_id": OperatorFactory().pk} if name == MOVES[3] else {})
        response = move(api, contact, name, body)
        assert refusal(response) == (409, "contact_changed", {})
        assert response.json()["contact"] == {
            "id": contact.pk,
            "status": contact.status,
            "operator_id": weight.operator_id,
            "version": 5,
        }
        assert weight.operator.name in response.json()["detail"]
        assert api.get(f"contacts/{contact.pk}").json()["version"] == 5
        assert move(api, contact, name, {**body, "version": 5}).json()["changed"] is True

    def test_version_is_of_the_contact_as_it_was_read(self, api, weight, contact):
        read = api.get(f"contacts/{contact.pk}").json()
        move(api, contact, "reassign", {"operator_id": OperatorFactory().pk})
        body = {"operator_id": weight.operator_id, "version": read["version"]}
        assert refusal(move(api, contact, "reassign", body))[:2] == (409, "contact_changed")


class TestRefused:
    @pytest.mark.parametrize("name", ["requeue", "reassign"])
    def test_closed_contact(self, api, weight, name):
        closed = ClosedContactFactory(source=weight.source, version=3)
        body = {"operator_id": weight.operator_id} if name == "reassign" else {}
        response = move(api, closed, name, body)
        assert refusal(response) == (409, "contact_closed", {})
        assert response.json()["contact"] == {
            "id": closed.pk, "status": "closed", "operator_id": None, "version": 3,
        }  # fmt: skip

    def test_operator_who_cannot_take_it(self, api, weight, contact):
        waiting, off = WaitingContactFactory(), OperatorFactory(is_active=False)
        for operator, code in [
            (off, "operator_inactive"),
            (weight.operator, "operator_at_limit"),
        ]:
            response = move(api, waiting, "reassign", {"operator_id": operator.pk})
            assert refusal(response) == (409, code, {"operator_id": code})
            assert "contact" not in response.json()
        body = {"operator_id": weight.operator_id, "over_limit": True, "reason": " "}
        response = move(api, waiting, "reassign", body)
        assert refusal(response) == (422, "reason_required", {"reason": "reason_required"})
        waiting.refresh_from_db()
        assert (waiting.status, waiting.version) == ("waiting", 1)

    def test_operator_who_is_not_there(self, api, contact):
        response = move(api, contact, "reassign", {"operator_id": 77_777})
        expected = (404, "operator_not_found", {"operator_id": "operator_not_found"})
        assert refusal(response) == expected

    @pytest.mark.parametrize("name", MOVES)
    def test_contact_that_is_not_there(self, api, weight, name):
        body = {"operator_id": weight.operator_id} if name == "reassign" else {}
        for number in (77_777, 2**63 - 1):
            response = api.post(f"contacts/{number}/{name}/", body)
            assert refusal(response) == (404, "contact_not_found", {})
        for number in (0, 2**63):
            response = api.post(f"contacts/{number}/{name}/", body)
            assert refusal(response) == (404, "not_found", {})

    @pytest.mark.parametrize("name", MOVES)
    def test_keys_that_may_not(self, weight, contact, name):
        body = {"operator_id": OperatorFactory().pk} if name == "reassign" else {}
        for api, expected in [
            (Api(), (401, "unauthorized")),
            (Api("wrong"), (401, "unauthorized")),
            (api_with_key(), (403, "key_may_not_manage")),
            (api_with_key(source=contact.source), (403, "key_bound_to_source")),
        ]:
            assert refusal(move(api, contact, name, body))[:2] == expected
            missing = api.post(f"contacts/77777/{name}/", body)
            assert refusal(missing)[:2] == expected
        contact.refresh_from_db()
        assert (contact.status, contact.operator, contact.version) == (
            "assigned", weight.operator, 1,
        )  # fmt: skip
