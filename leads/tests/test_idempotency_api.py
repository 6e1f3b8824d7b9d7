"""Idempotency-Key: however often a contact is sent, it is stored once and answered alike."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from distribution.models import ApiKey, Operator
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.services.idempotency import KEEP_FOR, forget_old
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key()


@pytest.fixture
def body():
    return {"source_id": WeightFactory().source_id, "external_id": "a", "payload": {"b": 1, "c": 2}}


def post(api, body, key="order-1"):
    return api.post("contacts/", body, headers={"Idempotency-Key": key})


def test_equal_request_gets_the_first_answer_again(api, body):
    first = post(api, body)
    Operator.objects.update(name="Renamed since", current_load=0)
    again = post(api, body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Contact.objects.count() == 1
    assert Operator.objects.get().current_load == 0


def test_request_without_a_key_is_stored_each_time(api, body):
    answers = [api.post("contacts/", body) for _ in range(2)]
    assert Contact.objects.count() == 2
    assert not any("Idempotency-Replayed" in answer for answer in answers)


def test_order_of_members_and_blanks_between_them_do_not_matter(api, body):
    first = post(api, body)
    turned = json.dumps(dict(reversed(body.items())), indent=4).replace('"b": 1', '"b":1')
    turned = turned.replace('"b":1,\n        "c": 2', '"c": 2, "b": 1')
    again = api.post("contacts/", raw=turned.encode(), headers={"Idempotency-Key": "order-1"})
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    "change",
    [
        {"external_id": "b"},
        {"message": "And another thing"},
        {"payload": {"b": 1, "c": 3}},
        {"payload": {"b": 1, "c": 2.0}},
        {"payload": {"b": True, "c": 2}},
        {"payload": {"b": 1, "c": 2, "d": None}},
        {"payload": {}},
    ],
)
def test_same_key_for_another_contact_is_refused(api, body, change):
    post(api, body)
    response = post(api, body | change)
    assert refusal(response) == (422, "idempotency_key_reused", {})
    assert Contact.objects.count() == 1


def test_each_api_key_has_idempotency_keys_of_its_own(api, body):
    first, other = post(api, body), post(api_with_key(), body)
    assert "Idempotency-Replayed" not in other
    assert first.json()["id"] != other.json()["id"]
    assert post(api_with_key(), body | {"external_id": "b"}).status_code == 201


def test_case_of_the_key_matters(api, body):
    assert post(api, body, "a").json()["id"] != post(api, body, "A").json()["id"]


@pytest.mark.parametrize("key", ["x", "x" * 255, "!~", '4f1e-"quoted"', "a,b;c=d"])
def test_keys_that_are_fine(api, body, key):
    first, again = post(api, body, key), post(api, body, key)
    assert again.content == first.content
    assert IdempotencyRecord.objects.get().key == key


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a\tb", " a", "\u00e9", "\x7f", "a\x00"])
def test_keys_that_are_refused(api, body, key):
    expected = (422, "bad_idempotency_key", {"Idempotency-Key": "bad_idempotency_key"})
    assert refusal(post(api, body, key)) == expected
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"email": "nobody"}, 422), ({"source_id": 77_777}, 404), ({"external_id": 1}, 422)],
)
def test_refused_request_does_not_use_up_its_key(api, body, wrong, status):
    assert refusal(post(api, body | wrong))[0] == status
    assert not IdempotencyRecord.objects.exists()
    stored = post(api, body)
    assert (stored.status_code, Contact.objects.count()) == (201, 1)
    assert "Idempotency-Replayed" not in stored


def test_source_named_or_implied_is_the_same_request():
    source = SourceFactory()
    api = api_with_key(source=source)
    first = post(api, {"external_id": "a"})
    again = post(api, {"external_id": "a", "source_id": source.pk})
    assert again.content == first.content


def test_answers_are_kept_for_a_day_at_least(api, body):
    first = post(api, body)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=24, minutes=1))
    assert forget_old() == 0
    assert post(api, body).content == first.content
    IdempotencyRecord.objects.update(created_at=timezone.now() - KEEP_FOR - timedelta(minutes=1))
    assert forget_old() == 1
    assert post(api, body).json()["id"] != first.json()["id"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql  # SQLite lets one request write at a time
def test_equal_request_under_way_is_answered_with_a_conflict(api, body):
    scope = f"api_key:{ApiKey.objects.get().pk}:POST /contacts/"
    begun, leave = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                IdempotencyRecord.objects.create(scope=scope, key="order-1", digest="d" * 64)
                begun.set()
                leave.wait(10)
                transaction.set_rollback(True)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert begun.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 50")
    response = post(api, body)
    leave.set()
    holder.join()
    connection.close()
    assert refusal(response) == (409, "idempotency_key_in_use", {})
    assert response["Retry-After"] == "1"
    assert not Contact.objects.exists()
    assert post(api, body).status_code == 201
