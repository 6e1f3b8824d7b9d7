"""Tests of the tests: each kind of damage is found, and found as what it is."""

import contextlib
from copy import deepcopy
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F

from distribution.models import AuditEvent, Operator
from leads.models import Assignment, Contact, IdempotencyRecord, Lead
from leads.services import close_contact, reassign_contact
from tools.tests.stress_history import healthy_history, serve_the_unserved

pytestmark = pytest.mark.django_db

STORED = "acknowledged = stored exactly once"
UNANSWERED = "unanswered = stored once or not at all"
NOTHING_ELSE = "nothing else is stored"
MOVES = "acknowledged moves = stored exactly once"
LOADS = "load = assigned contacts"
LIMITS = "never over the limit"
PLACES = "nobody waits beside a free place"
SWEEP = "assign_waiting finds nothing"
PERIODS = "one open period per open contact"
TIMES = "no two periods at one time"
CHAIN = "each period ends as the next begins"
LAST = "status, operator, times = last period"
VERSION = "version = moves in the history"
DECISION = "each decision explains its period"
HALF = "nothing half stored"
KEYS = "idempotency keys hold what was answered"
LEADS = "one lead per person"
SETTINGS = "acknowledged settings are stored"
AUDIT = "audit events lead to the present"
ANSWERS = "answers: no 5xx but 503 + Retry-After"
EQUAL = "equal posts: one contact, equal answers"
RACES = "races: one gets the last place"
ALL_ANSWERED = "all posts were answered in the end"


def duplicate(contact, **changes):
    """Store a contact once more, with the same history."""
    periods = list(contact.assignments.all())
    contact.pk = None
    for name, value in changes.items():
        setattr(contact, name, value)
    contact.save()
    for period in periods:
        period.pk, period.contact = None, contact
        period.save()


@contextlib.contextmanager
def unchecked(constraint):
    """Do without a check of the table of periods; on PostgreSQL until the transaction ends."""
    connection.check_constraints()  # PostgreSQL alters no table while any are still to be checked
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(
            "PRAGMA ignore_check_constraints = ON"
            if sqlite
            else f"ALTER TABLE leads_assignment DROP CONSTRAINT {constraint}"
        )
        yield
        if sqlite:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def lose_contact(history):
    history.contact("g1").delete()


def double_contact(history):
    duplicate(history.contact("g1"))


def add_unknown_contact(history):
    duplicate(history.contact("g1"), message="never sent")


def store_unanswered_twice(history):
    record = next(one for one in history.records if one["name"] == "g1")
    record |= {"got": None, "status": None, "tally": {"no answer": 40}}
    duplicate(history.contact("g1"))


def give_two_answers(history):
    first = history.records[0]
    history.records.append(first | {"got": first["got"] | {"created_at": "another"}})


def change_load(history):
    Operator.objects.filter(pk=history.operators[2].pk).update(current_load=2)


def lose_place(history):
    """A load that is too high hides a place: no check of places sees it, that of loads does."""
    Operator.objects.filter(pk=history.operators[0].pk).update(current_load=F("current_load") + 1)


def exceed_limit(history):
    operator = history.operators[0]
    history.move("reassign", "e1", reassign_contact, operator_id=history.operators[1].pk,
                 over_limit=True)  # fmt: skip
    while Operator.objects.get(pk=operator.pk).current_load <= 4:
        other = Contact.objects.assigned().exclude(operator=operator).first()
        history.move("reassign", other.message, reassign_contact, operator_id=operator.pk,
                     over_limit=True)  # fmt: skip


def wait_beside_a_place(history):
    serve_the_unserved(history)


def assign_to_another(history):
    contact = history.contact("e1")
    Contact.objects.filter(pk=contact.pk).update(operator=history.operators[2])


def swap_operators(history):
    """Two contacts change hands behind the services' back: the loads are still right."""
    one, other = history.contact("c1"), history.contact("e1")
    for contact, operator_id in ((one, other.operator_id), (other, one.operator_id)):
        Contact.objects.filter(pk=contact.pk).update(operator_id=operator_id)


def open_second_period(history):
    connection.check_constraints()  # PostgreSQL drops no index while any are still to be checked
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX assignment_one_open")
    period = history.contact("g1").assignments.get()
    period.pk = None
    period.save()


def lose_periods(history):
    history.contact("g1").assignments.all().delete()


def leave_gap(history):
    earlier = history.contact("c1").assignments.order_by("pk").first()
    earlier.ended_at += timedelta(seconds=1)
    earlier.save()


def begin_too_early(history):
    """The last of several periods, while the first was still going on."""
    first, *_, last = history.contact("c1").assignments.order_by("pk")
    last.started_at = first.started_at
    last.save()


def end_before_the_begin(history):
    """Which the database would refuse."""
    period = history.contact("a1").assignments.filter(ended_as="closed")
    with unchecked("assignment_ends_after_start"):
        period.update(ended_at=F("started_at") - timedelta(seconds=1))


def forge_ending(history):
    history.contact("c1").assignments.filter(ended_as="reassigned").update(ended_as="redistributed")


def skip_version(history):
    Contact.objects.filter(message="g1").update(version=F("version") + 1)


def forge_decision(history):
    Assignment.objects.filter(contact__message="g1").update(decision={"method": "drain"})


def forge_candidates(history):
    period = history.contact("e1").assignments.get(method="drain")
    for candidate in period.decision["candidates"]:
        candidate["load"] = candidate["limit"]
    period.save()


def lose_move(history):
    history.keep("close", "close-d2", contact=history.contact("d2").pk, got={"changed": True})


def move_unacknowledged(history):
    close_contact(history.contact("g1").pk, actor="test", reason="nobody asked")


def leave_half_a_lead(history):
    Lead.objects.create(external_id="half")


def leave_half_a_key(history):
    IdempotencyRecord.objects.create(scope="test", key="half", digest="")


def answer_for_another(history):
    IdempotencyRecord.objects.filter(key="g1").update(response={"id": 0})


def split_lead(history):
    lead = Lead.objects.create(external_id="split")
    Contact.objects.filter(message="a1").update(lead=lead)
    history.records[0]["got"]["lead_id"] = lead.pk


def lose_setting(history):
    operator = Operator.objects.filter(pk=history.operators[0].pk)
    operator.update(name="Somebody else")


def lose_event(history):
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {AuditEvent._meta.db_table} WHERE action = 'changed'")


def answer_500(history):
    history.records[0]["tally"] = {"500 internal_error": 2, "201": 1}


def answer_503_without_a_time(history):
    history.records[0]["tally"] = {"503 without Retry-After": 1}


def answer_404(history):
    history.records[0]["tally"] = {"404 contact_not_found": 1}


def answer_equal_posts_differently(history):
    replayed = next(one for one in history.records if one["kind"] == "equal" and one["replayed"])
    replayed["got"] = replayed["got"] | {"status": "closed"}


def answer_two_equal_posts_as_new(history):
    replayed = next(one for one in history.records if one["kind"] == "equal" and one["replayed"])
    replayed["replayed"] = False


def win_a_race_twice(history):
    history.post("race-2", history.source, kind="race", race="race")
    history.records[-1]["got"] = history.records[-1]["got"] | {"status": "assigned"}


def stay_silent(history):
    record = history.keep("post", "silent", None, sent={"external_id": "person-1"}, got=None)
    record["tally"] = {"no answer": 40}


DAMAGES = {
    lose_contact: {STORED: 1},
    double_contact: {STORED: 1},
    add_unknown_contact: {NOTHING_ELSE: 1},
    store_unanswered_twice: {UNANSWERED: 1, ALL_ANSWERED: 1},
    give_two_answers: {STORED: 1},
    change_load: {LOADS: 1},
    lose_place: {LOADS: 1, LIMITS: 1},
    exceed_limit: {LIMITS: 1},
    wait_beside_a_place: {PLACES: 2, SWEEP: 1},
    assign_to_another: {LOADS: 2, PERIODS: 1, LAST: 1},
    swap_operators: {PERIODS: 2, LAST: 2},
    open_second_period: {PERIODS: 1, CHAIN: 2, VERSION: 1, TIMES: 1},
    lose_periods: {PERIODS: 1, CHAIN: 1, VERSION: 1},
    leave_gap: {CHAIN: 1, TIMES: 1},
    begin_too_early: {CHAIN: 1, TIMES: 1, LAST: 1},
    end_before_the_begin: {TIMES: 1},
    forge_ending: {CHAIN: 1, MOVES: 1},
    skip_version: {VERSION: 1},
    forge_decision: {DECISION: 1},
    forge_candidates: {DECISION: 1},
    lose_move: {MOVES: 1},
    move_unacknowledged: {MOVES: 1},
    leave_half_a_lead: {HALF: 1},
    leave_half_a_key: {HALF: 1},
    answer_for_another: {KEYS: 1},
    split_lead: {LEADS: 1},
    lose_setting: {SETTINGS: 1, AUDIT: 1},
    lose_event: {AUDIT: 2},
    answer_500: {ANSWERS: 2},
    answer_503_without_a_time: {ANSWERS: 1},
    answer_404: {ANSWERS: 1},
    answer_equal_posts_differently: {EQUAL: 1, STORED: 1},
    answer_two_equal_posts_as_new: {EQUAL: 1},
    win_a_race_twice: {RACES: 1},
    stay_silent: {ALL_ANSWERED: 1},
}


def test_a_healthy_history_has_no_violations():
    assert healthy_history().violated() == {}


def test_every_check_can_fail():
    damaged = {check for violated in DAMAGES.values() for check in violated}
    assert healthy_history().checked().keys() <= damaged


@pytest.mark.slow_on_postgresql
def test_each_damage_is_found_as_what_it_is():
    # One history for all of them: making it takes longer than looking at it.
    stored = healthy_history()
    found = {}
    for damage in DAMAGES:
        history = deepcopy(stored)
        with transaction.atomic():
            damage(history)
            found[damage] = history.violated()
            transaction.set_rollback(True)
    assert found == DAMAGES
