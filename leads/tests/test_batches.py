"""A change that opens places to a long queue takes several transactions, and shows with the last.

At the end of each of them nobody waits beside a free place.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from distribution.models import AuditEvent, Operator, OperatorSourceWeight, Source
from distribution.services import (
    add_weight,
    replace_weights,
    update_operator,
    update_source,
    update_weight,
)
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.services import close_contact, waiting
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory, WaitingContactFactory
from leads.tests.seen import watched_commits

pytestmark = pytest.mark.django_db


class Stopped(Exception):
    """The process was stopped here."""


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(waiting, "AT_ONCE", 3)
    monkeypatch.setattr(waiting, "BATCH", 2)


def queue_of(source, length):
    return WaitingContactFactory.create_batch(length, source=source, lead=LeadFactory())


def weight_with_queue(length=8, **facts):
    weight = WeightFactory(**{"operator__max_load": 20} | facts)
    queue_of(weight.source, length)
    return weight


def assigned():
    """How many of the queue are assigned, the oldest; no promise is broken."""
    assert_promises_kept()
    statuses = list(Contact.objects.order_by("pk").values_list("status", flat=True))
    number = statuses.count("assigned")
    assert statuses[:number] == ["assigned"] * number, "a younger contact was served first"
    return number


def settings():
    operators = Operator.objects.order_by("pk").values_list("name", "is_active", "max_load")
    sources = Source.objects.order_by("pk").values_list("name", "is_active")
    return [*operators], [*sources], weights()


def weights():
    rows = OperatorSourceWeight.objects.order_by("pk")
    return list(rows.values_list("pk", "operator_id", "weight"))


def shown():
    return settings(), assigned()


OPENINGS = {
    "operator on": (
        {"operator__is_active": False},
        lambda weight: update_operator(
            weight.operator_id, is_active=True, max_load=19, name="New name", actor="test"
        ),
    ),
    "source on": (
        {"source__is_active": False},
        lambda weight: update_source(
            weight.source_id, is_active=True, name="New name", actor="test"
        ),
    ),
    "weight raised": (
        {"weight": 0},
        lambda weight: update_weight(weight.pk, weight=5, actor="test"),
    ),
    "set replaced": (
        {"weight": 0},
        lambda weight: replace_weights(weight.source_id, {weight.operator_id: 5}, actor="test"),
    ),
}
each_opening = pytest.mark.parametrize("opening", OPENINGS)


@each_opening
def test_shows_the_whole_change_with_the_last_batch(opening):
    facts, change = OPENINGS[opening]
    weight = weight_with_queue(**facts)
    before = settings()
    with watched_commits(look=shown) as states:
        change(weight)
    after = settings()
    assert before != after
    assert states == [(before, 3), (before, 6), (after, 8)]


@each_opening
def test_ends_with_the_batch_that_empties_the_queue(opening):
    facts, change = OPENINGS[opening]
    weight = weight_with_queue(length=6, **facts)
    with watched_commits(look=assigned) as states:
        change(weight)
    assert states == [3, 6]


@each_opening
def test_records_the_change_once(opening):
    facts, change = OPENINGS[opening]
    change(weight_with_queue(**facts))
    event = AuditEvent.objects.get()
    assert (event.action, event.before == event.after) == ("changed", False)


@each_opening
def test_stopped_in_the_middle_leaves_the_setting_and_what_was_assigned(opening, monkeypatch):
    """The first transaction is done, the second has assigned two of its three."""
    facts, change = OPENINGS[opening]
    weight = weight_with_queue(**facts)
    before = shown()
    hand_over, calls = waiting.hand_over, iter(range(1, 9))

    def stopped(*args, **ask):
        hand_over(*args, **ask)
        if next(calls) == 3:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(waiting, "hand_over", stopped)
        with pytest.raises(Stopped):
            change(weight)
    assert shown() == (before[0], 3)
    assert not AuditEvent.objects.exists()
    change(weight)
    assert assigned() == 8
    assert settings() != before[0]


def test_a_new_weight_shows_with_the_last_batch():
    source, operator = SourceFactory(), OperatorFactory(max_load=7)
    queue_of(source, 8)
    with watched_commits(look=lambda: (weights(), assigned())) as states:
        row = add_weight(operator_id=operator.pk, source_id=source.pk, weight=2, actor="test")
    assert states == [([], 3), ([], 6), ([(row.pk, operator.pk, 2)], 7)]


def test_a_replaced_set_keeps_the_rows_of_those_who_stay():
    """One is raised, one lowered, one left as it is, one taken out, one comes in."""
    source = SourceFactory()
    raised, lowered, same, out = (
        WeightFactory(source=source, weight=weight, operator__max_load=limit)
        for weight, limit in [(0, 4), (9, 0), (3, 0), (4, 0)]
    )
    new = OperatorFactory(max_load=3)
    queue_of(source, 8)
    before = weights()
    wanted = {raised.operator_id: 1, lowered.operator_id: 8, same.operator_id: 3, new.pk: 2}
    with watched_commits(look=lambda: (weights(), assigned())) as states:
        replace_weights(source.pk, wanted, actor="test")
    after = weights()
    assert states == [(before, 3), (before, 6), (after, 7)]
    assert after[:3] == [
        (raised.pk, raised.operator_id, 1),
        (lowered.pk, lowered.operator_id, 8),
        (same.pk, same.operator_id, 3),
    ]
    assert [facts for _, *facts in after[3:]] == [[new.pk, 2]]
    assert out.pk not in {pk for pk, *_ in after}


def test_a_raised_limit_shows_as_far_as_its_places_are_taken():
    weight = weight_with_queue(operator__max_load=0)
    with watched_commits(look=lambda: (limit(), assigned())) as states:
        update_operator(weight.operator_id, max_load=20, actor="test")
    assert states == [(3, 3), (6, 6), (20, 8)]
    events = AuditEvent.objects.order_by("pk")
    limits = [(each.before["max_load"], each.after["max_load"]) for each in events]
    assert limits == [(0, 3), (3, 6), (6, 20)]


def limit():
    return Operator.objects.values_list("max_load", flat=True).get()


@each_opening
def test_minds_what_others_change_between_the_batches(opening):
    """A limit lowered meanwhile holds, unless the change itself sets another one."""
    facts, change = OPENINGS[opening]
    weight = weight_with_queue(**facts)
    with watched_commits(look=once(lambda: lower(weight, 5))):
        change(weight)
    assert assigned() == (8 if opening == "operator on" else 5)
    assert limit() == (19 if opening == "operator on" else 5)


def lower(weight, limit):
    update_operator(weight.operator_id, max_load=limit, actor="user:2")


@each_opening
def test_is_made_when_others_have_emptied_the_queue_between_the_batches(opening):
    facts, change = OPENINGS[opening]
    weight = weight_with_queue(**facts)
    before = settings()
    with watched_commits(look=once(close_all_waiting)):
        change(weight)
    assert settings() != before
    assert Contact.objects.assigned().count() == 3
    assert_promises_kept()


def close_all_waiting():
    for contact in Contact.objects.waiting():
        close_contact(contact.pk, actor="user:2")


def once(happen):
    """A look that lets something happen after the first transaction that it sees."""
    calls = iter([happen])

    def look():
        next(calls, assert_promises_kept)()

    return look


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("opening", ["operator on", "source on"])
def test_another_connection_sees_no_more_after_each_commit(opening, monkeypatch):
    facts, change = OPENINGS[opening]
    weight = weight_with_queue(**facts)
    before, states, commit = settings(), [], connection.commit
    with ThreadPoolExecutor(1) as elsewhere:

        def watched_commit():
            commit()
            states.append(elsewhere.submit(shown).result(timeout=30))

        monkeypatch.setattr(connection, "commit", watched_commit)
        change(weight)
        elsewhere.submit(connections.close_all).result(timeout=30)
    assert states == [(before, 3), (before, 6), (settings(), 8)]
