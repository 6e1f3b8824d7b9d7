"""How the database finds what a page shows: by an index, never by reading all there ever was."""

import re
import sys
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from distribution.models import Operator, Source
from leads import operator_days, shares_in_fact
from leads.forms import filters
from leads.models import Assignment, Contact, Lead
from minicrm.tests.crowd import grow
from minicrm.tests.every_page import PAGES, Page
from minicrm.tests.test_page_budgets import queries_by_page
from minicrm.tests.world import create_world

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.slow_on_postgresql]

CONTACTS = 10_000
OPERATORS = 50
YEAR = timedelta(days=365)
RARE = "A source without a past"
# What grows as long as the system is in use.
HISTORY = ("leads_contact", "leads_assignment", "leads_lead", "distribution_auditevent")
ALIASED = re.compile(r'(?:FROM|JOIN) "?(\w+)"? (U\d)')
PARTIAL = {index.name for index in Contact._meta.indexes if index.condition is not None}
# Filters whose indexes are easily missed, besides the pages with plain addresses.
FILTERED = [
    Page("leads:contacts", query=query)
    for query in (
        "?status=assigned",
        "?status=closed",
        "?before=5000",
        "?after=5000",
        "?q=%235000",
        "?source=1",
        "?operator=1",
        "?operator=1&status=assigned",
        "?operator=1&status=waiting",
        "?operator=none",
        "?source=1&status=assigned",
        "?received_from=2020-01-01",
        "?received_from=2020-01-01&status=closed",
        "?received_from=2020-01-01&status=waiting",
        "?received_from=2020-01-01&received_to=2020-01-02&status=assigned",
        "?received_from=2020-01-01&source=1",
        "?received_from=2020-01-01&received_to=2020-01-02&source=1",
    )
]


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch):
    """What pages read at most of one object's past is little beside all there is, as in use."""
    monkeypatch.setattr(operator_days, "PERIODS_READ", 20)
    monkeypatch.setattr(shares_in_fact, "LOOKED_THROUGH", 100)
    monkeypatch.setattr(shares_in_fact, "LAST", 20)
    monkeypatch.setattr(filters, "MANY", 100)


@pytest.fixture
def world():
    """A day's work, and a year of the past."""
    made = create_world(contacts=300, awkward=False)
    grow(operators=OPERATORS, contacts=1_000)
    more_past("first")
    return made


def more_past(name):
    """Let there have been very many more contacts a year ago, each with its own lead.

    They came from all sources but the rare one.
    """
    at = timezone.now() - YEAR
    sources = [source.pk for source in Source.objects.exclude(name=RARE)]
    operators = [operator.pk for operator in Operator.objects.all()]
    leads = Lead.objects.bulk_create(
        Lead(external_id=f"{name}-{number}") for number in range(CONTACTS)
    )
    contacts = Contact.objects.bulk_create(
        Contact(
            lead=lead,
            source_id=sources[lead.pk % len(sources)],
            operator_id=operators[lead.pk % len(operators)],
            status=Contact.Status.CLOSED,
            created_at=at,
            assigned_at=at,
            closed_at=at,
        )
        for lead in leads
    )
    Assignment.objects.bulk_create(
        Assignment(
            contact=contact,
            operator_id=contact.operator_id,
            method=Assignment.Method.WEIGHTED_RANDOM,
            started_at=at,
            ended_at=at,
            ended_as=Assignment.End.CLOSED,
        )
        for contact in contacts
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
        else:  # where nobody counts in use either
            cursor.execute("DELETE FROM sqlite_stat1")
            cursor.execute("ANALYZE sqlite_schema")  # that is how it notices


def steps_by_page(client, pages, world):
    """Return how many steps SQLite takes for each page, to the next hundred."""
    steps = {}
    for page in pages:
        hundreds = []
        connection.connection.set_progress_handler(partial(hundreds.append, 1), 100)
        client.get(page.path(world))
        steps[str(page)] = 100 * len(hundreds)
    connection.connection.set_progress_handler(None, 0)
    return steps


@pytest.mark.thorough
def test_no_page_reads_a_table_that_grows_from_end_to_end(world, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.get(username=world["names"]["administrator"]))

    made = queries_by_page(client, [*PAGES, *FILTERED], world)

    found = {
        (page, table, statement[:2_000])
        for page, statements in made.items()
        for statement in statements
        for table in read_whole(statement)
    }
    assert found == set()


@pytest.mark.sqlite
@pytest.mark.thorough
def test_no_page_works_harder_for_a_longer_past(world, django_user_model):
    """However many contacts there were a year ago: SQLite says how many steps it took."""
    client = Client()
    client.force_login(django_user_model.objects.get(username=world["names"]["administrator"]))
    pages = [page for page in (*PAGES, *FILTERED) if page.signed_in]
    before = steps_by_page(client, pages, world)
    more_past("second")

    after = steps_by_page(client, pages, world)

    for page in after:
        sys.stdout.write(f"{page:70} {before[page]:>8} {after[page]:>8}\n")  # pytest -rP shows it
    assert {page for page in after if after[page] - before[page] > CONTACTS / 4} == set()


@pytest.mark.sqlite
@pytest.mark.thorough
def test_a_rare_source_is_not_looked_for_among_all_contacts_of_its_days(world, django_user_model):
    """By the days, as for a source with a long past, is the long way where all others have one."""
    client = Client()
    client.force_login(django_user_model.objects.get(username=world["names"]["administrator"]))
    rare = Source.objects.create(name=RARE)
    page = Page("leads:contacts", query=f"?source={rare.pk}&received_from=2020-01-01")
    before = steps_by_page(client, [page], world)
    more_past("second")

    after = steps_by_page(client, [page], world)

    assert after[str(page)] - before[str(page)] < CONTACTS / 4


def test_reading_a_whole_table_is_noticed():
    """Else the test above could not fail."""
    whole = [
        "SELECT sum(version) FROM leads_contact",
        "SELECT id FROM leads_lead WHERE name > 'Demo' ORDER BY name LIMIT 10",
        "SELECT sum(U0.id) FROM leads_assignment U0 WHERE U0.method = 'manual'",
    ]
    assert [len(read_whole(statement)) for statement in whole] == [1, 1, 1]
    assert read_whole("SELECT id FROM leads_contact ORDER BY id DESC LIMIT 10") == []


def read_whole(statement: str) -> list[str]:
    """Return those of the tables with the history that a statement reads from end to end."""
    if not statement.startswith("SELECT"):
        return []
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'' if is_postgresql else 'QUERY PLAN'} {statement}")
        plan = [str(row[-1]) for row in cursor.fetchall()]
    scanned = _scanned_by_postgresql(plan) if is_postgresql else _scanned_by_sqlite(statement, plan)
    return [table for table in scanned if table in HISTORY]


def _scanned_by_postgresql(plan):
    scans = (re.search(r"Seq Scan on (\w+)", line) for line in plan)
    return [scan[1] for scan in scans if scan]


def _scanned_by_sqlite(statement, plan):
    """Yield the tables that are scanned, unless a limit stops that, or an index has but a part."""
    is_sorted = any("TEMP B-TREE FOR ORDER BY" in line for line in plan)
    stops = "LIMIT" in statement and not is_sorted
    aliases = {
        alias: table for table, alias in re.findall(r'(?:FROM|JOIN) "?(\w+)"? (U\d)', statement)
    }
    for line in plan:
        scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        if scan and scan[2] not in PARTIAL and not (stops and scan[2] is None):
            yield aliases.get(scan[1], scan[1])
