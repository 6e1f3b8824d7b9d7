"""Forgetting what came with contacts that were closed long ago."""

import io
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from distribution.tests.factories import WeightFactory
from distribution.tests.interleaving import Worker, interleave
from leads.models import Assignment, Contact, Lead
from leads.services import (
    close_contact,
    contacts_to_forget,
    forget_old_contents,
    forgetting,
    reopen_contact,
)
from leads.services.forgetting import _forget
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory, ClosedContactFactory

pytestmark = pytest.mark.django_db

SENT = {
    "supplied": {"email": "lead@example.com"},
    "name": "Demo",
    "message": "Call me",
    "payload": {"a": 1},
}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(forgetting, "PAUSE", 0)


def closed(days, **values):
    """Return a contact that was closed so many days ago, and a bit."""
    moment = timezone.now() - timedelta(days=days, minutes=1)
    facts = {"created_at": moment, "closed_at": moment, **SENT, **values}
    return ClosedContactFactory(**facts)


def contents_of(contact):
    contact.refresh_from_db()
    return contact.supplied, contact.name, contact.message, contact.payload


def forget(days=30):
    return sum(forget_old_contents(days=days))


def run(*args):
    out, err = io.StringIO(), io.StringIO()
    call_command(*args, stdout=out, stderr=err)
    return out.getvalue()


def test_forgets_what_is_old_enough_and_nothing_else():
    old, young = closed(30), closed(29)
    still_open = AssignedContactFactory(
        **SENT, created_at=timezone.now() - timedelta(days=90), assigned_at=timezone.now()
    )
    assert forget() == 1

    assert contents_of(old) == ({}, "", "", {})
    assert old.forgotten_at is not None
    for contact in (young, still_open):
        assert contents_of(contact) == tuple(SENT.values())
        assert contact.forgotten_at is None


def test_the_contact_counts_on_and_the_lead_keeps_its_keys():
    old = closed(30, lead__name="Demo lead")
    before = Contact.objects.values_list("lead", "source", "status", "closed_at", "version").get()
    forget()

    assert before == (
        Contact.objects.values_list("lead", "source", "status", "closed_at", "version").get()
    )
    lead = Lead.objects.get()
    assert (lead.external_id, lead.name) == (old.lead.external_id, "Demo lead")
    assert_promises_kept()


def test_forgets_the_reasons_too():
    old = closed(30)
    Assignment.objects.update(end_reason="Demo is happy", decision={"by": "a", "reason": "Demo"})
    forget()
    period = old.assignments.get()
    assert (period.end_reason, period.decision) == ("", {"by": "a"})


def test_finds_nothing_the_second_time():
    closed(30)
    assert (forget(), forget()) == (1, 0)


def test_what_is_said_of_a_reopened_contact_is_forgotten_in_its_turn():
    old = closed(90, operator=WeightFactory().operator)
    forget()
    reopen_contact(old.pk, actor="test", reason="Demo is back")
    assert forget() == 0
    close_contact(old.pk, actor="test", reason="Demo is happy")
    assert forget() == 0, "it is closed since today only"
    moments = [timezone.now() - timedelta(days=days) for days in (60, 40)]
    Contact.objects.update(forgotten_at=moments[0], closed_at=moments[1])
    assert forget() == 1
    assert set(Assignment.objects.values_list("end_reason", flat=True)) == {""}
    assert not Assignment.objects.filter(decision__has_key="reason").exists()


def test_a_clock_that_was_set_back_makes_nothing_due_for_ever():
    closed(-5)
    assert sum(forget_old_contents(days=-10)) == 1
    assert not contacts_to_forget(days=-10).exists()


def test_works_in_batches_longest_closed_first(monkeypatch):
    monkeypatch.setattr(forgetting, "BATCH", 2)
    contacts = [closed(days) for days in (31, 35, 33, 34, 32)]
    batches = forget_old_contents(days=30)
    assert next(batches) == 2
    gone = [contact for contact in contacts if contents_of(contact)[2] == ""]
    assert gone == [contacts[1], contacts[3]]
    assert list(batches) == [2, 1]


def test_uses_its_index():
    closed(30)
    explained = contacts_to_forget(days=30).values_list("pk", flat=True)[:500].query
    sql, params = explained.sql_with_params()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Of a handful of rows it may well sort a bitmap's; whether it has to is what is asked.
            cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {sql}", params)
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "contact_to_forget" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


# The command ----------------------------------------------------------------------------------


def test_the_command_says_how_many_there_are_and_deletes_nothing_in_a_rehearsal(settings):
    settings.RETENTION_DAYS = 30
    old = closed(30)
    assert "Contents to be forgotten: 1," in run("forget_old_contents", "--dry-run")
    assert contents_of(old) == tuple(SENT.values())
    assert "Contents forgotten: 1, of contacts closed 30 days" in run("forget_old_contents")
    assert contents_of(old) == ({}, "", "", {})


def test_the_command_wants_to_know_the_days():
    old = closed(3_000)
    with pytest.raises(CommandError, match="RETENTION_DAYS is not set"):
        run("forget_old_contents")
    assert contents_of(old) == tuple(SENT.values())
    assert "Contents forgotten: 1" in run("forget_old_contents", "--days", "2999")


@pytest.mark.parametrize("days", ["0", "-1", "x", "36501", "1.5", "9" * 30])
def test_the_command_refuses_days_that_are_none(days):
    with pytest.raises(CommandError, match="whole number"):
        run("forget_old_contents", "--days", days)


# Beside live traffic --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reopens_first", [True, False])
def test_a_contact_that_is_reopened_meanwhile_is_left_alone(reopens_first):
    workers = Worker("the first"), Worker("the second")
    before = timezone.now() - timedelta(days=30)

    def meet(stop_at):
        Contact.objects.all().delete()
        one, other = (closed(30, operator=WeightFactory().operator) for _ in "ab")
        jobs = [
            partial(reopen_contact, one.pk, actor="test", reason="Demo is back"),
            partial(_forget, [one.pk, other.pk], before),
        ]
        order = 1 if reopens_first else -1
        ran = interleave(tuple(jobs[::order]), workers, stop_at=stop_at)
        moved, forgotten = ran.outcomes[::order]
        assert not ran.gave_up, ran
        assert moved.contact.status != "closed"
        assert contents_of(other) == ({}, "", "", {})
        assert contents_of(one) == (({}, "", "", {}) if forgotten == 2 else tuple(SENT.values()))
        assert bool(one.forgotten_at) == (forgotten == 2)
        assert_promises_kept(over_limit=True)
        return forgotten

    try:
        last_of_none = meet(None), workers[0].stop_points
        counts = {meet(stop_at) for stop_at in range(1, last_of_none[1] + 1)} | {last_of_none[0]}
    finally:
        for worker in workers:
            worker.close()
    assert 1 in counts if reopens_first else 2 in counts
