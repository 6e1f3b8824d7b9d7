"""Moving contacts in Django's admin: choose, confirm, watch the progress, read the summary."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from distribution.tests.admin_pages import messages_of
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.admin import jobs, moves, moving
from leads.admin.moves import Move
from leads.models import Contact
from leads.services import close_contact, requeue_contact
from leads.tests.admin_pages import list_url, queries_of, url_of
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    WaitingContactFactory,
)
from minicrm.transactions import RunAgain

pytestmark = pytest.mark.django_db


def select(client, move, *contacts, query="", **extra):
    """Run an action on contacts; return where the browser is sent."""
    data = {"action": move, "_selected_action": [one.pk for one in contacts], "index": 0}
    return client.post(list_url("contact") + query, data | extra)


def asked(client, move, *contacts, **extra):
    """Select contacts and return the address of the page that asks."""
    response = select(client, move, *contacts, **extra)
    assert response.status_code == 302
    return response.url


def move_all(client, move, *contacts, **said):
    """Select contacts and confirm; return the page that follows."""
    return client.post(asked(client, move, *contacts), said, follow=True)


def text_of(response):
    return " ".join(re.sub("<[^>]*>", " ", response.content.decode()).split())


def state(contact):
    contact.refresh_from_db()
    return contact.status, contact.operator


def press(client, move, contact, /, **data):
    """Press a button on a contact's own page; return where the browser is sent."""
    data = {"move": move, "version": contact.version} | data
    return client.post(reverse("admin:leads_contact_move", args=[contact.pk]), data)


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


# Who may


def staff(client, *codenames):
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def test_who_may_only_look_has_no_actions_and_no_buttons(client):
    staff(client, "view_contact")
    contact = AssignedContactFactory()

    listed = client.get(list_url("contact"))
    shown = client.get(url_of(contact)).content.decode()
    select(client, "close", contact)

    assert not listed.context["action_form"]
    assert 'name="move"' not in shown
    assert not Session.objects.filter(pk__in=_keys_of_jobs()).exists()


def _keys_of_jobs():
    return [row.pk for row in Session.objects.all() if "move" in row.get_decoded()]


def test_who_may_only_look_is_refused_at_every_address(client):
    user = staff(client, "view_contact")
    contact = AssignedContactFactory()
    job = jobs.begin_job(Move.CLOSE, [contact], actor=f"user:{user.pk}")
    url = reverse("admin:leads_contact_moves", args=[job.key])

    refused = [client.get(url), client.post(url, {}), press(client, "close", contact)]

    assert [response.status_code for response in refused] == [403, 403, 403]
    assert state(contact)[0] == "assigned"


def test_who_may_change_contacts_moves_them_and_edits_nothing(client):
    user = staff(client, "change_contact")
    contact = AssignedContactFactory()

    edited = client.post(url_of(contact), {"status": "closed"})
    page = move_all(client, "close", contact)

    assert edited.status_code == 403
    assert "1 contact closed." in text_of(page)
    assert contact.assignments.get().ended_by == f"user:{user.pk}"


def test_sends_visitors_to_the_sign_in_page(client):
    response = press(client, "close", AssignedContactFactory())

    assert response.url.startswith(reverse("login"))
