"""Every form of every page, with hostile values in each of its fields: nothing breaks."""

import os
import random
from collections import Counter
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.db.models import CharField, TextField
from django.test import Client

from minicrm.tests.every_page import PAGES
from minicrm.tests.hostile.forms import VALUES, forms_of
from minicrm.tests.world import create_world
from minicrm.text import forbidden_character

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HERE = "http://testserver/"
SOME, MANY = 1, 4  # values for each field; all of them take minutes (`HOSTILE_VALUES=all`)
FINE = {200, 204, 302, 303, 400, 403, 404, 405, 409, 413, 422, 429}
# What people may call things with; messages may have several lines, passwords are not stored.
LINES = {"name", "reason", "actor", "username", "external_id", "email", "phone"}


class Visitor:
    """An administrator, who is signed in again whenever a form has signed them out."""

    def __init__(self, user):
        self.client, self.user = Client(raise_request_exception=False), user
        self.client.force_login(user)

    def send(self, form, body):
        path = form.action.partition("?")[0]
        if form.method == "POST":
            kind = "application/x-www-form-urlencoded"
            response = self.client.post(form.action, body, content_type=kind)
        else:
            response = self.client.get(f"{path}?{body}")
        if response.get("Location", "").startswith("/accounts/login/"):
            self.client.force_login(self.user)
        return response


def all_forms(world, visitor):
    """Return each form of the site once."""
    found = {}
    for page in PAGES:
        client = visitor.client if page.signed_in else Client()
        response = client.get(page.path(world), follow=True)
        assert response.status_code == 200, page
        for form in forms_of(page.path(world), response.content.decode()):
            found.setdefault(form.key(), form)
    return list(found.values())


def what_is_wrong(response):
    """Return what is wrong with an answer, or nothing."""
    location = response.get("Location", "")
    if response.status_code not in FINE:
        return f"status {response.status_code}"
    # Browsers read a backslash as a slash.
    if urlsplit(urljoin(HERE, location.replace("\\", "/")))[:2] != urlsplit(HERE)[:2]:
        return f"leads to {location}"
    if "X-Injected" in response:
        return "a header of the caller's"
    if not response.streaming and b"<script>alert(1)" in response.content:
        return "a script of the caller's"
    return ""


def broken_rules():
    """Return the stored texts that no form may have let through."""
    broken = []
    for label in ("distribution", "leads"):
        for model in apps.get_app_config(label).get_models():
            for column in model._meta.concrete_fields:
                if isinstance(column, (CharField, TextField)):
                    multiline = column.name not in LINES
                    for text in model._default_manager.values_list(column.name, flat=True):
                        if text and forbidden_character(text, multiline=multiline):
                            broken.append((model.__name__, column.name, ascii(text)[:60]))
    return broken


def look_through(values_of):
    """Send values to each field of each form; return what went wrong, and how much was sent."""
    from django.contrib.auth.models import User

    from leads.tests.checks import assert_promises_kept

    world = create_world(contacts=30, awkward=False)
    visitor = Visitor(User.objects.get(pk=world["manager"]))
    wrong, sent = {}, Counter()
    for form in all_forms(world, visitor):
        for name in form.fields:
            for value in values_of(form, name):
                response = visitor.send(form, form.with_value(name, value))
                sent[form.view] += 1
                if problem := what_is_wrong(response):
                    wrong[f"{form.method} {form.view} {name}={value[:30]!r}"] = problem
    assert_promises_kept(over_limit=True)  # limits go down, too
    return wrong, sent


@pytest.mark.slow_on_postgresql
def test_some_values_in_each_field():
    chosen = random.Random(5)
    wrong, sent = look_through(lambda form, name: chosen.sample(VALUES, SOME))
    assert (wrong, broken_rules()) == ({}, [])
    assert len(sent) > 25, sent


@pytest.mark.thorough
def test_many_values_in_each_field():
    chosen = random.Random(6)
    everything = os.environ.get("HOSTILE_VALUES") == "all"
    many = len(VALUES) if everything else MANY
    wrong, sent = look_through(lambda form, name: chosen.sample(VALUES, many))
    assert (wrong, broken_rules()) == ({}, [])
    assert sent.total() > 500, sent
