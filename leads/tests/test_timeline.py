"""A contact's timeline: what its periods and their records say happened, in order."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from distribution.models import Operator
from distribution.services import update_operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment, Contact
from leads.services import (
    ContactRequest,
    close_contact,
    reassign_contact,
    register_contact,
    reopen_contact,
    requeue_contact,
    switch_operator_off,
    take_next_contact,
)
from leads.timeline import Kind, events, timeline_of

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def register(weight, **kwargs):
    request = ContactRequest(source_id=weight.source_id, external_id="a")
    receipt = register_contact(request, actor="api_key:1", **kwargs).receipt
    return Contact.objects.get(pk=receipt["id"])


def told(contact):
    """Return the events in short: kind, by whom, to whom, from whom, how."""
    return [
        (event.kind, event.by, event.operator, event.from_operator, event.method)
        for event in timeline_of(contact)
    ]


@pytest.mark.django_db
class TestMoves:
    @pytest.fixture
    def weight(self):
        return WeightFactory(operator__max_load=1)

    def test_arrival_with_an_operator(self, weight):
        contact = register(weight)
        received, assigned = timeline_of(contact)
        assert (received.kind, received.at, received.by) == (
            Kind.RECEIVED, contact.created_at, "api_key:1",
        )  # fmt: skip
        assert (received.operator, received.method, received.decision) == (None, "", None)
        assert (assigned.kind, assigned.operator) == (Kind.ASSIGNED, weight.operator)
        assert (assigned.by, assigned.method) == ("api_key:1", "weighted_random")
        assert assigned.decision["candidates"][0]["operator_id"] == weight.operator_id

    def test_waiting_says_why_nobody_could_take_it(self, weight):
        weight.operator.is_active = False
        weight.operator.save()
        waiting = timeline_of(register(weight))[1]
        assert (waiting.kind, waiting.operator, waiting.method) == (Kind.WAITING, None, "queued")
        assert waiting.decision["left_out_count"] == {"inactive": 1}

    def test_a_whole_life(self, weight):
        first, other = weight.operator, OperatorFactory()
        update_operator(first.pk, actor="test", is_active=False)
        contact = register(weight)
        update_operator(first.pk, actor="user:2", is_active=True)
        reassign_contact(contact.pk, operator_id=other.pk, actor="user:3", reason="knows them")
        close_contact(contact.pk, actor="user:4", reason="answered")
        reopen_contact(contact.pk, actor="user:5", reason="called again")
        requeue_contact(contact.pk, actor="user:6", reason="on holiday")
        assert told(contact) == [
            ("received", "api_key:1", None, None, ""),
            ("waiting", "api_key:1", None, None, "queued"),
            ("assigned", "user:2", first, None, "drain"),
            ("reassigned", "user:3", other, first, "reassignment"),
            ("closed", "user:4", None, other, ""),
            # The last operator has no weight for the source, so it went by the normal choice.
            ("reopened", "user:5", first, None, "weighted_random"),
            ("requeued", "user:6", None, first, "queued"),
            ("assigned", "user:6", first, None, "drain"),
        ]
        reasons = [event.reason for event in timeline_of(contact)]
        expected = ["", "", "", "knows them", "answered", "called again", "on holiday", ""]
        assert reasons == expected
        moments = [event.at for event in timeline_of(contact)]
        assert moments == sorted(moments)

    def test_reopened_and_waiting_again(self, weight):
        contact = register(weight)
        close_contact(contact.pk, actor="test")
        update_operator(weight.operator_id, actor="test", is_active=False)
        reopen_contact(contact.pk, actor="user:5", reason="called again")
        reopened = timeline_of(contact)[-1]
        assert (reopened.kind, reopened.operator, reopened.method) == ("reopened", None, "queued")
        assert reopened.reason == "called again"

    def test_taken_by_hand_over_the_limit(self, weight):
        register(weight)
        waiting = register(weight)
        take_next_contact(weight.operator_id, actor="user:3", over_limit=True, reason="cannot wait")
        taken = timeline_of(waiting)[-1]
        assert (taken.kind, taken.method, taken.reason) == ("assigned", "manual", "cannot wait")
        assert (taken.by, taken.operator, taken.from_operator) == ("user:3", weight.operator, None)
        assert taken.decision["over_limit"] is True

    @pytest.mark.parametrize(
        ("choice", "event"),
        [
            ("requeue", ("requeued", "queued")),
            ("redistribute", ("redistributed", "redistribution")),
        ],
    )
    def test_operator_switched_off(self, weight, choice, event):
        contact = register(weight)
        other = WeightFactory(source=weight.source).operator
        switch_operator_off(weight.operator_id, actor="user:7", open_contacts=choice)
        moved = timeline_of(contact)[2]
        assert ((moved.kind, moved.method), moved.by) == (event, "user:7")
        assert moved.from_operator == weight.operator
        assert timeline_of(contact)[-1].operator == other

    @pytest.mark.parametrize("moves", [1, 12])
    def test_takes_one_query_however_long_it_is(self, weight, moves, django_assert_num_queries):
        contact, others = register(weight), OperatorFactory.create_batch(moves)
        for other in others:
            reassign_contact(contact.pk, operator_id=other.pk, actor="test")
        with django_assert_num_queries(1):
            names = [event.operator and event.operator.name for event in timeline_of(contact)]
        assert names[-1] == others[-1].name


def period(minute, *, operator=None, method="queued", until=None, ended_as="", **kwargs):
    return Assignment(
        operator=operator,
        method=method,
        started_at=NOON + timedelta(minutes=minute),
        ended_at=until and NOON + timedelta(minutes=until),
        ended_as=ended_as,
        **kwargs,
    )


class TestOldRecords:
    """What was stored before it was noted who did what."""

    operator = Operator(pk=7, name="Operator 7")

    def told(self, *periods, **kwargs):
        contact = Contact(created_at=NOON, **kwargs)
        return [(event.kind, event.at.minute, event.by) for event in events(contact, periods)]

    @pytest.mark.parametrize("decision", [{}, [], None, {"by": 5, "reason": None}, "odd"])
    def test_without_a_decision(self, decision):
        queued = period(0, until=5, ended_as="assigned", ended_by="user:1", decision=decision)
        taken = period(5, operator=self.operator, method="manual", decision=decision)
        assert self.told(queued, taken) == [
            ("received", 0, ""), ("waiting", 0, ""), ("assigned", 5, "user:1"),
        ]  # fmt: skip

    def test_requeued_tells_when_it_was_taken_away(self):
        first = period(
            0, operator=self.operator, method="drain", until=4, ended_as="requeued", ended_by="me"
        )
        assert self.told(first, period(6))[-1] == ("requeued", 4, "me")

    def test_reopened_by_nobody_known_was_not_reopened_by_who_closed_it(self):
        closed = period(
            0, operator=self.operator, method="drain", until=4, ended_as="closed", ended_by="me"
        )
        assert self.told(closed, period(6))[-2:] == [("closed", 4, "me"), ("reopened", 6, "")]

    def test_closed_without_any_period(self):
        closed_at = timezone.now().replace(minute=9)
        contact = Contact(created_at=NOON, closed_at=closed_at, operator=self.operator)
        received, closed = events(contact, [])
        assert (received.kind, closed.kind, closed.at) == ("received", "closed", closed_at)
        assert closed.from_operator == self.operator
