"""The state machine sees each of these faults: a test of the test.

Each is planted once the world of a history stands, before the first service is called.
"""

import pytest
from django.db.models import F, QuerySet
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from distribution.models import Operator
from distribution.services import Claim, operators, place_sql, sources, weights
from leads.models import ContactQuerySet
from leads.services import closing, reassigning, switching, waiting
from leads.tests.state_machine import Machine

FAULTS = {}
ON_BOTH_DATABASES = set()


def fault(plant):
    FAULTS[plant.__name__] = plant
    return plant


def fault_on_both(plant):
    """That the comparison sees a fault is no matter of the database; some are planted on both."""
    ON_BOTH_DATABASES.add(plant.__name__)
    return fault(plant)


@fault_on_both
def queue_newest_first(patch):
    def order_by(queryset, *fields):
        return QuerySet.order_by(queryset, *(f"-{each}" for each in fields))

    patch.setattr(ContactQuerySet, "order_by", order_by, raising=False)


@fault_on_both
def close_hands_nothing_on(patch):
    def give_up_only(operators, source_ids, **_):
        waiting.give_up_places(dict.fromkeys(operators, 1))
        return 0

    patch.setattr(closing, "hand_on_places", give_up_only)


@fault_on_both
def close_forgets_the_load(patch):
    patch.setattr(waiting, "give_up_places", lambda places: None)


@fault_on_both
def requeue_leaves_a_gap_in_the_timeline(patch):
    patch.setattr(reassigning, "begin_periods", unless_queued(reassigning.begin_periods))


def unless_queued(begin_periods):
    def begin(claims, *, now):
        begin_periods([(pk, claim) for pk, claim in claims if claim.operator_id], now=now)

    return begin


@fault_on_both
def reopen_goes_back_whatever_the_limit(patch):
    def claim_operator(*, last_operator_id, **rest):
        if last_operator_id is None:
            return real(last_operator_id=None, **rest)
        add_one(last_operator_id)
        decision = {"method": "reopening", "by": rest["actor"], "operator_id": last_operator_id}
        return Claim(last_operator_id, decision)

    real = closing.claim_operator
    patch.setattr(closing, "claim_operator", claim_operator)


@fault
def reassign_ignores_the_limit(patch):
    patch.setattr(reassigning, "take_place", lambda operator, *, over_limit: add_one(operator.pk))


@fault
def stale_request_is_obeyed(patch):
    for module in (closing, reassigning):
        patch.setattr(module, "refuse_stale", lambda contact, version: None)


@fault_on_both
def switch_shows_with_the_first_batch(patch):
    """What should be put back while contacts still wait for the places stays as it is."""
    write = operators._write

    def write_on(operator, changes):
        if len(changes) < 3:
            write(operator, changes)

    patch.setattr(operators, "_write", write_on)


@fault
def raised_limit_hands_nothing_out(patch):
    patch.setattr(operators, "announce", lambda **_: True)


@fault
def source_is_switched_on_unheard(patch):
    patch.setattr(sources, "announce", lambda **_: True)


@fault
def weight_is_raised_unheard(patch):
    patch.setattr(weights, "announce", lambda **_: True)


@fault
def long_queue_is_left_after_the_first_batch(patch):
    """The receiver says that all was done, whatever it has done."""
    for module in (operators, sources, weights):
        patch.setattr(module, "announce", told_finished(module.announce))


def told_finished(announce):
    def finished(**ask):
        announce(**ask)
        return True

    return finished


@fault
def long_queue_is_emptied_in_one_transaction(patch):
    for module in (operators, sources, weights):
        patch.setattr(module, "announce", repeated(module.announce))


def repeated(announce):
    def until_finished(**ask):
        while not announce(**ask):
            pass
        return True

    return until_finished


@fault
def drained_contact_keeps_its_version(patch):
    hand_over = waiting.hand_over

    def same_version(claims, **rest):
        hand_over(claims, **rest)
        for contact, _ in claims:
            type(contact).objects.filter(pk=contact.pk).update(version=contact.version)

    patch.setattr(waiting, "hand_over", same_version)


@fault
def switching_off_keeps_the_load(patch):
    patch.setattr(switching, "give_up_places", lambda places: None)


@fault
def arrival_takes_one_place_too_many(patch):
    """Count, then take, with nothing that binds the two: here it has miscounted by one."""
    count = place_sql.candidates_in

    def miscounted(rows):
        return [one._replace(limit=one.limit + 1) for one in count(rows) or []]

    patch.setattr(place_sql, "candidates_in", miscounted)
    patch.setattr(place_sql, "TAKE", TAKE_UNSEEN)


@fault
def change_of_an_operator_is_not_recorded(patch):
    patch.setattr(operators, "record_operator", lambda *_, **__: None)


TAKE_UNSEEN = """
UPDATE distribution_operator SET current_load = current_load + 1 WHERE id = %s RETURNING id, name
"""


def add_one(operator_id):
    return Operator.objects.filter(pk=operator_id).update(current_load=F("current_load") + 1)


def marked(name):
    here = [pytest.mark.slow_on_postgresql]
    other = [pytest.mark.any_database, pytest.mark.thorough]
    marks = here if name in ON_BOTH_DATABASES else other
    return pytest.param(name, marks=marks)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("name", [marked(name) for name in FAULTS])
def test_the_state_machine_sees(name):
    class Broken(Machine):
        break_it = FAULTS[name]

    few = settings(
        max_examples=40,
        stateful_step_count=15,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=few)
