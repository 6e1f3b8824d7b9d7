"""Moving many contacts at once in the pages: select, confirm, watch, read the summary."""

import pytest
from django.test import Client
from django.urls import reverse

from distribution.tests.factories import OperatorFactory
from leads.moving import jobs
from leads.services import close_contact
from leads.tests.checks import assert_promises_kept
from leads.tests.contact_pages import LIST, queries_of, state, text_of, url_of
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from leads.views import bulk
from minicrm.tests.people import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

MOVE = reverse("leads:move_contacts")
BACK = f"{LIST}?status=assigned"


def select(client, move, *contacts):
    """Press a button of the list's bar; return where the browser is sent."""
    data = {"move": move, "pk": [one.pk for one in contacts], "next": BACK}
    return client.post(MOVE, data)


def move_all(client, move, *contacts, **said):
    return client.post(select(client, move, *contacts).url, said, follow=True)


def test_asks_first_and_then_moves_what_can_be_moved(supervisor):
    moved = AssignedContactFactory.create_batch(2)
    closed, changed = ClosedContactFactory(), AssignedContactFactory()

    url = select(supervisor, "requeue", *moved, closed, changed).url
    asks = text_of(supervisor.get(url))
    assert "Put 4 contacts back into the queue?" in asks
    assert "assigned: 3, closed: 1" in asks
    assert {state(one)[0] for one in moved} == {"assigned"}
    changed.version = 9
    changed.save()
    assert "has changed since it was selected" in text_of(supervisor.get(url))

    page = supervisor.post(url, {"reason": "Demo"}, follow=True)
    text = text_of(page)
    assert "2 contacts put back into the queue." in text
    assert "2 contacts were not moved." in text
    assert f"#{closed.pk} : It is closed; reopen it first." in text
    assert f"#{changed.pk} : It has changed meanwhile: now assigned" in text
    assert f'href="{url_of(closed)}"' in page.content.decode()
    assert f'href="{BACK}">' in page.content.decode()
    assert {state(one) for one in moved} == {("waiting", None)}
    assert {one.assignments.first().end_reason for one in moved} == {"Demo"}
    assert_promises_kept()


def test_hands_over_as_many_as_the_limit_allows(supervisor):
    operator = OperatorFactory(max_load=1)
    contacts = WaitingContactFactory.create_batch(2)

    page = move_all(supervisor, "reassign", *contacts, operator=operator.pk)

    assert "1 contact handed over." in text_of(page)
    assert f"#{contacts[1].pk} : This operator is at the limit." in text_of(page)
    assert_promises_kept()


def test_asks_again_for_what_was_not_understood(supervisor):
    contact = WaitingContactFactory()
    url = select(supervisor, "reassign", contact).url

    page = supervisor.post(url, {"reason": "Demo <1>", "operator": "odd"})

    assert page.status_code == 422
    assert "Select a valid choice." in text_of(page)
    assert 'value="Demo &lt;1&gt;"' in page.content.decode()
    assert state(contact)[0] == "waiting"


def test_goes_on_by_itself_or_by_a_button_and_pauses(supervisor, monkeypatch):
    monkeypatch.setattr(jobs, "PART", 1)
    contacts = AssignedContactFactory.create_batch(2)
    url = select(supervisor, "close", *contacts).url

    page = supervisor.post(url, {}, follow=True)
    assert "1 of 2" in text_of(page)
    assert 'id="go-on"' in page.content.decode()
    assert "js/go_on.js" in page.content.decode()
    paused = supervisor.get(url + "?paused=1").content.decode()
    assert 'id="go-on"' not in paused
    assert "js/go_on.js" not in paused
    assert state(contacts[1])[0] == "assigned"

    page = supervisor.post(url, {}, follow=True)
    assert "2 contacts closed." in text_of(page)
    assert 'id="go-on"' not in page.content.decode()


def test_says_what_was_gone_when_it_was_selected(supervisor):
    gone = WaitingContactFactory()
    gone.assignments.all().delete()
    kept = WaitingContactFactory()
    response = supervisor.post(MOVE, {"move": "close", "pk": [kept.pk, gone.pk + 10**6, "odd"]})

    assert "1 selected contact has changed since" in text_of(supervisor.get(response.url))


@pytest.mark.parametrize("numbers", [[], ["odd"], ["9" * 40], [987]])
def test_nothing_selected_moves_nothing(supervisor, numbers):
    page = supervisor.post(MOVE, {"move": "close", "pk": numbers, "next": BACK}, follow=True)

    assert page.redirect_chain == [(BACK, 302)]
    assert "Select contacts first." in text_of(page)


def test_moves_no_more_at_once_than_a_page_could_show(supervisor, monkeypatch):
    monkeypatch.setattr(bulk, "MOST", 2)
    contacts = WaitingContactFactory.create_batch(3)

    page = supervisor.get(select(supervisor, "close", *contacts).url)

    assert "Select 2 contacts at most." in text_of(page)


def test_an_unheard_of_move_or_selection_is_not_there(supervisor):
    contact = WaitingContactFactory()

    assert select(supervisor, "delete", contact).status_code == 404
    assert supervisor.post(MOVE, {"pk": contact.pk}).status_code == 404
    for key in ("x", "x" * 300, "%00"):
        assert supervisor.get(f"{MOVE}{key}/").status_code == 404
    assert supervisor.get(MOVE).status_code == 405


def test_a_selection_is_its_makers_own(supervisor):
    url = select(supervisor, "close", WaitingContactFactory()).url
    other = sign_in("supervisor", username="other")

    assert other.get(url).status_code == other.post(url, {}).status_code == 404
    assert supervisor.put(url).status_code == 405


def test_only_who_may_change_contacts_moves_them(viewer, supervisor):
    contact = WaitingContactFactory()
    url = select(supervisor, "close", contact).url

    assert select(viewer, "close", contact).status_code == 403
    assert viewer.post(url, {}).status_code == 403
    assert "/accounts/login/" in select(Client(), "close", contact).url
    assert state(contact)[0] == "waiting"


def test_needs_the_same_queries_for_any_number(supervisor):
    def needed(count):
        contacts = AssignedContactFactory.create_batch(count)
        url = select(supervisor, "close", *contacts).url
        asks = queries_of(supervisor, url)
        for contact in contacts:
            close_contact(contact.pk, actor="test")
        supervisor.post(url, {})
        return asks, queries_of(supervisor, url)

    assert needed(2) == needed(20)
