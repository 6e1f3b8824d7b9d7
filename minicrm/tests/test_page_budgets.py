"""How many queries a page makes: few, and as many for a thousand operators as for seven."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from minicrm.tests.crowd import grow
from minicrm.tests.every_page import PAGES, Page
from minicrm.tests.people import make_user
from minicrm.tests.world import create_users, create_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.slow_on_postgresql]

LIMIT = 30
OPERATORS = 1_000
CONTACTS = 100_000 if os.environ.get("CI") else 5_000


def test_pages_make_few_queries_and_no_more_for_many_rows(django_user_model):
    world = create_world(contacts=300, awkward=False)
    client = Client()
    client.force_login(django_user_model.objects.get(username=world["names"]["administrator"]))

    few = queries_by_page(client, PAGES, world)
    grow(operators=OPERATORS, contacts=CONTACTS)
    many = queries_by_page(client, PAGES, world)

    for page, made in many.items():
        sys.stdout.write(f"{page:60} {len(few[page]):>5} {len(made):>5}\n")  # pytest -rP shows it
    grown = {
        page: Counter(map(shape, made)) - Counter(map(shape, few[page]))
        for page, made in many.items()
        if len(made) > len(few[page])
    }
    assert grown == {}
    assert {page: len(made) for page, made in many.items() if len(made) >= LIMIT} == {}


def test_pages_without_any_data_make_few_queries():
    world = create_users()
    client = Client()
    client.force_login(make_user("administrator", username="demo-first"))
    pages = [page for page in PAGES if set(page.ids.values()) <= set(world)]

    made = queries_by_page(client, pages, world)

    assert {page: len(queries) for page, queries in made.items() if len(queries) >= LIMIT} == {}


def queries_by_page(client: Client, pages: Iterable[Page], world: dict) -> dict[str, list[str]]:
    """Return the statements that each page makes; it must be shown, and say something."""
    made = {}
    for page in pages:
        with CaptureQueriesContext(connection) as captured:
            response = (client if page.signed_in else Client()).get(page.path(world))
        assert response.status_code == 200, f"{page}: {response.status_code}"
        assert strip_tags(response.content.decode()).strip()
        made[str(page)] = [query["sql"] for query in captured]
    return made


def shape(statement: str) -> str:
    """Return a statement without its values."""
    return re.sub(r"\s+", " ", re.sub(r"'[^']*'|\b\d+\b", "?", statement))[:300]
