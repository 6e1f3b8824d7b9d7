"""The one deadlock that is known: PostgreSQL ends it, and who has to begin anew notices nothing.

An arrival fills in the e-mail and then the phone of a known lead, while a batch inserts two new
leads that have them the other way round. Who looks for a deadlock first has to give way, and that
is `deadlock_timeout` after the begin of the wait, and once only.
"""

import time
from functools import partial
from random import Random

import pytest
from django.db import connection

from distribution.models import Operator
from distribution.tests.concurrency import deadlocks
from distribution.tests.factories import WeightFactory
from distribution.tests.interleaving import SECONDS
from leads.identity import LeadKeys
from leads.models import Contact, IdempotencyRecord, Lead, LeadConflict
from leads.services import ContactRequest, register_contact
from leads.services.batch_contacts import Row
from leads.services.batches import RowStore
from leads.services.idempotency import IMPORT_SCOPE, Once
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory
from minicrm.tests.choosing import every

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True), pytest.mark.slow]

TRIES = 5
ARRIVAL, BATCH = "the first", "the second"
EMAIL, PHONE = {"email": "new@example.com"}, {"phone": "+442079460001"}
HAS_WAITED = """
SELECT clock_timestamp() - waitstart > current_setting('deadlock_timeout')::interval * %s
FROM pg_locks WHERE pid = %s AND NOT granted
"""


class Meeting:
    """An arrival that has filled in the e-mail and not yet the phone, and a batch."""

    def __init__(self, workers):
        self.arrival, self.batch = workers
        self.source_id = WeightFactory(operator__max_load=100).source_id
        self.deadlocks = 0

    def happen(self, *rows, patience=0.0):
        """Let the batch wait for the arrival, and then the arrival go on; return who gave up.

        It goes on when the batch has waited for `patience`, in times of `deadlock_timeout`.
        """
        self._let_it_arrive()
        self.batch.start(partial(store, self.source_id, rows))
        self._wait_until(lambda: self.batch.waits_for(self.arrival))
        self._wait_until(lambda: self._batch_has_waited(patience))
        self.arrival.go_on()
        outcomes = self.arrival.outcome(), self.batch.outcome()
        assert not [one for one in outcomes if isinstance(one, BaseException)], outcomes
        self.registered, self.stored = outcomes
        assert Contact.objects.count() == 1 + len(rows)
        assert_promises_kept()
        gave_up = [what.split(" in ")[0] for what in self.arrival.gave_up + self.batch.gave_up]
        self.deadlocks += len(gave_up)
        return gave_up

    def _let_it_arrive(self):
        request = ContactRequest(self.source_id, external_id="known", **EMAIL, **PHONE)
        for stop_at in range(1, 100):
            for model in (Contact, Lead, IdempotencyRecord):
                model.objects.all().delete()
            Operator.objects.update(current_load=0)
            LeadFactory(external_id="known", name="")
            job = partial(register_contact, request, actor="test")
            self.arrival.start(job, stop_at=stop_at)
            assert self.arrival.has_stopped(), "the phone has no statement of its own"
            if self.arrival.stopped_before.startswith("UPDATE leads_lead SET phone"):
                return
            self.arrival.go_on()
            assert not isinstance(self.arrival.outcome(), BaseException)

    def _wait_until(self, is_so):
        give_up_at = time.monotonic() + SECONDS
        while not is_so():
            assert not self.batch.has_ended(within=0.01), self.batch.outcome()
            assert time.monotonic() < give_up_at

    def _batch_has_waited(self, patience):
        with connection.cursor() as cursor:
            cursor.execute(HAS_WAITED, [patience, self.batch.backend])
            return cursor.fetchone() == (True,)


def store(source_id, rows):
    """Store rows as an import does, without a lock timeout: that is another error."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
    named = [
        Row(ContactRequest(source_id, **keys), LeadKeys(**keys), Once(IMPORT_SCOPE, f"{n}:1", "-"))
        for n, keys in enumerate(rows)
    ]
    return RowStore(actor="import", rng=Random(1)).store(named)


@pytest.fixture
def meeting(workers):
    """Leave when PostgreSQL has counted the deadlocks: a later test may be one that allows none."""
    before, meeting = deadlocks(), Meeting(workers)
    yield meeting
    for worker in workers:
        worker.start(connection.close)
        worker.outcome()
    give_up_at = time.monotonic() + SECONDS
    while deadlocks() < before + meeting.deadlocks:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def assert_all_is_the_known_leads(meeting):
    lead = Lead.objects.get()
    assert {"email": lead.email} | {"phone": lead.phone} == EMAIL | PHONE
    assert lead.external_id == "known"
    assert {one.receipt["lead_id"] for one in [meeting.registered, *meeting.stored]} == {lead.pk}
    assert not LeadConflict.objects.exists()


def assert_the_keys_are_the_new_leads(meeting):
    known = Lead.objects.get(external_id="known")
    assert (known.email, known.phone) == (None, None)
    assert meeting.registered.receipt["lead_id"] == known.pk
    by_phone, by_email = [one.receipt["lead_id"] for one in meeting.stored]
    assert Lead.objects.get(**PHONE).pk == by_phone
    assert Lead.objects.get(**EMAIL).pk == by_email
    conflicts = LeadConflict.objects.values_list("lead_id", "other_lead_id", "key")
    assert set(conflicts) == {(known.pk, by_email, "email"), (known.pk, by_phone, "phone")}
    assert Lead.objects.count() == 3


AFTERWARDS = {
    BATCH: assert_all_is_the_known_leads,
    ARRIVAL: assert_the_keys_are_the_new_leads,
}


@pytest.mark.parametrize(
    ("victim", "patience"), every(2, [(BATCH, 0.5), (ARRIVAL, 2)], several=True)
)
def test_who_gives_way_begins_anew(victim, patience, meeting):
    for _ in range(TRIES):  # on a busy machine the other one may look first, which is right too
        (gave_up,) = meeting.happen(PHONE, EMAIL, patience=patience)
        who, code = gave_up.split(": ")
        assert code == "40P01"
        AFTERWARDS[who](meeting)
        if who == victim:
            return
    raise AssertionError(f"{victim} never had to give way")


def test_with_the_rows_in_the_order_of_the_keys_nobody_has_to(meeting):
    assert meeting.happen(EMAIL, PHONE) == []
    assert_all_is_the_known_leads(meeting)
