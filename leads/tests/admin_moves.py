"""Moving contacts in Django's admin, as a browser does it."""

import re

from django.urls import reverse

from leads.tests.admin_pages import list_url


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
