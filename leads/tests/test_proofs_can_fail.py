"""Tests of the tests: a deliberate fault in the code turns the proofs about simultaneous moves red.

Each fault is one that somebody could write in good faith. It is caught by a pair of moves that
every run of the suite tries (`leads.tests.pairs`), or by the rounds of `test_lost_wakeups`.
"""

import threading
from functools import partial
from inspect import unwrap
from itertools import chain

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from distribution.models import Operator, Source
from distribution.services import assignment, give_up_places, locks, place_sql
from leads.models import Assignment, Contact
from leads.services import assign_waiting, closing, register_contact, switching, waiting
from leads.services.moves import Moved
from leads.services.periods import end_periods
from leads.services.waiting import Drained, drain
from leads.tests import test_lost_wakeups
from leads.tests.moves import KINDS, MOVES
from leads.tests.pairs import close_encounters, everyday_pairs
from leads.tests.test_interleavings import explore, workers  # noqa: F401
from leads.tests.test_lost_wakeups import ROUNDS, assert_no_place_is_missed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

on_postgresql = pytest.mark.postgresql  # what SQLite's one writer at a time makes harmless
on_sqlite = pytest.mark.sqlite

NOBODY_CARED = "waits beside a free place"


def tried(first, second):
    """Return the pairs of these two moves that are tried in every run."""
    every = chain(close_encounters(), *(everyday_pairs(kind) for kind in KINDS))
    found = [pair for pair in every if (pair.first[0], pair.second[0]) == (first, second)]
    assert found, f"{first} and {second} are not tried"
    return found


@pytest.fixture
def assert_caught(workers):  # noqa: F811
    """Return a function that fails unless two moves, at once, break a promise."""

    def check(first, second, *, match):
        with pytest.raises(AssertionError, match=match) as caught:
            explore(tried(first, second), workers)
        assert str(caught.value).startswith(f"({first!r}, "), "it does not say which moves it was"

    return check


def assert_rounds_catch_it(*, match="waits for ever"):
    with pytest.raises(AssertionError, match=match):
        assert_no_place_is_missed(rounds=ROUNDS, seed=1)


@on_postgresql
def test_a_place_taken_without_looking_again_is_caught(monkeypatch, assert_caught):
    take = place_sql.TAKE.replace("AND is_active AND current_load < max_load", "")
    assert take != place_sql.TAKE
    monkeypatch.setattr(place_sql, "TAKE", take)
    assert_caught("register", "register", match="over the limit")


@pytest.fixture
def arrivals_without_source_lock(monkeypatch):
    monkeypatch.setattr(assignment, "hold_source", lambda pk: Source.objects.get(pk=pk).is_active)


@pytest.fixture
def closes_without_source_lock(monkeypatch):
    monkeypatch.setattr(locks, "share_sources", lambda source_ids: None)


@on_postgresql
@pytest.mark.parametrize(
    ("fault", "bringing"),
    [
        ("arrivals_without_source_lock", "close"),
        ("arrivals_without_source_lock", "switch on"),
        ("arrivals_without_source_lock", "weight from 0"),
        ("closes_without_source_lock", "close"),
        ("closes_without_source_lock", "switch on"),
    ],
)
def test_a_missing_lock_of_the_source_is_caught(fault, bringing, request, assert_caught):
    request.getfixturevalue(fault)
    assert_caught("register", bringing, match=NOBODY_CARED)


@on_postgresql
@pytest.mark.parametrize("fault", ["arrivals_without_source_lock", "closes_without_source_lock"])
def test_a_missing_lock_of_the_source_is_caught_by_the_rounds(fault, request):
    request.getfixturevalue(fault)
    assert_rounds_catch_it()


@on_postgresql
def test_a_shared_lock_where_contacts_are_queued_is_caught(monkeypatch, assert_caught):
    def share(*, exclusively, shared=()):
        locks.share_sources({*exclusively, *shared})

    monkeypatch.setattr(switching, "lock_sources", share)
    assert_caught("switch off, requeue", "close", match=NOBODY_CARED)


@on_postgresql
def test_operators_locked_in_any_order_are_caught(monkeypatch, assert_caught):
    def lock_one_by_one(operator_ids):
        here = threading.current_thread().name
        ids = sorted(operator_ids, reverse=here.startswith("the second"))
        found = Operator.objects.select_for_update(no_key=True)
        return {pk: operator for pk in ids for operator in found.filter(pk=pk)}

    monkeypatch.setattr(locks, "lock_operators", lock_one_by_one)
    assert_caught("reassign", "reassign", match="gave up on .*40P01")


@on_postgresql
def test_operators_not_locked_at_all_are_caught(monkeypatch, assert_caught):
    monkeypatch.setattr(locks, "lock_operators", Operator.objects.in_bulk)
    assert_caught("reassign", "register", match="over the limit")


@on_postgresql
def test_a_close_that_trusts_what_it_read_before_its_locks_is_caught(monkeypatch, assert_caught):
    def change(contact, **values):
        Contact.objects.filter(pk=contact.pk).update(**values, version=F("version") + 1)

    monkeypatch.setattr(closing, "change", change)
    assert_caught("close", "close", match="IntegrityError")


def test_a_close_that_reads_outside_of_its_transaction_is_caught(monkeypatch, assert_caught):
    def close(contact_id):
        contact = Contact.objects.get(pk=contact_id)
        if contact.status == Contact.Status.CLOSED:
            return Moved(contact, changed=False)
        with transaction.atomic():
            here, now = Contact.objects.filter(pk=contact_id), timezone.now()
            here.update(status="closed", closed_at=now, version=F("version") + 1)
            end_periods([contact_id], ended_as=Assignment.End.CLOSED, actor="test", now=now)
            give_up_places({contact.operator_id: 1})
            drain(source_ids=[contact.source_id], operator_ids=None, actor="test", cause={})
        contact.refresh_from_db()
        return Moved(contact, changed=True)

    monkeypatch.setitem(
        MOVES, "close", lambda world, side, role: partial(close, world.contacts["one"])
    )
    assert_caught("close", "close", match="IntegrityError")


def test_a_close_that_does_not_hand_its_place_on_is_caught(monkeypatch, assert_caught):
    monkeypatch.setattr(waiting, "drain", lambda **kwargs: Drained(0, finished=True))
    assert_caught("close", "close", match=NOBODY_CARED)
    assert_rounds_catch_it()


def test_places_that_show_before_the_queue_has_them_are_caught(monkeypatch, assert_caught):
    def switch_on_and_then_assign(operator_id):
        Operator.objects.filter(pk=operator_id).update(is_active=True)
        return assign_waiting(actor="test")

    monkeypatch.setitem(
        MOVES,
        "switch on",
        lambda world, side, role: partial(switch_on_and_then_assign, world.operators["Z"]),
    )
    assert_caught("switch on", "register", match=NOBODY_CARED)


@on_sqlite
def test_an_arrival_without_a_transaction_is_caught(monkeypatch, assert_caught):
    without = unwrap(register_contact)
    monkeypatch.setattr("leads.tests.moves.register_contact", without)
    monkeypatch.setattr(test_lost_wakeups, "register_contact", without)
    assert_caught("register", "close", match=NOBODY_CARED)
    # The pauses decide which harm comes first: a contact that stays in the queue, or one that the
    # close hands a place while it is still being stored.
    assert_rounds_catch_it(match="waits for ever|UNIQUE constraint failed: leads_assignment")
