"""Moving contacts in Django's admin: choose, confirm, read the summary."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from distribution.tests.admin_pages import messages_of
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.admin import moving
from leads.models import Contact
from leads.moving import jobs, moves
from leads.moving.moves import Move
from leads.services import close_contact, requeue_contact
from leads.tests.admin_moves import asked, move_all, press, select, state, text_of
from leads.tests.admin_pages import list_url, url_of
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm.transactions import RunAgain

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


# Choose and confirm


def test_asks_first_and_lists_what_is_selected(admin_client):
    assigned = AssignedContactFactory(version=7, operator__name="Demo <b>operator</b>")
    waiting = WaitingContactFactory()

    url = asked(admin_client, "close", assigned, waiting)
    page = admin_client.get(url)

    assert "Close 2 contacts?" in text_of(page)
    assert "(waiting: 1, assigned: 1)" in text_of(page)
    row = f"#{assigned.pk} assigned Demo &lt;b&gt;operator&lt;/b&gt; 7 {assigned.source}"
    assert row in text_of(page)
    assert url_of(waiting) in page.content.decode()
    assert state(assigned) == ("assigned", assigned.operator)
    assert state(waiting) == ("waiting", None)


def test_lists_the_first_contacts_and_counts_the_others(admin_client, monkeypatch):
    monkeypatch.setattr(moving, "LISTED", 2)
    contacts = WaitingContactFactory.create_batch(5)

    page = admin_client.get(asked(admin_client, "close", *contacts))

    assert url_of(contacts[1]) in page.content.decode()
    assert url_of(contacts[2]) not in page.content.decode()
    assert "and 3 more" in text_of(page)


def test_closes_what_was_selected_and_sums_up(admin_client, admin_user):
    first, second = AssignedContactFactory.create_batch(2)
    closed = ClosedContactFactory()
    other = AssignedContactFactory()

    page = move_all(admin_client, "close", first, second, closed, reason=" Answered ")

    assert "2 contacts closed." in text_of(page)
    assert "1 contact was so already; nothing was done." in text_of(page)
    assert "Not moved" not in text_of(page)
    assert state(first)[0] == state(second)[0] == "closed"
    assert state(other)[0] == "assigned"
    period = first.assignments.get()
    assert (period.ended_by, period.end_reason) == (f"user:{admin_user.pk}", "Answered")
    assert_promises_kept()


def test_the_log_names_each_contact_that_was_moved(admin_client, admin_user):
    first, second = AssignedContactFactory.create_batch(2)
    closed = ClosedContactFactory()

    move_all(admin_client, "close", first, second, closed)

    entries = LogEntry.objects.order_by("object_id")
    assert {entry.object_repr for entry in entries} == {f"#{first.pk}", f"#{second.pk}"}
    assert {(entry.user, entry.get_change_message()) for entry in entries} == {
        (admin_user, "Changed status.")
    }


def test_counts_waiting_contacts_that_got_the_freed_places(admin_client):
    contact = AssignedContactFactory(operator__max_load=1)
    WeightFactory(operator=contact.operator, source=contact.source)
    waiting = WaitingContactFactory(source=contact.source)

    page = move_all(admin_client, "close", contact)

    assert "1 waiting contact got a place that became free." in text_of(page)
    assert state(waiting) == ("assigned", contact.operator)


def test_one_contact_of_a_selection_does_not_change_another_one_of_it(admin_client):
    """Closed in this order, the first one's place would go to the second before its turn."""
    assigned = AssignedContactFactory(operator__max_load=1)
    WeightFactory(operator=assigned.operator, source=assigned.source)
    waiting = WaitingContactFactory(source=assigned.source)

    page = move_all(admin_client, "close", assigned, waiting)

    assert "2 contacts closed." in text_of(page)
    assert state(assigned)[0] == state(waiting)[0] == "closed"


def test_puts_contacts_back_into_the_queue(admin_client):
    contact = AssignedContactFactory()
    waiting, closed = WaitingContactFactory(), ClosedContactFactory()

    page = move_all(admin_client, "requeue", contact, waiting, closed)

    assert "1 contact put back into the queue." in text_of(page)
    assert "with an operator 0, waiting 1." in text_of(page)
    assert f"#{closed.pk} : It is closed; reopen it first." in text_of(page)
    assert state(contact) == ("waiting", None)


def test_reopens_contacts(admin_client):
    weight = WeightFactory()
    contact = ClosedContactFactory(source=weight.source, operator=weight.operator)

    page = move_all(admin_client, "reopen", contact)

    assert "1 contact reopened." in text_of(page)
    assert "with an operator 1, waiting 0." in text_of(page)
    assert state(contact) == ("assigned", weight.operator)


# Handing over


def test_hands_over_until_the_limit_and_tells_the_others_why_not(admin_client):
    contacts = [*WaitingContactFactory.create_batch(2), AssignedContactFactory()]
    operator = OperatorFactory(max_load=2)

    page = move_all(admin_client, "reassign", *contacts, operator=operator.pk)

    assert "2 contacts handed over." in text_of(page)
    assert f"#{contacts[2].pk} : This operator is at the limit." in text_of(page)
    assert [state(one)[1] == operator for one in contacts] == [True, True, False]


def test_goes_over_the_limit_with_a_reason(admin_client):
    contact = WaitingContactFactory()
    operator = OperatorFactory(max_load=0)
    said = {"operator": operator.pk, "over_limit": "on", "reason": "Asked for"}

    move_all(admin_client, "reassign", contact, **said)

    assert state(contact) == ("assigned", operator)
    assert contact.assignments.last().decision["reason"] == "Asked for"


def test_asks_for_the_reason_to_go_over_the_limit(admin_client):
    contact = WaitingContactFactory()
    operator = OperatorFactory(max_load=0)
    said = {"operator": operator.pk, "over_limit": "on", "reason": " "}

    page = move_all(admin_client, "reassign", contact, **said)

    assert "Say why it goes over the limit." in text_of(page)
    assert state(contact) == ("waiting", None)


def test_offers_active_operators_with_their_loads(admin_client):
    off = OperatorFactory(name="Demo off", is_active=False)
    OperatorFactory(name="Demo free", max_load=3)
    contact = AssignedContactFactory(operator__name="Demo full", operator__max_load=1)

    url = asked(admin_client, "reassign", contact)
    page = admin_client.get(url)
    refused = admin_client.post(url, {"operator": off.pk})

    assert "Demo free – 0 of 3 Demo full – 1 of 1, at the limit" in text_of(page)
    assert "Demo off" not in text_of(page)
    assert "Select a valid choice." in text_of(refused)
    assert state(contact) == ("assigned", contact.operator)


@pytest.mark.parametrize("reason", ["x" * 501, "Demo\u202ereason", "\u200b"])
def test_refuses_a_reason_that_nobody_can_read(admin_client, reason):
    contact = AssignedContactFactory()

    page = move_all(admin_client, "close", contact, reason=reason)

    assert page.context["adminform"].form.errors.keys() == {"reason"}
    assert state(contact)[0] == "assigned"


# What changed in between


def test_leaves_out_what_changed_after_it_was_shown(admin_client):
    changed, same = AssignedContactFactory.create_batch(2)
    url = asked(admin_client, "close", changed, same)
    admin_client.get(url)
    requeue_contact(changed.pk, actor="test")

    page = admin_client.post(url, {}, follow=True)

    assert "1 contact closed." in text_of(page)
    assert "1 contact was not moved." in text_of(page)
    assert f"#{changed.pk} : It has changed meanwhile: now waiting." in text_of(page)
    assert state(changed)[0] == "waiting"
    assert state(same)[0] == "closed"


def test_tells_with_whom_a_changed_contact_is_now(admin_client):
    contact = WaitingContactFactory()
    url = asked(admin_client, "close", contact)
    WeightFactory(source=contact.source, operator__name="Demo <operator>")
    requeue_contact(AssignedContactFactory(source=contact.source).pk, actor="test")
    assert state(contact)[0] == "assigned"

    page = admin_client.post(url, {}, follow=True)

    assert "now assigned, Demo &lt;operator&gt;." in text_of(page)


def test_marks_what_has_changed_when_the_page_is_loaded_again(admin_client):
    contact = AssignedContactFactory()
    url = asked(admin_client, "reassign", contact)
    before = text_of(admin_client.get(url))
    requeue_contact(contact.pk, actor="test")

    assert "has changed since" not in before
    assert "has changed since, will be left out" in text_of(admin_client.get(url))


def test_lists_the_first_refusals_and_counts_the_others(admin_client, monkeypatch):
    monkeypatch.setattr(jobs, "REFUSALS_KEPT", 1)
    contacts = ClosedContactFactory.create_batch(3)

    page = move_all(admin_client, "requeue", *contacts)

    assert f"#{contacts[0].pk} : It is closed" in text_of(page)
    assert f"#{contacts[1].pk}" not in text_of(page)
    assert "3 contacts were not moved." in text_of(page)
    assert "and 2 more" in text_of(page)


def test_one_contact_that_others_keep_busy_does_not_stop_the_rest(admin_client, monkeypatch):
    busy, free = AssignedContactFactory.create_batch(2)

    def close(contact_id, **kwargs):
        if contact_id == busy.pk:
            raise RunAgain("again and again")
        return close_contact(contact_id, **kwargs)

    monkeypatch.setitem(moves.SERVICES, Move.CLOSE, close)
    page = move_all(admin_client, "close", busy, free)

    assert f"#{busy.pk} : Others kept it busy for too long; try it again." in text_of(page)
    assert state(free)[0] == "closed"


# The buttons on a contact's page


@pytest.mark.parametrize(
    ("factory", "buttons"),
    [
        (WaitingContactFactory, ["reassign", "close"]),
        (AssignedContactFactory, ["reassign", "requeue", "close"]),
        (ClosedContactFactory, ["reopen"]),
    ],
)
def test_a_contacts_page_has_the_buttons_for_what_is_possible(admin_client, factory, buttons):
    page = admin_client.get(url_of(factory())).content.decode()

    assert re.findall('name="move"\\s+value="(\\w+)"', page) == buttons


def test_a_button_leads_over_the_question_back_to_the_contact(admin_client):
    contact = AssignedContactFactory()

    url = press(admin_client, "close", contact).url
    question = text_of(admin_client.get(url))
    back = admin_client.post(url, {"reason": "Answered"}, follow=True)

    assert "Close 1 contact?" in question
    assert back.redirect_chain[-1][0] == url_of(contact)
    assert messages_of(back) == ["1 contact closed."]
    assert state(contact)[0] == "closed"


def test_a_button_acts_on_the_version_that_was_shown(admin_client):
    contact = AssignedContactFactory()
    requeue_contact(contact.pk, actor="test")

    url = press(admin_client, "close", contact).url
    back = admin_client.post(url, {}, follow=True)

    assert messages_of(back) == ["It has changed meanwhile: now waiting."]
    assert state(contact)[0] == "waiting"


def test_a_button_pressed_twice_does_it_once(admin_client):
    contact = AssignedContactFactory()
    url = press(admin_client, "close", contact).url

    texts = [messages_of(admin_client.post(url, {}, follow=True)) for _ in range(2)]

    assert texts[0] == texts[1] == ["1 contact closed."]
    assert contact.assignments.count() == 1


@pytest.mark.parametrize("data", [{"version": "x"}, {"version": ""}, {"move": "delete"}])
def test_a_button_without_move_or_version_is_refused(admin_client, data):
    contact = AssignedContactFactory()

    assert press(admin_client, "close", contact, **data).status_code == 400


def test_a_button_is_pressed_for_a_contact_that_is_there(admin_client):
    assert press(admin_client, "close", Contact(pk=404)).status_code == 404
    address = reverse("admin:leads_contact_move", args=[AssignedContactFactory().pk])
    assert admin_client.get(address).status_code == 405


# What the list no longer shows


def test_tells_what_the_filter_no_longer_returns(admin_client):
    kept, gone = WaitingContactFactory.create_batch(2)
    Contact.objects.filter(pk=gone.pk).update(status="closed", closed_at=timezone.now())

    url = asked(admin_client, "close", kept, gone, query="?status__exact=waiting")
    question = text_of(admin_client.get(url))
    summary = text_of(admin_client.post(url, {}, follow=True))

    said = "1 selected contact has changed since and is left out."
    assert said in question
    assert said in summary
    assert "Close 1 contact?" in question
    assert "1 contact closed." in summary


def test_says_nothing_of_others_when_all_are_there(admin_client):
    contacts = WaitingContactFactory.create_batch(2)
    url = asked(admin_client, "close", contacts[0], select_across=1)

    assert "left out" not in text_of(admin_client.get(url))
    assert "2 contacts closed." in text_of(admin_client.post(url, {}, follow=True))


@pytest.mark.parametrize(
    ("across", "text"),
    [
        ({}, "2 selected contacts have changed since and are left out."),
        ({"select_across": 1}, "The filters show no contact any more."),
    ],
)
def test_goes_back_to_the_list_when_nothing_is_left(admin_client, across, text):
    gone = ClosedContactFactory.create_batch(2)
    query = "?status__exact=waiting"

    response = select(admin_client, "close", *gone, query=query, **across)

    assert response.url == list_url("contact") + query
    assert messages_of(admin_client.get(response.url)) == [text]
