"""The pages about contacts as a browser sees them."""

import re
from html import unescape

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

LIST = reverse("leads:contacts")


def url_of(contact, page="contact"):
    return reverse(f"leads:{page}", args=[contact.pk])


def listed(client, query=""):
    """Return the numbers of the contacts that a page of the list shows, in order."""
    page = client.get(LIST + query, follow=True)  # what is searched is kept out of the address
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="contact-(\d+)"', page.content.decode())]


def link(page, rel):
    """Return where the link to the newer or older contacts leads, None where there is none."""
    found = re.search(rf'<a class="btn[^"]*" href="([^"]*)" rel="{rel}"', page.content.decode())
    return unescape(found[1]) if found else None


def text_of(response):
    """Return what a page says, one blank between words."""
    text = re.sub("<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(text).replace("\N{NO-BREAK SPACE}", " ").split())


def queries_of(client, url):
    """Return how many queries a page needs, the second time."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def post_move(client, contact, move, /, **said):
    """Post a move of a contact in the version at hand, and follow to the page after it."""
    data = {"version": contact.version, "next": LIST} | said
    return client.post(url_of(contact, f"{move}_contact"), data, follow=True)


def undo_of(page):
    """Return the address and the fields of the button that undoes what a page tells of."""
    form = re.search(r"data-toast>.*?</form>", page.content.decode(), re.S)
    if not form:
        return None
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0]))
    return re.search(r'action="([^"]*)"', form[0])[1], fields


def state(contact):
    contact.refresh_from_db()
    return contact.status, contact.operator
