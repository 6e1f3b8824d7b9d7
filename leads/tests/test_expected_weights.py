"""A set of weights that is saved as a change of the one that was read, while others save too."""

from functools import partial

import pytest

from distribution.models import AuditEvent, OperatorSourceWeight
from distribution.services import replace_weights, update_weight
from distribution.tests.factories import WeightFactory
from distribution.tests.interleaving import Worker, interleave
from leads.models import Contact
from leads.services import waiting
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import LeadFactory, WaitingContactFactory
from leads.tests.seen import watched_commits
from minicrm.errors import Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_queue(monkeypatch):
    """A weight of 0, and a queue that takes three transactions once it is more than that."""
    monkeypatch.setattr(waiting, "AT_ONCE", 3)
    monkeypatch.setattr(waiting, "BATCH", 2)
    weight = WeightFactory(weight=0, operator__max_load=20)
    WaitingContactFactory.create_batch(8, source=weight.source, lead=LeadFactory())
    return weight


def save(weight, new):
    expected = {weight.operator_id: 0}
    replace_weights(weight.source_id, {weight.operator_id: new}, expected=expected, actor="test")


def test_holds_through_all_batches_of_a_long_queue(long_queue):
    with watched_commits() as commits:
        save(long_queue, 5)
    assert len(commits) == 3
    assert Contact.objects.assigned().count() == 8
    assert OperatorSourceWeight.objects.get().weight == 5
    assert AuditEvent.objects.count() == 1


def test_what_others_save_between_two_batches_is_not_overwritten(long_queue):
    """What was handed out so far stays handed out."""
    others = iter([partial(update_weight, long_queue.pk, weight=7, actor="user:2")])

    def look():
        next(others, assert_promises_kept)()

    with watched_commits(look=look), pytest.raises(Conflict) as refusal:
        save(long_queue, 5)

    assert refusal.value.present == {str(long_queue.operator_id): 7}
    assert OperatorSourceWeight.objects.get().weight == 7
    assert [event.actor for event in AuditEvent.objects.all()] == ["user:2"]
    assert_promises_kept()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_one_is_refused_wherever_the_first_is_stopped():
    crew = Worker("the first"), Worker("the second")
    try:
        for stop_at in range(1, 100):
            weight = WeightFactory(weight=0)
            jobs = partial(save, weight, 2), partial(save, weight, 3)
            ran = interleave(jobs, crew, stop_at=stop_at)
            refused = [isinstance(outcome, Conflict) for outcome in ran.outcomes]
            assert sorted(refused) == [False, True], f"{ran}: {ran.outcomes}"
            saved = OperatorSourceWeight.objects.get(pk=weight.pk).weight
            assert saved == (3 if refused[0] else 2), str(ran)
            if ran.stopped_before is None:
                break
        assert 2 < stop_at < 99
    finally:
        for worker in crew:
            worker.close()
