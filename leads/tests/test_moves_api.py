"""The moves of contacts over the API: what each does, refuses, and leaves when repeated."""

import pytest

from distribution.models import ApiKey, Operator
from distribution.tests.concurrency import run_together
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
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


def move(api, contact, name, body=None, **kwargs):
    return api.post(f"contacts/{contact.pk}/{name}/", body, **kwargs)


def in_short(response):
    assert response.status_code == 200, response.content
    answer = response.json()
    return answer["status"], answer["operator_id"], answer["version"], answer["changed"]


class TestWhatTheyDo:
    def test_answer_is_the_contact_as_it_is_now(self, api, contact):
        answer = move(api, contact, "close").json()
        assert answer.pop("changed") is True
        assert answer == api.get(f"contacts/{contact.pk}").json()
        assert (answer["status"], answer["name"]) == ("closed", "A. Lead")
        assert answer["closed_at"] > answer["assigned_at"]

    def test_close_hands_the_place_on(self, api, weight, contact):
        waiting = WaitingContactFactory(source=weight.source)
        assert in_short(move(api, contact, "close")) == ("closed", weight.operator_id, 2, True)
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


class TestStrictTypes:
    @pytest.mark.parametrize("name", MOVES)
    @pytest.mark.parametrize(
        ("field", "literal", "code"),
        [
            *(
                ("version", literal, "wrong_type")
                for literal in ('"1"', "true", "1.0", "null", "[]")
            ),
            *(("version", literal, "out_of_range") for literal in ("0", "-1", str(2**31))),
            *(("reason", literal, "wrong_type") for literal in ("1", "true", "null", "[]", "{}")),
            ("reason", '"a\\nb"', "forbidden_character"),
            ("reason", '"a\\u202eb"', "forbidden_character"),
            ("reason", '"a\\u0000"', "forbidden_character"),
            ("reason", '"' + 501 * "x" + '"', "too_long"),
            ("by", '"user:1"', "unknown_field"),
            ("Version", "1", "unknown_field"),
        ],
    )
    def test_of_every_move(self, api, contact, name, field, literal, code):
        operator_id = '"operator_id": 1, ' if name == "reassign" else ""
        raw = f'{{{operator_id}"{field}": {literal}}}'.encode()
        expected = (422, "invalid_request", {field: code})
        assert refusal(move(api, contact, name, raw=raw)) == expected
        contact.refresh_from_db()
        assert contact.version == 1

    @pytest.mark.parametrize(
        ("field", "literal", "code"),
        [
            *(
                ("operator_id", literal, "wrong_type")
                for literal in ('"1"', "true", "1.0", "null", "[1]")
            ),
            *(("operator_id", literal, "out_of_range") for literal in ("0", "-1", str(2**63))),
            *(
                ("over_limit", literal, "wrong_type")
                for literal in ('"true"', "1", "0", "null", "[]")
            ),
        ],
    )
    def test_of_reassign(self, api, contact, field, literal, code):
        other = '"over_limit": false' if field == "operator_id" else '"operator_id": 1'
        raw = f'{{{other}, "{field}": {literal}}}'.encode()
        expected = (422, "invalid_request", {field: code})
        assert refusal(move(api, contact, "reassign", raw=raw)) == expected

    @pytest.mark.parametrize("raw", [b"[]", b"null", b'"close"', b"1"])
    def test_body_is_an_object(self, api, contact, raw):
        for name in MOVES:
            assert refusal(move(api, contact, name, raw=raw)) == (
                422, "invalid_request", {"body": "wrong_type"},
            )  # fmt: skip

    def test_body_that_is_there_is_json(self, api, contact):
        for raw, kwargs, expected in [
            (b"{", {}, (400, "not_json")),
            (b" ", {}, (400, "not_json")),
            (b'{"version": 1, "version": 1}', {}, (400, "not_json")),
            (b"{}", {"content_type": "text/plain"}, (415, "unsupported_media_type")),
        ]:
            assert refusal(move(api, contact, "close", raw=raw, **kwargs))[:2] == expected


class TestIdempotencyKey:
    def test_equal_request_gets_the_first_answer_again(self, api, weight, contact):
        """Without the key the second requeue would be another one."""
        header = {"headers": {"Idempotency-Key": "requeue-1"}}
        first = move(api, contact, "requeue", {"reason": "x"}, **header)
        assert in_short(first) == ("assigned", weight.operator_id, 3, True)
        again = move(api, contact, "requeue", {"reason": " x "}, **header)
        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        assert in_short(move(api, contact, "requeue", {"reason": "x"}))[2] == 5

    def test_replay_comes_before_the_question_whether_it_is_stale(self, api, contact):
        header = {"headers": {"Idempotency-Key": "close-1"}}
        first = move(api, contact, "close", {"version": 1}, **header)
        move(api, contact, "reopen")
        again = move(api, contact, "close", {"version": 1}, **header)
        assert again.content == first.content
        assert refusal(move(api, contact, "close", {"version": 1}))[:2] == (
            409, "contact_changed",
        )  # fmt: skip

    def test_another_body_is_refused(self, api, contact):
        header = {"headers": {"Idempotency-Key": "close-1"}}
        move(api, contact, "close", {"version": 1}, **header)
        for body in ({"version": 2}, {"version": 1, "reason": "x"}, {}):
            response = move(api, contact, "close", body, **header)
            assert refusal(response) == (422, "idempotency_key_reused", {})

    def test_keys_are_apart_by_move_contact_and_api_key(self, api, weight, contact):
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

    def test_refused_request_does_not_use_up_its_key(self, api, contact):
        header = {"headers": {"Idempotency-Key": "close-1"}}
        assert move(api, contact, "close", {"version": 9}, **header).status_code == 409
        assert not IdempotencyRecord.objects.exists()
        stored = move(api, contact, "close", {"version": 1}, **header)
        assert in_short(stored)[3] is True
        assert "Idempotency-Replayed" not in stored

    @pytest.mark.django_db(transaction=True)
    def test_equal_requests_at_once_are_one_move(self, api, weight, contact):
        def requeue():
            same = Api(api.token)  # each thread has a client of its own
            return move(same, contact, "requeue", headers={"Idempotency-Key": "requeue-1"})

        answers = run_together([requeue] * 6)
        assert {answer.content for answer in answers} == {answers[0].content}
        assert ["Idempotency-Replayed" in answer for answer in answers].count(False) == 1
        assert in_short(answers[0]) == ("assigned", weight.operator_id, 3, True)
        assert_promises_kept()

    def test_no_personal_data_are_kept_for_the_replay(self, api, contact):
        Contact.objects.update(message="Private", payload={"card": "Private"})
        header = {"headers": {"Idempotency-Key": "close-1"}}
        first = move(api, contact, "close", **header)
        kept = IdempotencyRecord.objects.get().response
        assert kept.keys() == first.json().keys() - {"name", "message", "payload"}
        again = move(api, contact, "close", **header)
        assert again.json()["payload"] == {"card": "Private"}
        assert again.content == first.content

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9"])
    def test_keys_that_are_refused(self, api, contact, key):
        response = move(api, contact, "close", headers={"Idempotency-Key": key})
        expected = (422, "bad_idempotency_key", {"Idempotency-Key": "bad_idempotency_key"})
        assert refusal(response) == expected
        contact.refresh_from_db()
        assert contact.status == "assigned"


class TestHistory:
    def test_is_there_when_it_is_asked_for(self, api, weight):
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

    def test_tells_of_moves(self, api, weight, contact):
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

    def test_key_of_one_source_sees_no_decisions(self, api, weight, contact):
        move(api, contact, "requeue", {"reason": "On holiday"})
        path = f"contacts/{contact.pk}?include=history"
        of_all = api_with_key().get(path).json()["history"]
        of_one = api_with_key(source=contact.source).get(path).json()["history"]
        assert any(event["decision"] for event in of_all)
        assert not any(event["decision"] for event in of_one)
        assert [event | {"decision": None} for event in of_all] == of_one

    def test_of_another_keys_contact(self, contact):
        bound = api_with_key(source=SourceFactory())
        response = bound.get(f"contacts/{contact.pk}?include=history")
        assert refusal(response) == (404, "contact_not_found", {})

    @pytest.mark.parametrize("number", [1, 9])
    def test_takes_the_same_queries_however_long_it_is(
        self, api, contact, number, django_assert_num_queries
    ):
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
    def test_queries_that_are_refused(self, api, contact, query, errors):
        response = api.get(f"contacts/{contact.pk}?{query}")
        assert refusal(response) == (422, "invalid_request", errors)
