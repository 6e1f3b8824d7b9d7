"""Operators in Django's admin: what becomes of open contacts, the next one by hand."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from distribution.models import AuditEvent
from distribution.tests.admin_pages import change_url, errors_of, list_url, messages_of, run_action
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.admin import operator_pages
from leads.admin.operators import OperatorAdmin
from leads.models import Contact
from leads.services import waiting
from leads.tests.admin_pages import url_of
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory
from minicrm.transactions import RunAgain

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


def page_url(operator, page):
    return reverse(f"admin:distribution_operator_{page}", args=[operator.pk])


def text_of(response):
    return " ".join(re.sub("<[^>]*>", " ", response.content.decode()).split())


def form_of(operator, **changes):
    data = {"name": operator.name, "max_load": operator.max_load, "is_active": "on"}
    return {name: value for name, value in (data | changes).items() if value is not None}


def busy(source, *, places, contacts, **kwargs):
    """Return an operator of the source with so many places and open contacts."""
    weight = WeightFactory(source=source, operator__max_load=places, **kwargs)
    AssignedContactFactory.create_batch(contacts, source=source, operator=weight.operator)
    return weight.operator


def load_of(operator):
    operator.refresh_from_db()
    return operator.is_active, operator.current_load


# Switching several off


def test_the_list_offers_what_can_become_of_open_contacts(admin_client):
    OperatorFactory()

    choices = admin_client.get(list_url("operator")).context["action_form"].fields["action"].choices

    assert [name for name, _ in choices][1:] == OperatorAdmin.actions


def test_switches_off_and_keeps(admin_client):
    source = SourceFactory()
    operator = busy(source, places=5, contacts=2)
    busy(source, places=5, contacts=0)

    response = run_action(admin_client, "operator", "switch_off", operator)

    assert load_of(operator) == (False, 2)
    assert messages_of(response) == [
        "1 operator switched off.",
        "Open contacts: 0 went elsewhere, 2 stayed.",
    ]
    assert LogEntry.objects.get().get_change_message() == "Changed active."


def test_switches_off_and_hands_over_what_others_can_take(admin_client, admin_user):
    source = SourceFactory()
    operator = busy(source, places=5, contacts=3)
    other = busy(source, places=2, contacts=0)

    response = run_action(admin_client, "operator", "switch_off_and_redistribute", operator)

    assert load_of(operator) == (False, 1)
    assert load_of(other) == (True, 2)
    assert "Open contacts: 2 went elsewhere, 1 stayed." in messages_of(response)
    event = AuditEvent.objects.get(object_type="operator", action="changed")
    assert (event.actor, event.after["is_active"]) == (f"user:{admin_user.pk}", False)
    assert_promises_kept()


def test_switches_off_and_puts_all_back_into_the_queue(admin_client):
    source = SourceFactory()
    operator = busy(source, places=5, contacts=3)
    other = busy(source, places=2, contacts=0)

    response = run_action(admin_client, "operator", "switch_off_and_requeue", operator)

    assert load_of(operator) == (False, 0)
    assert load_of(other) == (True, 2)
    assert Contact.objects.waiting().count() == 1
    assert "Open contacts: 3 went elsewhere, 0 stayed." in messages_of(response)
    assert_promises_kept()


def test_of_several_who_are_switched_off_none_gets_anothers_contacts(admin_client):
    source = SourceFactory()
    first, second = (busy(source, places=9, contacts=2) for _ in range(2))

    response = run_action(admin_client, "operator", "switch_off_and_redistribute", first, second)

    assert load_of(first) == load_of(second) == (False, 2)
    assert "2 operators switched off." in messages_of(response)
    assert "Open contacts: 0 went elsewhere, 4 stayed." in messages_of(response)


def test_hands_over_the_contacts_of_one_who_was_off_already(admin_client):
    source = SourceFactory()
    operator = busy(source, places=5, contacts=2, operator__is_active=False)
    other = busy(source, places=5, contacts=0)

    response = run_action(admin_client, "operator", "switch_off_and_redistribute", operator)

    assert load_of(other) == (True, 2)
    assert "0 operators switched off." in messages_of(response)
    assert not LogEntry.objects.exists()


# Switching one off


def test_the_form_says_that_open_contacts_stay_and_where_to_move_them(admin_client):
    operator = AssignedContactFactory().operator

    response = admin_client.post(
        change_url(operator), form_of(operator, is_active=None), follow=True
    )

    assert load_of(operator) == (False, 1)
    said = messages_of(response)[0]
    assert f"{operator} is off and keeps 1 open contact." in said
    assert page_url(operator, "switch_off") in said


@pytest.mark.parametrize("change", [{"name": "Renamed"}, {"max_load": 3}])
def test_the_form_says_nothing_of_open_contacts_otherwise(admin_client, change):
    operator = AssignedContactFactory().operator

    response = admin_client.post(change_url(operator), form_of(operator, **change), follow=True)

    assert not any("keeps" in text for text in messages_of(response))


def test_an_operator_without_contacts_keeps_none(admin_client):
    operator = OperatorFactory()

    response = admin_client.post(
        change_url(operator), form_of(operator, is_active=None), follow=True
    )

    assert not any("keeps" in text for text in messages_of(response))


@pytest.mark.parametrize(
    ("open_contacts", "left", "text"),
    [
        ("keep", 3, "Open contacts: 0 went elsewhere, 3 stayed."),
        ("redistribute", 1, "Open contacts: 2 went elsewhere, 1 stayed."),
        ("requeue", 0, "Open contacts: 3 went elsewhere, 0 stayed."),
    ],
)
def test_the_page_asks_what_becomes_of_open_contacts(admin_client, open_contacts, left, text):
    source = SourceFactory()
    operator = busy(source, places=5, contacts=3)
    busy(source, places=2, contacts=0)
    url = page_url(operator, "switch_off")

    asked = admin_client.get(url)
    assert load_of(operator) == (True, 3)
    answered = admin_client.post(url, {"open_contacts": open_contacts}, follow=True)

    assert "3 open contacts, the limit is 5." in text_of(asked)
    assert load_of(operator) == (False, left)
    assert messages_of(answered) == ["1 operator switched off.", text]
    assert answered.redirect_chain[-1][0] == change_url(operator)


def test_the_page_wants_an_answer(admin_client):
    operator = OperatorFactory()

    response = admin_client.post(page_url(operator, "switch_off"), {"open_contacts": "burn"})

    assert errors_of(response).keys() == {"open_contacts"}
    assert load_of(operator) == (True, 0)


# The next waiting contact


def test_shows_the_next_contact_and_gives_it(admin_client, admin_user):
    weight = WeightFactory(weight=0)
    WaitingContactFactory()  # of another source
    contact, later = WaitingContactFactory.create_batch(2, source=weight.source)
    url = page_url(weight.operator, "take_next")

    shown = admin_client.get(url)
    assert load_of(weight.operator) == (True, 0)
    data = {"expected_id": contact.pk, "reason": "Asked for"}
    given = admin_client.post(url, data, follow=True)

    assert url_of(contact) in shown.content.decode()
    assert url_of(later) not in shown.content.decode()
    contact.refresh_from_db()
    assert contact.operator == weight.operator
    decision = contact.assignments.last().decision
    assert (decision["by"], decision["reason"]) == (f"user:{admin_user.pk}", "Asked for")
    assert f"{contact}</a> is with {weight.operator} now." in messages_of(given)[0]


def test_the_limit_holds_until_somebody_says_why_not(admin_client):
    weight = WeightFactory(operator__max_load=0)
    contact = WaitingContactFactory(source=weight.source)
    url = page_url(weight.operator, "take_next")
    data = {"expected_id": contact.pk}

    full = admin_client.post(url, data)
    silent = admin_client.post(url, data | {"over_limit": "on"})
    contact.refresh_from_db()
    assert contact.operator is None
    admin_client.post(url, data | {"over_limit": "on", "reason": "Asked for"})

    assert "This operator is at the limit." in text_of(full)
    assert "Say why it goes over the limit." in text_of(silent)
    contact.refresh_from_db()
    assert contact.operator == weight.operator
    assert contact.assignments.last().decision["over_limit"] is True


def test_shows_the_one_after_when_the_next_was_taken_meanwhile(admin_client):
    weight = WeightFactory(operator__max_load=0)
    first, second = WaitingContactFactory.create_batch(2, source=weight.source)
    url = page_url(weight.operator, "take_next")
    said = {"over_limit": "on", "reason": "Asked for"}
    other = WeightFactory(source=weight.source, weight=0, operator__name="Demo other").operator
    admin_client.post(page_url(other, "take_next"), {"expected_id": first.pk})

    refused = admin_client.post(url, {"expected_id": first.pk} | said)

    assert "It has changed meanwhile: now assigned, Demo other." in text_of(refused)
    assert url_of(second) in refused.content.decode()
    form = refused.context["adminform"].form
    assert (form["expected_id"].value(), form["reason"].value()) == (second.pk, "Asked for")
    assert load_of(weight.operator) == (True, 0)


def test_who_is_off_gets_none(admin_client):
    weight = WeightFactory(operator__is_active=False)
    contact = WaitingContactFactory(source=weight.source)
    url = page_url(weight.operator, "take_next")

    response = admin_client.post(url, {"expected_id": contact.pk})

    assert errors_of(response)["__all__"] == ["This operator is switched off."]


def test_says_when_nothing_waits(admin_client):
    operator = WeightFactory().operator
    WaitingContactFactory()
    url = page_url(operator, "take_next")

    responses = [admin_client.get(url), admin_client.post(url, {"expected_id": ""})]

    for response in responses:
        assert "No contact waits in this operator’s sources." in text_of(response)


# Who may


def staff(client, *codenames):
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)


@pytest.mark.parametrize("page", ["switch_off", "take_next"])
@pytest.mark.parametrize("codenames", [["view_operator"], ["change_operator"], ["change_contact"]])
def test_who_may_not_move_contacts_is_refused(client, page, codenames):
    staff(client, *codenames)
    operator = AssignedContactFactory().operator

    refused = [
        client.get(page_url(operator, page)),
        client.post(page_url(operator, page), {"open_contacts": "requeue", "expected_id": 1}),
    ]

    assert [response.status_code for response in refused] == [403, 403]
    assert load_of(operator) == (True, 1)


def test_who_may_not_move_contacts_gets_no_such_action_or_link(client):
    staff(client, "change_operator")
    operator = AssignedContactFactory().operator

    listed = client.get(list_url("operator")).context["action_form"].fields["action"].choices
    page = client.get(change_url(operator)).content.decode()
    run_action(client, "operator", "switch_off_and_requeue", operator)

    assert [name for name, _ in listed][1:] == ["switch_on", "switch_off"]
    assert page_url(operator, "switch_off") not in page
    assert page_url(operator, "take_next") not in page
    assert load_of(operator) == (True, 1)


def test_who_may_move_contacts_and_look_at_operators_gives_the_next_one(client):
    staff(client, "view_operator", "change_contact")
    weight = WeightFactory(weight=0)
    contact = WaitingContactFactory(source=weight.source)

    page = client.get(change_url(weight.operator)).content.decode()
    client.post(page_url(weight.operator, "take_next"), {"expected_id": contact.pk})

    assert page_url(weight.operator, "take_next") in page
    assert page_url(weight.operator, "switch_off") not in page
    assert load_of(weight.operator) == (True, 1)


@pytest.mark.parametrize("page", ["switch_off", "take_next"])
def test_a_missing_operator_has_no_pages(admin_client, page):
    url = reverse(f"admin:distribution_operator_{page}", args=[404])

    assert admin_client.get(url).status_code == 404
    assert admin_client.delete(url).status_code == 405


# Long queues


@pytest.mark.django_db(transaction=True)
def test_the_form_hands_a_long_queue_out_in_bounded_transactions(admin_client, monkeypatch):
    monkeypatch.setattr(waiting, "AT_ONCE", 2)
    monkeypatch.setattr(waiting, "BATCH", 2)
    weight = WeightFactory(operator__is_active=False)
    WaitingContactFactory.create_batch(5, source=weight.source)

    with CaptureQueriesContext(connection) as captured:
        admin_client.post(change_url(weight.operator), form_of(weight.operator))

    commits = [query["sql"] for query in captured if query["sql"] == "COMMIT"]
    assert len(commits) >= 3
    assert load_of(weight.operator) == (True, 5)
    assert LogEntry.objects.count() == 1


# What goes wrong


def test_the_log_names_the_contact_that_was_given(admin_client, admin_user):
    weight = WeightFactory(weight=0)
    contact = WaitingContactFactory(source=weight.source)
    data = {"expected_id": contact.pk}

    for _ in range(2):
        admin_client.post(page_url(weight.operator, "take_next"), data)

    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_edited_object()) == (admin_user, contact)
    assert entry.get_change_message() == "Changed operator."


@pytest.mark.parametrize("page", ["switch_off", "take_next"])
@pytest.mark.parametrize("error", [RunAgain("again"), TransactionManagementError("broken")])
def test_says_that_others_keep_it_busy(admin_client, monkeypatch, page, error):
    weight = WeightFactory(weight=0)
    contact = WaitingContactFactory(source=weight.source)

    def busy(*args, **kwargs):
        raise error

    monkeypatch.setattr(operator_pages, "switch_operator_off", busy)
    monkeypatch.setattr(operator_pages, "take_next_contact", busy)
    data = {"expected_id": contact.pk, "open_contacts": "requeue", "reason": "Demo"}
    response = admin_client.post(page_url(weight.operator, page), data)

    said = ["Others kept it busy for too long; try it again."]
    assert errors_of(response)["__all__"] == said
    assert load_of(weight.operator) == (True, 0)


def test_the_list_says_that_others_keep_it_busy(admin_client, monkeypatch):
    def busy(*args, **kwargs):
        raise RunAgain("again")

    monkeypatch.setattr(operator_pages, "switch_operator_off", busy)
    response = run_action(admin_client, "operator", "switch_off", OperatorFactory())

    assert messages_of(response) == ["Others kept it busy for too long; try it again."]


@pytest.mark.parametrize("page", ["switch_off", "take_next"])
def test_an_error_of_the_database_is_no_excuse(admin_client, monkeypatch, page):
    """Only what may succeed when it is tried again is told as busy."""
    weight = WeightFactory(weight=0)
    contact = WaitingContactFactory(source=weight.source)

    def broken(*args, **kwargs):
        raise OperationalError("disk full")

    monkeypatch.setattr(operator_pages, "switch_operator_off", broken)
    monkeypatch.setattr(operator_pages, "take_next_contact", broken)
    data = {"expected_id": contact.pk, "open_contacts": "requeue"}

    with pytest.raises(OperationalError):
        admin_client.post(page_url(weight.operator, page), data)
