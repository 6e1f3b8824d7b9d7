"""Operators in Django's admin, and who gets in: every change goes through the services."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from distribution.models import AuditEvent, Operator, OperatorSourceWeight
from distribution.services import locks
from distribution.tests.admin_pages import (
    add_url,
    change_url,
    delete_url,
    errors_of,
    list_url,
    messages_of,
    queries_of,
    run_action,
)
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Assignment
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


@pytest.mark.parametrize("model", ["operator", "source", "operatorsourceweight", "apikey"])
def test_sends_visitors_to_the_sign_in_page(client, model):
    response = client.get(list_url(model))

    assert response.status_code == 302
    assert response.url.startswith(reverse("login"))


def test_users_who_are_no_staff_do_not_get_in(client):
    client.force_login(User.objects.create_user("visitor"))

    response = client.post(add_url("operator"), {"name": "New", "max_load": 1})

    assert response.url.startswith(reverse("admin:login"))
    assert not Operator.objects.exists()


def test_staff_who_may_only_look_change_nothing(client):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_operator"))
    client.force_login(looker)
    operator = OperatorFactory(name="Before", is_active=True)

    shown = client.get(change_url(operator))
    refused = client.post(change_url(operator), {"name": "After", "max_load": 1})
    run_action(client, "operator", "switch_off", operator)

    assert "Before" in shown.content.decode()
    assert refused.status_code == 403
    operator.refresh_from_db()
    assert (operator.name, operator.is_active, operator.max_load) == ("Before", True, 10)


def test_a_missing_operator_is_told_and_not_an_error(admin_client):
    response = admin_client.get(
        reverse("admin:distribution_operator_change", args=[404]), follow=True
    )

    assert any("doesn’t exist" in text for text in messages_of(response))


def test_adds_an_operator(admin_client):
    data = {"name": "  Demo operator  ", "is_active": "on", "max_load": 3}

    response = admin_client.post(add_url("operator"), data)

    assert response.status_code == 302
    operator = Operator.objects.get()
    assert (operator.name, operator.max_load, operator.current_load) == ("Demo operator", 3, 0)
    assert LogEntry.objects.get().object_id == str(operator.pk)


def test_switching_an_operator_on_assigns_what_waits(admin_client, admin_user):
    weight = WeightFactory(operator__is_active=False)
    contact = WaitingContactFactory(source=weight.source)
    operator = weight.operator

    admin_client.post(
        change_url(operator), {"name": operator.name, "is_active": "on", "max_load": 10}
    )

    contact.refresh_from_db()
    assert contact.operator == operator
    assert Assignment.objects.get(method="drain").decision["by"] == f"user:{admin_user.pk}"


def test_the_action_switches_operators_on_and_assigns_what_waits(admin_client):
    weight = WeightFactory(operator__is_active=False)
    contact = WaitingContactFactory(source=weight.source)
    untouched = OperatorFactory(is_active=False)

    response = run_action(admin_client, "operator", "switch_on", weight.operator)

    contact.refresh_from_db()
    untouched.refresh_from_db()
    assert contact.operator == weight.operator
    assert not untouched.is_active
    assert "1 operator switched on." in messages_of(response)
    assert LogEntry.objects.get().get_change_message() == "Changed active."


def test_the_action_switches_operators_off(admin_client):
    operators = OperatorFactory.create_batch(2)

    response = run_action(admin_client, "operator", "switch_off", *operators)

    assert not Operator.objects.filter(is_active=True).exists()
    assert "2 operators switched off." in messages_of(response)


def test_a_posted_load_changes_nothing(admin_client):
    operator = AssignedContactFactory().operator
    data = {"name": "Renamed", "is_active": "on", "max_load": 5, "current_load": 0}

    admin_client.post(change_url(operator), data)

    operator.refresh_from_db()
    assert (operator.name, operator.max_load, operator.current_load) == ("Renamed", 5, 1)


def test_writes_only_what_was_changed_in_the_form(admin_client, monkeypatch):
    operator = OperatorFactory(name="Before", max_load=4)
    saved = []
    save = Operator.save
    monkeypatch.setattr(
        Operator, "save", lambda self, **kw: (saved.append(kw["update_fields"]), save(self, **kw))
    )

    admin_client.post(change_url(operator), {"name": "After", "is_active": "on", "max_load": 4})

    assert saved == [["name"]]


def test_refuses_a_blank_name_and_a_negative_limit(admin_client):
    response = admin_client.post(add_url("operator"), {"name": "\u200b", "max_load": -1})

    assert set(errors_of(response)) == {"name", "max_load"}
    assert not Operator.objects.exists()


def test_deletes_an_operator_without_contacts(admin_client, admin_user):
    weight = WeightFactory()

    admin_client.post(delete_url(weight.operator), {"post": "yes"})

    assert not Operator.objects.exists()
    assert not OperatorSourceWeight.objects.exists()
    event = AuditEvent.objects.get(action="deleted")
    assert (event.actor, event.object_name) == (f"user:{admin_user.pk}", weight.operator.name)


def test_the_delete_action_is_recorded_for_each_operator(admin_client, admin_user):
    operators = OperatorFactory.create_batch(2)
    data = {"action": "delete_selected", "_selected_action": [one.pk for one in operators]}

    asked = admin_client.post(list_url("operator"), data)
    assert Operator.objects.count() == 2
    admin_client.post(list_url("operator"), data | {"post": "yes"})

    assert "Delete multiple objects" in asked.content.decode()
    assert not Operator.objects.exists()
    events = AuditEvent.objects.filter(action="deleted", actor=f"user:{admin_user.pk}")
    assert {event.object_id for event in events} == {one.pk for one in operators}


def test_the_delete_action_deletes_all_or_none_and_logs_what_is_true(admin_client, monkeypatch):
    free, busy = OperatorFactory(), AssignedContactFactory().operator
    # As if the contact had come in after the page had looked for it.
    monkeypatch.setattr(
        "distribution.admin.operators.OperatorAdmin._in_the_way", lambda self, objs: iter(())
    )
    monkeypatch.setattr(
        "django.contrib.admin.options.get_deleted_objects", lambda *args: ([], {}, set(), [])
    )
    data = {"action": "delete_selected", "_selected_action": [free.pk, busy.pk], "post": "yes"}

    response = admin_client.post(list_url("operator"), data, follow=True)

    assert "Nothing was deleted: a contact came in between." in messages_of(response)
    assert Operator.objects.count() == 2
    assert not LogEntry.objects.exists()
    assert not AuditEvent.objects.exists()


def test_names_a_few_of_the_contacts_that_protect_an_operator(admin_client):
    operator = OperatorFactory(max_load=100)
    contacts = AssignedContactFactory.create_batch(12, operator=operator)

    page = admin_client.get(delete_url(operator))
    admin_client.post(delete_url(operator), {"post": "yes"})

    text = page.content.decode()
    assert f"contact #{contacts[9].pk}</a>" in text
    assert f"contact #{contacts[10].pk}</a>" not in text
    assert "and more" in text
    assert Operator.objects.filter(pk=operator.pk).exists()


def test_tells_when_a_contact_came_in_during_the_deletion(admin_client, monkeypatch):
    operator = OperatorFactory()
    AssignedContactFactory(operator=operator)
    # As if the contact had come in after the page had looked for it.
    monkeypatch.setattr(
        "distribution.admin.operators.OperatorAdmin._in_the_way", lambda self, objs: iter(())
    )
    monkeypatch.setattr(
        "django.contrib.admin.options.get_deleted_objects", lambda *args: ([], {}, set(), [])
    )

    response = admin_client.post(delete_url(operator), {"post": "yes"}, follow=True)

    assert "Nothing was deleted: a contact came in between." in messages_of(response)
    assert Operator.objects.filter(pk=operator.pk).exists()


def test_links_to_the_lists_of_an_operator(admin_client):
    contact = AssignedContactFactory()
    page = admin_client.get(change_url(contact.operator)).content.decode()

    url = f"{reverse('admin:leads_contact_changelist')}?operator__id__exact={contact.operator.pk}"
    assert url in page
    rows = admin_client.get(url).context["cl"].result_list
    assert list(rows) == [contact]


@pytest.mark.django_db(transaction=True)
def test_starts_over_when_an_operator_was_given_another_source_meanwhile(admin_client, monkeypatch):
    weight = WeightFactory(operator__is_active=False)
    contact = WaitingContactFactory(source=weight.source)
    # The first look finds no source, as if the weight had been added right after it.
    looks = [set()]
    sources_of = locks.sources_of
    monkeypatch.setattr(locks, "sources_of", lambda ids: looks.pop() if looks else sources_of(ids))

    data = {"name": weight.operator.name, "is_active": "on", "max_load": 10}
    admin_client.post(change_url(weight.operator), data)

    contact.refresh_from_db()
    assert contact.operator == weight.operator
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("model", ["operator", "source", "operatorsourceweight"])
def test_lists_need_the_same_queries_for_any_number_of_rows(admin_client, model):
    WeightFactory.create_batch(2)
    few = queries_of(admin_client, list_url(model))
    WeightFactory.create_batch(18)

    assert admin_client.get(list_url(model)).context["cl"].result_count == 20
    assert queries_of(admin_client, list_url(model)) == few
