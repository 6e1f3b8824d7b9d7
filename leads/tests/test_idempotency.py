import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from distribution.tests.concurrency import run_together
from distribution.tests.factories import WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.services import ContactRequest, idempotency, register_contact
from leads.services.registration import Once
from minicrm.errors import Busy, Conflict, Invalid

pytestmark = pytest.mark.django_db


def register(source, *, key="key", scope="test", **values):
    request = ContactRequest(source_id=source.pk, **(values or {"external_id": "one"}))
    return register_contact(request, actor="test", once=Once(scope=scope, key=key))


def test_an_equal_request_gets_the_first_answer_and_stores_nothing():
    source = WeightFactory().source
    first, second = register(source), register(source)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.receipt == second.receipt
    assert Contact.objects.count() == 1


def test_another_request_under_the_same_key_is_refused_and_stores_nothing():
    source = WeightFactory().source
    register(source)
    with pytest.raises(Conflict) as refusal:
        register(source, external_id="two")
    assert refusal.value.code == "idempotency_key_reused"
    assert Contact.objects.count() == 1


def test_the_same_key_of_somebody_else_is_another_request():
    source = WeightFactory().source
    register(source, scope="one")
    assert not register(source, scope="two", external_id="two").replayed
    assert Contact.objects.count() == 2


def test_a_refused_request_leaves_its_key_free():
    source = WeightFactory().source
    with pytest.raises(Invalid):
        register(source, email="nonsense")
    assert not register(source, email="lead@example.com").replayed


def test_the_order_of_members_makes_no_difference():
    source = WeightFactory().source
    register(source, external_id="one", payload={"a": 1, "b": [2]})
    assert register(source, external_id="one", payload={"b": [2], "a": 1}).replayed


def test_old_records_are_forgotten_but_not_those_of_imports():
    for scope in ("api_key:1:POST /contacts/", idempotency.IMPORT_SCOPE):
        for key in ("old", "new"):
            idempotency.begin(scope=scope, key=key, digest="0")
    old = timezone.now() - idempotency.KEEP_FOR - timedelta(minutes=1)
    IdempotencyRecord.objects.filter(key="old").update(created_at=old)
    assert idempotency.forget_old() == 1
    left = set(IdempotencyRecord.objects.values_list("scope", "key"))
    assert left == {
        ("api_key:1:POST /contacts/", "new"),
        (idempotency.IMPORT_SCOPE, "old"),
        (idempotency.IMPORT_SCOPE, "new"),
    }


@pytest.mark.postgresql  # SQLite cannot tell what another connection is writing
@pytest.mark.django_db(transaction=True)
def test_an_equal_request_that_stays_under_way_is_busy():
    is_under_way, may_end = threading.Event(), threading.Event()

    def take_long():
        with transaction.atomic():
            idempotency.begin(scope="test", key="key", digest="0")
            is_under_way.set()
            may_end.wait(10)

    def come_meanwhile():
        is_under_way.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        try:
            with transaction.atomic():
                return idempotency.begin(scope="test", key="key", digest="0")
        finally:
            may_end.set()

    _, outcome = run_together([take_long, come_meanwhile])
    assert isinstance(outcome, Busy)
