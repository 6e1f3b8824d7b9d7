"""Close, reopen, requeue, reassign, take: what each does, refuses, and leaves when repeated."""

from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest
from django.utils import timezone

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import (
    close_contact,
    reassign_contact,
    reopen_contact,
    requeue_contact,
    take_next_contact,
)
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm.errors import Conflict, Invalid, NotFound

pytestmark = pytest.mark.django_db


def state(contact):
    contact.refresh_from_db()
    return contact.status, contact.operator_id


def load(operator):
    return Operator.objects.values_list("current_load", flat=True).get(pk=operator.pk)


def periods(contact):
    rows = Assignment.objects.filter(contact=contact).order_by("pk")
    return list(rows.values_list("method", "operator_id", "ended_as"))


@pytest.fixture
def full():
    """An operator with one place, taken by a contact of a source that they serve."""
    weight = WeightFactory(operator__max_load=1)
    contact = AssignedContactFactory(operator=weight.operator, source=weight.source)
    return weight, contact


class TestClose:
    def test_gives_the_place_to_whoever_has_waited_longest(self, full):
        weight, contact = full
        first, second = WaitingContactFactory.create_batch(2, source=weight.source)
        moved = close_contact(contact.pk, actor="user:1", reason="answered")
        assert (moved.changed, moved.assigned, moved.contact.status) == (True, 1, "closed")
        assert state(contact) == ("closed", weight.operator_id)
        assert state(first) == ("assigned", weight.operator_id)
        assert state(second) == ("waiting", None)
        assert load(weight.operator) == 1
        cause = Assignment.objects.get(contact=first, ended_at=None).decision["freed_by"]
        assert cause == {"move": "close", "contact_id": contact.pk}
        ended = Assignment.objects.get(contact=contact)
        assert (ended.ended_as, ended.ended_by, ended.end_reason) == (
            "closed", "user:1", "answered",
        )  # fmt: skip
        assert_promises_kept()

    def test_of_a_waiting_contact_takes_no_place_away(self, full):
        weight, _ = full
        waiting = WaitingContactFactory(source=weight.source)
        assert close_contact(waiting.pk, actor="test").changed
        assert state(waiting) == ("closed", None)
        assert load(weight.operator) == 1
        assert_promises_kept()

    def test_again_changes_nothing(self, full):
        weight, contact = full
        before = close_contact(contact.pk, actor="test").contact
        again = close_contact(contact.pk, actor="test", version=1)
        assert (again.changed, again.contact.version) == (False, before.version)
        assert load(weight.operator) == 0

    def test_frees_nothing_with_an_operator_who_is_over_a_lowered_limit(self):
        weight = WeightFactory(operator__max_load=2)
        contact, _ = AssignedContactFactory.create_batch(
            2, operator=weight.operator, source=weight.source
        )
        Operator.objects.update(max_load=1)
        waiting = WaitingContactFactory(source=weight.source)
        assert close_contact(contact.pk, actor="test").assigned == 0
        assert state(waiting) == ("waiting", None)
        assert_promises_kept()

    def test_keeps_a_period_in_order_when_the_clock_was_set_back(self, full):
        _, contact = full
        future = timezone.now() + timedelta(hours=1)
        Assignment.objects.update(started_at=future)
        close_contact(contact.pk, actor="test")
        assert Assignment.objects.get(contact=contact).ended_at == future


class TestReopen:
    def test_goes_back_to_the_last_operator(self):
        source = SourceFactory()
        last = WeightFactory(source=source, weight=1).operator
        WeightFactory(source=source, weight=10_000)
        contact = ClosedContactFactory(source=source, operator=last)
        moved = reopen_contact(contact.pk, actor="test", reason="called again")
        assert moved.changed
        assert state(contact) == ("assigned", last.pk)
        assert load(last) == 1
        assert contact.closed_at is None
        opened = Assignment.objects.get(contact=contact, ended_at=None)
        assert (opened.method, opened.decision["reason"]) == ("reopening", "called again")
        assert opened.decision["by"] == "test"
        assert_promises_kept()

    @pytest.mark.parametrize("why", ["off", "full", "no weight"])
    def test_goes_by_the_normal_choice_when_the_last_operator_cannot(self, why):
        source = SourceFactory()
        last = WeightFactory(source=source, weight=int(why != "no weight")).operator
        other = WeightFactory(source=source).operator
        if why == "off":
            Operator.objects.filter(pk=last.pk).update(is_active=False)
        if why == "full":
            Operator.objects.filter(pk=last.pk).update(max_load=0)
        contact = ClosedContactFactory(source=source, operator=last)
        reopen_contact(contact.pk, actor="test")
        assert state(contact) == ("assigned", other.pk)
        assert periods(contact)[-1] == ("weighted_random", other.pk, "")
        assert_promises_kept()

    def test_waits_at_its_old_place_when_nobody_can(self, full):
        weight, holder = full
        contact = ClosedContactFactory(source=weight.source, operator=weight.operator)
        younger = WaitingContactFactory(source=weight.source)
        assert reopen_contact(contact.pk, actor="test").contact.status == "waiting"
        assert periods(contact)[-1] == ("queued", None, "")
        close_contact(holder.pk, actor="test")
        assert state(contact) == ("assigned", weight.operator_id)
        assert state(younger) == ("waiting", None)
        assert_promises_kept()

    def test_remembers_the_last_operator_of_a_contact_that_was_closed_in_the_queue(self):
        source = SourceFactory()
        last = WeightFactory(source=source, weight=1).operator
        WeightFactory(source=source, weight=10_000, operator__max_load=0)
        contact = AssignedContactFactory(source=source, operator=last)
        Operator.objects.filter(pk=last.pk).update(is_active=False)
        requeue_contact(contact.pk, actor="test")
        close_contact(contact.pk, actor="test")
        Operator.objects.update(is_active=True, max_load=10)
        reopen_contact(contact.pk, actor="test")
        assert state(contact) == ("assigned", last.pk)
        assert periods(contact)[-1] == ("reopening", last.pk, "")

    def test_again_changes_nothing(self):
        weight = WeightFactory()
        contact = ClosedContactFactory(source=weight.source)
        reopen_contact(contact.pk, actor="test", version=1)
        assert not reopen_contact(contact.pk, actor="test", version=1).changed
        assert load(weight.operator) == 1


class TestRequeue:
    def test_goes_to_somebody_else_and_the_place_to_whoever_waits(self, full):
        """Another source shares the operator: its contact gets the place that is freed."""
        weight, contact = full
        shared = WeightFactory(operator=weight.operator).source
        waiting = WaitingContactFactory(source=shared)
        Operator.objects.filter(pk=weight.operator_id).update(is_active=False)
        other = WeightFactory(source=weight.source).operator
        Operator.objects.filter(pk=weight.operator_id).update(is_active=True)
        moved = requeue_contact(contact.pk, actor="test", rng=Always(other.pk))
        assert (moved.changed, moved.assigned) == (True, 1)
        assert state(contact) == ("assigned", other.pk)
        assert state(waiting) == ("assigned", weight.operator_id)
        assert periods(contact) == [
            ("weighted_random", weight.operator_id, "requeued"),
            ("queued", None, "assigned"),
            ("drain", other.pk, ""),
        ]
        assert_promises_kept()

    def test_waits_when_nobody_can_take_it(self):
        weight = WeightFactory(operator__is_active=False)
        contact = AssignedContactFactory(operator=weight.operator, source=weight.source)
        moved = requeue_contact(contact.pk, actor="test", reason="ill")
        assert (moved.changed, moved.assigned) == (True, 0)
        assert state(contact) == ("waiting", None)
        assert load(weight.operator) == 0
        assert Assignment.objects.get(contact=contact, ended_as="requeued").end_reason == "ill"
        assert_promises_kept()

    def test_an_older_contact_is_served_first(self, full):
        weight, contact = full
        older = WaitingContactFactory(source=weight.source)
        Contact.objects.filter(pk=contact.pk).update(source=weight.source)
        younger = AssignedContactFactory(operator=OperatorFactory(), source=weight.source)
        requeue_contact(younger.pk, actor="test")
        requeue_contact(contact.pk, actor="test")
        # The oldest of the three was the operator's own, so it came straight back.
        assert state(contact) == ("assigned", weight.operator_id)
        assert state(older) == state(younger) == ("waiting", None)
        assert_promises_kept()

    def test_of_a_waiting_contact_changes_nothing(self):
        contact = WaitingContactFactory()
        assert not requeue_contact(contact.pk, actor="test", version=9).changed
        assert periods(contact) == [("queued", None, "")]

    def test_of_a_closed_contact_is_refused(self):
        with pytest.raises(Conflict) as refusal:
            requeue_contact(ClosedContactFactory().pk, actor="test")
        assert refusal.value.code == "contact_closed"


class Always(Random):
    """Draws the operator with the highest id."""

    def __init__(self, _):
        super().__init__(1)

    def randrange(self, bound):
        return bound - 1


class TestReassign:
    def test_moves_the_contact_and_hands_its_place_on(self, full):
        weight, contact = full
        waiting = WaitingContactFactory(source=weight.source)
        receiver = OperatorFactory(max_load=1)  # without a weight: a choice by hand needs none
        moved = reassign_contact(contact.pk, operator_id=receiver.pk, actor="user:1")
        assert (moved.changed, moved.assigned) == (True, 1)
        assert state(contact) == ("assigned", receiver.pk)
        assert state(waiting) == ("assigned", weight.operator_id)
        assert (load(receiver), load(weight.operator)) == (1, 1)
        assert periods(contact) == [
            ("weighted_random", weight.operator_id, "reassigned"),
            ("reassignment", receiver.pk, ""),
        ]
        decision = Assignment.objects.get(contact=contact, ended_at=None).decision
        assert (decision["by"], decision["from_operator_id"]) == ("user:1", weight.operator_id)
        assert_promises_kept()

    def test_gives_a_waiting_contact_by_hand(self):
        contact, operator = WaitingContactFactory(), OperatorFactory()
        reassign_contact(contact.pk, operator_id=operator.pk, actor="test")
        assert state(contact) == ("assigned", operator.pk)
        assert periods(contact) == [("queued", None, "assigned"), ("manual", operator.pk, "")]
        assert_promises_kept()

    def test_exceeds_the_limit_only_when_told_to_and_why(self, full):
        weight, _ = full
        contact = WaitingContactFactory(source=weight.source)
        ask = {"operator_id": weight.operator_id, "actor": "test"}
        with pytest.raises(Conflict) as refusal:
            reassign_contact(contact.pk, **ask)
        assert (refusal.value.code, refusal.value.field) == ("operator_at_limit", "operator_id")
        with pytest.raises(Invalid) as invalid:
            reassign_contact(contact.pk, **ask, over_limit=True, reason=" ")
        assert (invalid.value.code, invalid.value.field) == ("reason_required", "reason")
        assert state(contact) == ("waiting", None)
        reassign_contact(contact.pk, **ask, over_limit=True, reason="knows the customer")
        assert state(contact) == ("assigned", weight.operator_id)
        decision = Assignment.objects.get(contact=contact, ended_at=None).decision
        assert (decision["over_limit"], decision["reason"]) == (True, "knows the customer")
        assert_promises_kept(over_limit=True)

    def test_to_somebody_who_is_off_is_refused(self, full):
        _, contact = full
        operator = OperatorFactory(is_active=False)
        with pytest.raises(Conflict) as refusal:
            reassign_contact(
                contact.pk, operator_id=operator.pk, actor="test", over_limit=True, reason="x"
            )
        assert refusal.value.code == "operator_inactive"
        assert_promises_kept()

    def test_to_whoever_has_it_changes_nothing(self, full):
        weight, contact = full
        moved = reassign_contact(
            contact.pk, operator_id=weight.operator_id, actor="test", version=7
        )
        assert not moved.changed
        assert load(weight.operator) == 1

    def test_of_a_closed_contact_is_refused(self):
        with pytest.raises(Conflict) as refusal:
            reassign_contact(
                ClosedContactFactory().pk, operator_id=OperatorFactory().pk, actor="test"
            )
        assert refusal.value.code == "contact_closed"

    def test_to_an_unknown_operator_is_not_found(self, full):
        with pytest.raises(NotFound) as refusal:
            reassign_contact(full[1].pk, operator_id=10**9, actor="test")
        assert (refusal.value.code, refusal.value.field) == ("operator_not_found", "operator_id")


class TestTakeNext:
    def test_gives_the_oldest_of_the_operators_sources(self):
        operator = OperatorFactory(max_load=1)
        WaitingContactFactory()  # of a source that is none of theirs
        off = WeightFactory(operator=operator, source__is_active=False).source
        oldest, _ = WaitingContactFactory.create_batch(2, source=off)
        assert take_next_contact(operator.pk, actor="test").contact == oldest
        assert state(oldest) == ("assigned", operator.pk)
        assert periods(oldest)[-1] == ("manual", operator.pk, "")
        assert_promises_kept()

    def test_of_a_source_named(self):
        contact, operator = WaitingContactFactory(), OperatorFactory()
        moved = take_next_contact(operator.pk, actor="test", source_id=contact.source_id)
        assert moved.contact == contact

    def test_is_nothing_when_nothing_waits(self):
        assert take_next_contact(OperatorFactory().pk, actor="test") is None

    def test_twice_with_the_contact_expected_gives_it_once(self):
        operator = OperatorFactory()
        first, second, third = WaitingContactFactory.create_batch(3, source=SourceFactory())
        ask = {"actor": "test", "source_id": first.source_id, "expected_id": first.pk}
        assert take_next_contact(operator.pk, **ask).changed
        assert not take_next_contact(operator.pk, **ask).changed
        assert state(second) == ("waiting", None)
        with pytest.raises(Conflict) as refusal:
            take_next_contact(OperatorFactory().pk, **ask)
        assert refusal.value.code == "contact_changed"
        assert refusal.value.present["operator_id"] == operator.pk
        with pytest.raises(Conflict) as refusal:
            take_next_contact(operator.pk, **ask | {"expected_id": third.pk})
        assert refusal.value.code == "contact_not_next"

    def test_over_the_limit_needs_a_reason(self, full):
        weight, _ = full
        contact = WaitingContactFactory(source=weight.source)
        with pytest.raises(Conflict, match="at the limit"):
            take_next_contact(weight.operator_id, actor="test")
        take_next_contact(weight.operator_id, actor="test", over_limit=True, reason="urgent")
        assert state(contact) == ("assigned", weight.operator_id)
        assert_promises_kept(over_limit=True)


MOVES = {
    "close": close_contact,
    "requeue": requeue_contact,
    "reassign": lambda pk, **rest: reassign_contact(pk, operator_id=OperatorFactory().pk, **rest),
    "reopen": reopen_contact,
}


@pytest.mark.parametrize("name", MOVES)
def test_refuses_a_contact_that_changed_since_it_was_read(name):
    factory = ClosedContactFactory if name == "reopen" else AssignedContactFactory
    contact = factory(version=4)
    before = state(contact)
    with pytest.raises(Conflict) as refusal:
        MOVES[name](contact.pk, actor="test", version=3)
    assert refusal.value.code == "contact_changed"
    assert refusal.value.present == {
        "id": contact.pk, "status": before[0], "operator_id": before[1], "version": 4,
    }  # fmt: skip
    assert state(contact) == before
    assert MOVES[name](contact.pk, actor="test", version=4).changed


@pytest.mark.parametrize("name", MOVES)
def test_an_unknown_contact_is_not_found(name):
    with pytest.raises(NotFound) as refusal:
        MOVES[name](10**9, actor="test")
    assert refusal.value.code == "contact_not_found"


@pytest.mark.parametrize("reason", ["x" * 501, "a\u202eb", "a\x00b"])
def test_refuses_a_reason_that_will_not_do(reason):
    contact = AssignedContactFactory()
    with pytest.raises(Invalid) as refusal:
        close_contact(contact.pk, actor="test", reason=reason)
    assert refusal.value.field == "reason"
    assert state(contact)[0] == "assigned"


def test_every_move_makes_a_new_version():
    weight = WeightFactory(operator__max_load=0)
    contact = WaitingContactFactory(source=weight.source)
    versions = [contact.version]
    for move in ("reassign", "requeue", "close", "reopen"):
        versions.append(MOVES[move](contact.pk, actor="test").contact.version)
    assert versions == [1, 2, 3, 4, 5]


def test_one_period_ends_as_the_next_begins():
    weight = WeightFactory(operator__max_load=0)
    contact = WaitingContactFactory(source=weight.source)
    for move in ("reassign", "requeue", "reassign", "close"):
        moved = MOVES[move](contact.pk, actor="test").contact
        if move == "reassign":
            assert moved.assigned_at == Assignment.objects.get(ended_at=None).started_at
    rows = Assignment.objects.filter(contact=contact).order_by("pk")
    times = list(rows.values_list("started_at", "ended_at"))
    assert all(before[1] == after[0] for before, after in pairwise(times))
    assert moved.closed_at == times[-1][1]
