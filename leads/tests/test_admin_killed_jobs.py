"""Moving many contacts in Django's admin while workers are killed: nothing is lost or told wrongly.

A worker that is killed runs no more code, so here it can neither keep nor release its job.
"""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.urls import reverse

from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.moving import jobs, moves
from leads.moving.moves import Move
from leads.services import close_contact, reassign_contact, reopen_contact, requeue_contact
from leads.tests.admin_moves import asked, state, text_of
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What stands for SIGKILL."""


def kill_after(monkeypatch, turns, client, url, **said):
    """Confirm a job whose worker is killed when it has moved so many contacts, its lease over."""
    with monkeypatch.context() as patched:
        move_one, left = jobs.Job._move, [turns]

        def dying(self, contact_id, version):
            if not left[0]:
                patched.setattr(jobs.Job, "_save", _die)
                _die()
            left[0] -= 1
            return move_one(self, contact_id, version)

        patched.setattr(jobs.Job, "_move", dying)
        patched.setattr(jobs, "LEASE_SECONDS", -1)
        with pytest.raises(Killed):
            client.post(url, said)


def _die(*args):
    raise Killed


def logged():
    return sorted(LogEntry.objects.values_list("object_repr", flat=True))


CASES = {
    "close": (AssignedContactFactory, {}, "3 contacts closed."),
    "requeue": (AssignedContactFactory, {}, "3 contacts put back into the queue."),
    "reopen": (ClosedContactFactory, {}, "3 contacts reopened."),
    "reassign": (WaitingContactFactory, {"operator": 1}, "3 contacts handed over."),
}


@pytest.mark.parametrize("move", CASES)
def test_what_a_killed_worker_moved_counts_as_moved_and_is_logged(admin_client, monkeypatch, move):
    factory, said, text = CASES[move]
    if said:
        said = {"operator": OperatorFactory().pk}
    contacts = factory.create_batch(3)
    url = asked(admin_client, move, *contacts)

    kill_after(monkeypatch, 2, admin_client, url, **said)
    assert logged() == []
    page = admin_client.post(url, said, follow=True)

    assert text in text_of(page)
    assert "not moved" not in text_of(page)
    assert "nothing was done" not in text_of(page)
    assert logged() == sorted(f"#{one.pk}" for one in contacts)


def test_what_was_put_back_and_taken_at_once_counts_as_moved(admin_client, monkeypatch):
    """Its version has grown by two, and it has an operator again."""
    contacts = AssignedContactFactory.create_batch(2)
    for contact in contacts:
        WeightFactory(source=contact.source)
    url = asked(admin_client, "requeue", *contacts)

    kill_after(monkeypatch, 1, admin_client, url)
    page = text_of(admin_client.post(url, {}, follow=True))

    assert "2 contacts put back into the queue." in page
    assert "with an operator 2, waiting 0." in page


def test_what_others_moved_meanwhile_is_refused_all_the_same(admin_client, monkeypatch):
    mine, theirs = AssignedContactFactory.create_batch(2)
    url = asked(admin_client, "requeue", mine, theirs)

    kill_after(monkeypatch, 1, admin_client, url)
    WeightFactory(source=theirs.source)
    requeue_contact(theirs.pk, actor="test")
    page = text_of(admin_client.post(url, {}, follow=True))

    assert "1 contact put back into the queue." in page
    assert f"#{theirs.pk} : It has changed meanwhile: now assigned" in page
    assert logged() == [f"#{mine.pk}"]


def test_what_the_same_person_moved_before_the_job_does_not_count(
    admin_client, admin_user, monkeypatch
):
    """Their own button, pressed between the selection and the confirmation."""
    contacts = AssignedContactFactory.create_batch(2)
    url = asked(admin_client, "close", *contacts)
    close_contact(contacts[1].pk, actor=f"user:{admin_user.pk}")

    kill_after(monkeypatch, 1, admin_client, url)
    page = text_of(admin_client.post(url, {}, follow=True))

    assert "1 contact closed." in page
    assert "1 contact was so already; nothing was done." in page


def test_what_the_same_person_did_otherwise_does_not_count(admin_client, admin_user, monkeypatch):
    """Handed over, after the job began, to somebody else than the job says."""
    contacts = WaitingContactFactory.create_batch(2)
    other, said = OperatorFactory(name="Demo other"), {"operator": OperatorFactory().pk}
    url = asked(admin_client, "reassign", *contacts)

    kill_after(monkeypatch, 1, admin_client, url, **said)
    reassign_contact(contacts[1].pk, operator_id=other.pk, actor=f"user:{admin_user.pk}")
    page = text_of(admin_client.post(url, {}, follow=True))

    assert "1 contact handed over." in page
    assert f"#{contacts[1].pk} : It has changed meanwhile: now assigned, Demo other." in page


def test_what_the_same_person_reopened_long_ago_does_not_count(
    admin_client, admin_user, monkeypatch
):
    contacts = ClosedContactFactory.create_batch(2)
    reopen_contact(contacts[1].pk, actor=f"user:{admin_user.pk}")
    close_contact(contacts[1].pk, actor="test")
    url = asked(admin_client, "reopen", *contacts)

    kill_after(monkeypatch, 1, admin_client, url)
    reopen_contact(contacts[1].pk, actor="test")
    page = text_of(admin_client.post(url, {}, follow=True))

    assert "1 contact reopened." in page
    assert "1 contact was so already; nothing was done." in page


def test_nothing_is_in_doubt_while_no_worker_is_killed(admin_client, admin_user, monkeypatch):
    """Their own button again, pressed between two parts."""
    monkeypatch.setattr(jobs, "PART", 1)
    contacts = AssignedContactFactory.create_batch(2)
    url = asked(admin_client, "close", *contacts)

    admin_client.post(url, {})
    close_contact(contacts[1].pk, actor=f"user:{admin_user.pk}")
    page = text_of(admin_client.post(url, {}, follow=True))

    assert "1 contact closed." in page
    assert "1 contact was so already; nothing was done." in page


def test_only_the_last_few_contacts_are_looked_at_again(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "STEP", 2)
    contacts = AssignedContactFactory.create_batch(5)
    url = asked(admin_client, "close", *contacts)

    kill_after(monkeypatch, 3, admin_client, url)
    seen, close = [], moves.SERVICES[Move.CLOSE]
    monkeypatch.setitem(
        moves.SERVICES, Move.CLOSE, lambda pk, **said: seen.append(pk) or close(pk, **said)
    )
    assert logged() == sorted(f"#{one.pk}" for one in contacts[:2])
    page = text_of(admin_client.post(url, {}, follow=True))

    assert seen == [one.pk for one in contacts[2:]]
    assert "5 contacts closed." in page
    assert logged() == sorted(f"#{one.pk}" for one in contacts)


def test_whoever_lost_the_job_to_another_request_stops_and_logs_nothing(
    admin_client, admin_user, monkeypatch
):
    """A worker that slept longer than its lease; what it moved then, the other one logs."""
    monkeypatch.setattr(jobs, "STEP", 1)
    contacts = AssignedContactFactory.create_batch(3)
    url = asked(admin_client, "close", *contacts)
    key = url.rstrip("/").rpartition("/")[2]

    def close(contact_id, **said):
        other = jobs.find_job(key, actor=f"user:{admin_user.pk}")
        other.busy_until = 0
        assert other.claim()
        return close_contact(contact_id, **said)

    monkeypatch.setitem(moves.SERVICES, Move.CLOSE, close)
    admin_client.post(url, {})

    assert [state(one)[0] for one in contacts] == ["closed", "assigned", "assigned"]
    assert logged() == []


def test_goes_on_with_a_job_of_another_release(admin_client, admin_user):
    contact = AssignedContactFactory()
    job = jobs.begin_job(Move.CLOSE, [contact], actor=f"user:{admin_user.pk}")
    row = Session.objects.get(pk=job.key)
    facts = row.get_decoded() | {"added_later": [1]}
    for name in ("not_taken", "busy_until", "refusals"):
        del facts[name]
    Session.objects.filter(pk=job.key).update(session_data=SessionStore().encode(facts))

    url = reverse("admin:leads_contact_moves", args=[job.key])
    page = admin_client.post(url, {}, follow=True)

    assert "1 contact closed." in text_of(page)


@pytest.mark.parametrize("facts", [{"move": "burn"}, {"left": None}, {"selected": None}])
def test_a_job_that_cannot_be_read_is_none(admin_user, facts):
    actor = f"user:{admin_user.pk}"
    job = jobs.begin_job(Move.CLOSE, [AssignedContactFactory()], actor=actor)
    kept = {name: value for name, value in (job.facts() | facts).items() if value is not None}
    Session.objects.filter(pk=job.key).update(session_data=SessionStore().encode(kept))

    assert jobs.find_job(job.key, actor=actor) is None
