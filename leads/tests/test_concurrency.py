"""Promises under simultaneous requests: real connections, one per thread, on a real database."""

import contextlib
import subprocess
import sys
import unicodedata
from functools import partial
from random import Random

import pytest
from django.db import connections

from distribution.models import Operator, OperatorSourceWeight
from distribution.services import add_weight, update_operator
from distribution.tests.concurrency import run_together
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory, make_key
from leads.models import Assignment, Contact, IdempotencyRecord, Lead
from leads.services import ContactRequest, register_contact
from leads.services.registration import Once
from leads.tests.checks import assert_promises_kept
from minicrm.tests.server import ROOT, environment, running_server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("no_deadlocks"),
]


def arrival(source, key="one", once=None):
    request = ContactRequest(source_id=source.pk, external_id=key)
    return partial(register_contact, request, actor="test", once=once)


def test_twelve_spellings_of_one_id_at_once_make_one_lead():
    source = WeightFactory(operator__max_load=100).source
    spelling = "Клиент-Élan-ß"
    spellings = [
        pad + form(text) + pad
        for text in (spelling, spelling.upper(), spelling.lower())
        for form in (partial(unicodedata.normalize, "NFC"), partial(unicodedata.normalize, "NFD"))
        for pad in ("", " ")
    ]
    assert len(spellings) == len(set(spellings)) == 12
    results = run_together([arrival(source, text) for text in spellings])
    assert {result.receipt["status"] for result in results} == {"assigned"}
    assert Lead.objects.count() == 1
    assert Contact.objects.count() == 12
    assert_promises_kept()


def test_simultaneous_first_contacts_with_different_keys_fill_in_one_lead():
    source = WeightFactory(operator__max_load=100).source
    keys = [
        {"external_id": "one", "email": "one@example.com"},
        {"email": "one@example.com", "phone": "+442079460123"},
        {"external_id": "one", "phone": "+442079460123"},
    ]
    for _ in range(5):
        requests = [ContactRequest(source_id=source.pk, **some) for some in keys * 3]
        jobs = [partial(register_contact, request, actor="test") for request in requests]
        results = run_together(jobs)
        assert all(result.receipt["id"] for result in results)
        owners = Lead.objects.filter(external_id="one")
        assert owners.count() == 1
        # Whichever came first, no key belongs to two leads, and each belongs to somebody.
        assert Lead.objects.filter(email="one@example.com").count() == 1
        assert Lead.objects.filter(phone="+442079460123").count() == 1
        Contact.objects.all().delete()
        Lead.objects.all().delete()
        Operator.objects.update(current_load=0)


def test_one_of_24_gets_the_last_place_of_an_operator_shared_by_several_sources():
    operator = OperatorFactory(max_load=1)
    sources = [WeightFactory(operator=operator).source for _ in range(3)]
    for round_ in range(1, 9):
        Operator.objects.update(max_load=round_)
        jobs = [arrival(sources[n % 3], f"lead-{round_}-{n}") for n in range(24)]
        statuses = [result.receipt["status"] for result in run_together(jobs)]
        assert statuses.count("assigned") == 1
        assert statuses.count("waiting") == 23
        assert_promises_kept()
        Contact.objects.waiting().delete()


def test_limits_hold_under_posts_to_sources_that_share_operators():
    sources = SourceFactory.create_batch(2)
    for _ in range(4):
        operator = OperatorFactory(max_load=5)
        for weight, source in enumerate(sources, start=1):
            WeightFactory(operator=operator, source=source, weight=weight)

    def several(worker):
        jobs = [arrival(sources[n % 2], f"lead-{worker}-{n}") for n in range(5)]
        return [job() for job in jobs]

    results = run_together([partial(several, worker) for worker in range(12)])
    assert sum(len(registrations) for registrations in results) == 60
    assert Contact.objects.assigned().count() == 20
    assert Contact.objects.waiting().count() == 40
    assert_promises_kept()


def test_ten_equal_posts_at_once_are_one_contact_with_ten_equal_answers():
    source = WeightFactory(operator__max_load=100).source
    for round_ in range(5):
        once = Once(scope="test", key=f"key-{round_}")
        results = run_together([arrival(source, f"lead-{round_}", once)] * 10)
        assert [result.replayed for result in results].count(False) == 1
        assert all(result.receipt == results[0].receipt for result in results)
        assert Contact.objects.count() == round_ + 1
    assert_promises_kept()


CRASH = """
import os, django
django.setup()
from leads.services import ContactRequest, arrival_sql, register_contact
from leads.services.registration import Once
arrival_sql.keep_response = lambda record: os._exit(9)  # killed before the last statement
request = ContactRequest(source_id=int(os.environ["SOURCE_ID"]), external_id="one")
register_contact(request, actor="test", once=Once(scope="test", key="key"))
"""


def test_a_process_killed_in_between_leaves_nothing_and_the_retry_succeeds():
    source = WeightFactory(operator__max_load=1).source
    env = environment(SOURCE_ID=str(source.pk), DJANGO_SETTINGS_MODULE="minicrm.settings")
    killed = subprocess.run([sys.executable, "-c", CRASH], cwd=ROOT, env=env, check=False)
    assert killed.returncode == 9
    assert not IdempotencyRecord.objects.exists()
    assert not Lead.objects.exists()
    assert Operator.objects.get().current_load == 0
    retry = arrival(source, once=Once(scope="test", key="key"))()
    assert (retry.replayed, retry.receipt["status"]) == (False, "assigned")
    assert_promises_kept()


def test_an_arrival_and_a_raised_limit_never_miss_each_other():
    weight = WeightFactory(operator__max_load=0)
    for limit in range(1, 41):
        jobs = [
            arrival(weight.source, f"lead-{limit}"),
            partial(update_operator, weight.operator_id, max_load=limit, actor="test"),
        ]
        registration, operator = run_together(jobs)
        assert registration.receipt["id"]
        assert operator.max_load == limit
        assert Contact.objects.assigned().count() == limit
    assert_promises_kept()


def test_an_operator_switched_on_and_given_a_new_source_never_miss_each_other():
    for round_ in range(15):
        operator = OperatorFactory(is_active=False)
        WeightFactory(operator=operator)
        source = SourceFactory()
        arrival(source, f"lead-{round_}")()
        outcomes = run_together(
            [
                partial(update_operator, operator.pk, is_active=True, actor="test"),
                partial(add_weight, operator_id=operator.pk, source_id=source.pk, actor="test"),
            ]
        )
        assert outcomes[0].is_active
        assert isinstance(outcomes[1], OperatorSourceWeight)
        assert Contact.objects.get(source=source).operator_id == operator.pk
    assert_promises_kept()


def test_operators_who_come_free_at_once_each_get_one_of_those_who_wait():
    """Both look at the oldest contact first; the slower one must look again."""
    source = SourceFactory()
    for round_ in range(15):
        operators = [WeightFactory(source=source, operator__max_load=0).operator for _ in "123"]
        for n in range(3):
            arrival(source, f"lead-{round_}-{n}")()
        run_together(
            [partial(update_operator, one.pk, max_load=1, actor="test") for one in operators]
        )
        assert not Contact.objects.waiting().exists()
    assert_promises_kept()


def test_500_posts_over_http_fill_the_limits_and_the_rest_waits():
    source = SourceFactory()
    for weight in range(1, 6):
        WeightFactory(source=source, weight=weight, operator__max_load=20)
    bodies = [{"source_id": source.pk, "external_id": f"lead-{n}"} for n in range(500)]
    with running_server(workers=2) as server:
        answers = server.post_all("/api/v1/contacts/", make_key(), bodies, connections=32)
    assert [answer["status"] for answer in answers] == [201] * 500
    statuses = [answer["body"]["status"] for answer in answers]
    assert (statuses.count("assigned"), statuses.count("waiting")) == (100, 400)
    stored = Contact.objects.values_list("pk", "status")
    assert set(stored) == {(answer["body"]["id"], answer["body"]["status"]) for answer in answers}
    assert_promises_kept()


class ThenSwitchedOff(Random):
    """At the first draw somebody switches off whoever is drawn, in a transaction of their own."""

    def __init__(self, operator):
        super().__init__(1)
        self.operator = operator

    def randrange(self, bound):
        operator, self.operator = self.operator, None
        if operator is None:
            return super().randrange(bound)
        with contextlib.closing(connections["default"].copy()) as other, other.cursor() as cursor:
            cursor.execute(
                "UPDATE distribution_operator SET is_active = FALSE WHERE id = %s", [operator.pk]
            )
        return 0


@pytest.mark.postgresql
def test_an_operator_switched_off_at_the_draw_has_it_all_run_again():
    """There is no savepoint to go back to: nobody loses a place so far from the limit."""
    first = WeightFactory(operator__max_load=1_000)
    second = WeightFactory(source=first.source, operator__max_load=1_000)
    request = ContactRequest(source_id=first.source_id, external_id="one")
    receipt = register_contact(request, actor="test", rng=ThenSwitchedOff(first.operator)).receipt
    assert receipt["operator_id"] == second.operator_id
    assert Contact.objects.count() == Lead.objects.count() == Assignment.objects.count() == 1
    assert_promises_kept()
