"""Moving many contacts in Django's admin: part by part, side by side, and what goes wrong."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from leads.models import Contact
from leads.moving import jobs, moves
from leads.moving.moves import Move
from leads.services import close_contact
from leads.tests.admin_moves import asked, move_all, state, text_of
from leads.tests.admin_pages import list_url, queries_of, url_of
from leads.tests.factories import (
    AssignedContactFactory,
    WaitingContactFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


# Many at once


def test_select_all_means_all_that_the_filters_show(admin_client):
    waiting = WaitingContactFactory.create_batch(3)
    assigned = AssignedContactFactory()

    query = "?status__exact=waiting"
    url = asked(admin_client, "close", waiting[0], query=query, select_across=1)
    page = admin_client.post(url, {}, follow=True)

    assert "3 contacts closed." in text_of(page)
    assert f'href="{list_url("contact")}{query}"' in page.content.decode()
    assert {state(one)[0] for one in waiting} == {"closed"}
    assert state(assigned)[0] == "assigned"


def test_moves_a_part_at_a_time_and_shows_how_far_it_is(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "PART", 2)
    contacts = AssignedContactFactory.create_batch(5)
    url = asked(admin_client, "close", *contacts)

    pages = [admin_client.post(url, {}, follow=True) for _ in range(3)]

    texts = [text_of(page) for page in pages]
    assert "2 of 5" in texts[0]
    assert 'max="5" value="2"' in " ".join(pages[0].content.decode().split())
    assert 'id="go-on"' in pages[0].content.decode()
    assert "2 contacts closed." in texts[0]
    assert "4 of 5" in texts[1]
    assert "5 of 5" in texts[2]
    assert "5 contacts closed." in texts[2]
    assert 'id="go-on"' not in pages[2].content.decode()
    assert not Contact.objects.exclude(status="closed").exists()


def test_a_part_ends_when_its_time_is_up(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "PART_SECONDS", 0)

    page = move_all(admin_client, "close", *AssignedContactFactory.create_batch(3))

    assert "1 of 3" in text_of(page)


def test_looking_moves_nothing_and_the_end_is_the_end(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "PART", 1)
    contacts = AssignedContactFactory.create_batch(2)
    url = asked(admin_client, "requeue", *contacts)
    admin_client.post(url, {"reason": "Demo"})

    looks = {text_of(admin_client.get(url)) for _ in range(3)}
    assert len(looks) == 1
    assert state(contacts[1])[0] == "assigned"

    again = [text_of(admin_client.post(url, {}, follow=True)) for _ in range(3)]
    assert "2 contacts put back into the queue." in again[0]
    assert again[0] == again[1] == again[2]
    assert [one.assignments.count() for one in contacts] == [2, 2]


def test_what_is_said_once_holds_for_all_parts(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "PART", 1)
    contacts = AssignedContactFactory.create_batch(2)
    url = asked(admin_client, "close", *contacts)

    admin_client.post(url, {"reason": "Said first"})
    admin_client.post(url, {"reason": "Said later"})

    assert {one.assignments.get().end_reason for one in contacts} == {"Said first"}


def test_waits_for_the_button_when_paused(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "PART", 1)
    url = asked(admin_client, "close", *AssignedContactFactory.create_batch(2))
    admin_client.post(url, {})

    page = admin_client.get(url, {"paused": 1})

    assert "Paused." in text_of(page)
    assert "js/go_on.js" not in page.content.decode()
    assert 'type="submit"' in page.content.decode()


def test_takes_the_oldest_of_too_many_and_says_so(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "MOST", 2)
    contacts = WaitingContactFactory.create_batch(3)

    page = admin_client.get(asked(admin_client, "close", *contacts))

    assert "Close 2 contacts?" in text_of(page)
    assert "these are the 2 oldest" in text_of(page)
    assert url_of(contacts[2]) not in page.content.decode()


def test_the_page_that_asks_needs_the_same_queries_for_any_number(admin_client):
    def needed(contacts):
        return queries_of(admin_client, asked(admin_client, "reassign", *contacts))

    few = needed(AssignedContactFactory.create_batch(2))

    assert needed(AssignedContactFactory.create_batch(20)) == few


def test_the_summary_needs_the_same_queries_for_any_number(admin_client):
    def needed(count):
        contacts = AssignedContactFactory.create_batch(count)
        url = asked(admin_client, "close", *contacts)
        for contact in contacts:
            Contact.objects.filter(pk=contact.pk).update(version=9)
        admin_client.post(url, {})
        return queries_of(admin_client, url)

    assert needed(2) == needed(20)


# Side by side, and what goes wrong


def job_of(url, user):
    return jobs.find_job(url.rstrip("/").rpartition("/")[2], actor=f"user:{user.pk}")


def test_two_requests_do_not_do_the_same_part(admin_client, admin_user):
    contact = AssignedContactFactory()
    url = asked(admin_client, "close", contact)
    one, other = job_of(url, admin_user), job_of(url, admin_user)

    assert one.claim()
    assert not other.claim()
    page = admin_client.post(url, {}, follow=True)
    assert state(contact)[0] == "assigned"

    one.confirmed = True
    one.release()
    page = admin_client.post(url, {}, follow=True)
    assert "1 contact closed." in text_of(page)


def test_goes_on_after_a_request_that_died(admin_client, admin_user, monkeypatch):
    contact = AssignedContactFactory()
    url = asked(admin_client, "close", contact)
    monkeypatch.setattr(jobs, "LEASE_SECONDS", -1)
    assert job_of(url, admin_user).claim()

    page = admin_client.post(url, {}, follow=True)

    assert "1 contact closed." in text_of(page)


def test_keeps_what_was_done_when_something_breaks(admin_client, admin_user, monkeypatch):
    contacts = AssignedContactFactory.create_batch(3)

    def close(contact_id, **kwargs):
        if contact_id == contacts[1].pk:
            raise ZeroDivisionError
        return close_contact(contact_id, **kwargs)

    monkeypatch.setitem(moves.SERVICES, Move.CLOSE, close)
    url = asked(admin_client, "close", *contacts)
    with pytest.raises(ZeroDivisionError):
        admin_client.post(url, {})

    assert [state(one)[0] for one in contacts] == ["closed", "assigned", "assigned"]
    job = job_of(url, admin_user)
    assert (job.moved, job.done, job.is_busy) == (1, 1, False)


def test_a_selection_is_the_users_own_and_expires(admin_client, client):
    url = asked(admin_client, "close", AssignedContactFactory())
    client.force_login(User.objects.create_superuser("other"))

    assert client.get(url).status_code == 404
    assert client.post(url, {}).status_code == 404
    assert admin_client.get(url.replace("moves/", "moves/x")).status_code == 404
    Session.objects.update(expire_date=timezone.now() + timedelta(days=1))
    assert admin_client.get(url).status_code == 200
    key = url.rstrip("/").rpartition("/")[2]
    Session.objects.filter(pk=key).update(expire_date=timezone.now())
    assert admin_client.get(url).status_code == 404


def test_nobodys_own_session_is_taken_for_a_selection(admin_client, admin_user):
    key = admin_client.cookies["sessionid"].value

    assert jobs.find_job(key, actor=f"user:{admin_user.pk}") is None
