"""Who may move contacts in Django's admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.urls import reverse

from leads.moving import jobs
from leads.moving.moves import Move
from leads.tests.admin_moves import move_all, press, select, state, text_of
from leads.tests.admin_pages import list_url, url_of
from leads.tests.factories import (
    AssignedContactFactory,
)

pytestmark = [pytest.mark.slow_on_postgresql, pytest.mark.django_db]


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
