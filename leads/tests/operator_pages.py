"""Operators on their pages, as tests ask for them and read them."""

import re
from html import unescape

from django.urls import reverse

from distribution.tests.factories import WeightFactory
from leads.tests.factories import AssignedContactFactory

HTMX = {"HX-Request": "true"}
LIST = reverse("leads:operators")


def url_of(operator, page="operator"):
    return reverse(f"leads:{page}", args=[operator.pk])


def busy(source, *, places=9, contacts=0, **kwargs):
    """Return an operator of the source with so many places and open contacts."""
    operator = WeightFactory(source=source, operator__max_load=places, **kwargs).operator
    AssignedContactFactory.create_batch(contacts, source=source, operator=operator)
    return operator


def state_of(operator):
    operator.refresh_from_db()
    return operator.is_active, operator.current_load


def text_of(response):
    return " ".join(unescape(re.sub("<[^>]*>", " ", response.content.decode())).split())


def names_in(response):
    """Return the names in the rows of the list, in their order."""
    return [operator.name for operator in response.context["page"].object_list]


def filled_in(response, action):
    """Return what a browser sends back of the form with this address when nobody touches it."""
    html = response.content.decode()
    forms = re.findall(r"<form\b.*?</form>", html, re.DOTALL)
    form = next(form for form in forms if f'action="{action}"' in form)
    values = {}
    for tag in re.findall(r"<input[^>]*>", form, re.DOTALL):
        facts = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        is_choice = facts.get("type") in ("checkbox", "radio")
        if "name" in facts and (not is_choice or re.search(r"\bchecked\b", tag)):
            values[facts["name"]] = facts.get("value", "" if not is_choice else "on")
    return values
