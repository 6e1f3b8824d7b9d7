"""Switching an operator off: what becomes of their open contacts, batch by batch."""

import pytest

from distribution.models import AuditEvent, Operator
from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import OpenContacts, close_contact, switch_operator_off, switching
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory
from leads.tests.seen import watched_commits
from minicrm.errors import NotFound

pytestmark = pytest.mark.django_db

KEEP, REQUEUE, REDISTRIBUTE = OpenContacts
MOVING = pytest.mark.parametrize("choice", [REQUEUE, REDISTRIBUTE])


class Interrupted(Exception):
    """The process was stopped here."""


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(switching, "BATCH", 2)


@pytest.fixture
def source():
    return SourceFactory()


@pytest.fixture
def leaving(source):
    """An operator with five open contacts and no place left."""
    operator = WeightFactory(source=source, operator__max_load=5).operator
    AssignedContactFactory.create_batch(5, operator=operator, source=source)
    return operator


def switch_off(operator, choice):
    done = switch_operator_off(operator.pk, actor="user:1", open_contacts=choice)
    assert not Operator.objects.get(pk=operator.pk).is_active
    assert done.operator.current_load == done.kept == load(operator)
    assert_promises_kept()
    return done.moved, done.kept


def load(operator):
    return Operator.objects.values_list("current_load", flat=True).get(pk=operator.pk)


def holders():
    """Who has which contact, oldest first; None for one that waits."""
    return list(Contact.objects.order_by("pk").values_list("operator_id", flat=True))


def colleague(source, places):
    return WeightFactory(source=source, operator__max_load=places).operator


def test_keep_leaves_them_where_they_are(leaving, source):
    other = colleague(source, places=5)
    assert switch_off(leaving, KEEP) == (0, 5)
    assert holders() == [leaving.pk] * 5
    assert load(other) == 0


def test_requeue_takes_all_away_and_serves_the_oldest_first(leaving, source):
    other = colleague(source, places=2)
    assert switch_off(leaving, REQUEUE) == (5, 0)
    assert holders() == [other.pk] * 2 + [None] * 3


def test_redistribute_takes_away_what_others_can_take(leaving, source):
    other = colleague(source, places=2)
    assert switch_off(leaving, REDISTRIBUTE) == (2, 3)
    assert holders() == [other.pk] * 2 + [leaving.pk] * 3


@MOVING
def test_in_batches_smaller_than_the_number_of_contacts(leaving, source, choice, small_batches):
    other = colleague(source, places=3)
    with watched_commits(look=promises_and_loads) as seen:
        switch_off(leaving, choice)
    rest = [None, None] if choice == REQUEUE else [leaving.pk, leaving.pk]
    assert holders() == [other.pk] * 3 + rest
    # First the switch, then 2, 2 and 1 contacts.
    left = [5, 3, 1, 0] if choice == REQUEUE else [5, 3, 2, 2]
    assert [loads[leaving.pk] for loads in seen] == left


def promises_and_loads():
    assert_promises_kept()
    return dict(Operator.objects.values_list("pk", "current_load"))


@MOVING
def test_contacts_go_only_to_operators_of_their_own_source(choice, small_batches):
    first, second, third = SourceFactory.create_batch(3)
    leaving = OperatorFactory(max_load=6)
    for each in (first, second, third):
        WeightFactory(operator=leaving, source=each)
    contacts = [
        AssignedContactFactory(operator=leaving, source=each)
        for each in (first, second, third, third, second, first)
    ]
    one, two = colleague(first, places=5), colleague(second, places=1)
    assert switch_off(leaving, choice)[0] == (6 if choice == REQUEUE else 3)
    rest = None if choice == REQUEUE else leaving.pk
    assert holders() == [one.pk, two.pk, rest, rest, rest, one.pk]
    assert [contact.source for contact in contacts] == [first, second, third, third, second, first]


def test_requeued_contacts_keep_their_place_before_younger_ones(leaving, source):
    """Who has waited longest counts from the arrival, not from the moment of the requeueing."""
    oldest = Contact.objects.order_by("pk").first()
    WaitingContactFactory(source=source)
    switch_off(leaving, REQUEUE)
    assert holders() == [None] * 6
    update_operator(colleague(source, places=0).pk, max_load=1, actor="test")
    oldest.refresh_from_db()
    assert oldest.status == "assigned"


@MOVING
def test_stops_when_somebody_switches_the_operator_on_between_batches(
    leaving, source, choice, small_batches, monkeypatch
):
    other = colleague(source, places=4)
    in_between(monkeypatch, 2, lambda: update_operator(leaving.pk, is_active=True, actor="user:2"))
    done = switch_operator_off(leaving.pk, actor="user:1", open_contacts=choice)
    assert (done.moved, done.kept, done.operator.is_active) == (2, 3, True)
    assert holders() == [other.pk] * 2 + [leaving.pk] * 3
    assert_promises_kept()


@MOVING
def test_goes_on_when_it_is_repeated_after_an_interruption(
    leaving, source, choice, small_batches, monkeypatch
):
    other = colleague(source, places=4)
    with monkeypatch.context() as patch:
        in_between(patch, 3, interrupt)
        with pytest.raises(Interrupted):
            switch_operator_off(leaving.pk, actor="user:1", open_contacts=choice)
    assert holders() == [other.pk] * 4 + [leaving.pk]
    assert load(leaving) == 1
    assert_promises_kept()
    assert switch_off(leaving, choice) == ((1, 0) if choice == REQUEUE else (0, 1))
    assert switch_off(leaving, choice)[0] == 0


@MOVING
def test_a_batch_that_fails_in_the_middle_moves_nothing(
    leaving, source, choice, small_batches, monkeypatch
):
    """All its contacts were taken from the operator and given to others when it was stopped."""
    colleague(source, places=4)
    before = holders(), Assignment.objects.count()
    with monkeypatch.context() as patch:
        patch.setattr(switching, "give_up_places", interrupt)
        with pytest.raises(Interrupted):
            switch_operator_off(leaving.pk, actor="user:1", open_contacts=choice)
    assert (holders(), Assignment.objects.count()) == before
    assert_promises_kept()
    assert switch_off(leaving, choice)[0] == (5 if choice == REQUEUE else 4)


@MOVING
def test_leaves_alone_what_was_closed_between_reading_and_locking(
    leaving, source, choice, monkeypatch
):
    other = colleague(source, places=5)
    closed = Contact.objects.order_by("pk").first()
    hold = switching._hold

    def closed_meanwhile(*args):
        close_contact(closed.pk, actor="user:2")
        return hold(*args)

    monkeypatch.setattr(switching, "_hold", closed_meanwhile)
    assert switch_off(leaving, choice) == (4, 0)
    closed.refresh_from_db()
    assert (closed.status, closed.operator) == ("closed", leaving)
    assert load(other) == 4


@MOVING
def test_one_who_is_off_already_can_still_give_contacts_away(leaving, source, choice):
    other = colleague(source, places=5)
    update_operator(leaving.pk, is_active=False, actor="test")
    events = AuditEvent.objects.count()
    assert switch_off(leaving, choice) == (5, 0)
    assert load(other) == 5
    assert AuditEvent.objects.count() == events


def test_says_why_each_contact_moved(leaving, source):
    other = colleague(source, places=1)
    switch_off(leaving, REDISTRIBUTE)
    was, now = Contact.objects.order_by("pk").first().assignments.order_by("pk")
    assert (was.ended_as, was.ended_by) == ("redistributed", "user:1")
    assert (now.method, now.operator) == ("redistribution", other)
    facts = {"method": "redistribution", "by": "user:1", "operator_id": other.pk}
    assert now.decision.items() >= (facts | {"from_operator_id": leaving.pk}).items()
    assert now.decision["left_out_count"] == {"inactive": 1}

    switch_off(other, REQUEUE)
    *_, was, now = Contact.objects.order_by("pk").first().assignments.order_by("pk")
    assert (was.ended_as, was.ended_by) == ("requeued", "user:1")
    assert (now.method, now.decision["operator_off"]) == ("queued", other.pk)
    assert (now.decision["by"], now.decision["operator_id"]) == ("user:1", None)


def test_every_move_makes_a_new_version(leaving, source):
    colleague(source, places=1)
    switch_off(leaving, REQUEUE)
    versions = Contact.objects.order_by("pk").values_list("version", flat=True)
    assert list(versions) == [3, 2, 2, 2, 2]  # the oldest was requeued, and then assigned


def test_an_unknown_operator_is_not_found():
    with pytest.raises(NotFound) as refusal:
        switch_operator_off(10**9, actor="test", open_contacts=REQUEUE)
    assert refusal.value.code == "operator_not_found"


def in_between(patch, batch, happen):
    """Let something happen before the batch with that number is read."""
    read, number = switching._next_batch, iter(range(1, 100))

    def next_batch(*args):
        if next(number) == batch:
            happen()
        return read(*args)

    patch.setattr(switching, "_next_batch", next_batch)


def interrupt(*_):
    raise Interrupted
