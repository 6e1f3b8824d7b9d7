"""Access: every address with every method, asked for by everybody; the tables say who gets in."""

import logging

import pytest
from django.db import transaction

from minicrm.tests.access.addresses import every_address
from minicrm.tests.access.callers import METHODS, everybody
from minicrm.tests.access.rules import expected, outcome
from minicrm.tests.access.tables import ADMIN_PAGES, ADMIN_TABLES, API, PAGES
from minicrm.tests.access.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

CALLERS = (
    "anonymous",
    "nobody",
    "viewer",
    "supervisor",
    "administrator",
    "key of the source",
    "key of another source",
    "managing key",
    "key for all sources",
    "revoked key",
)
ADDRESSES = 162
CELLS = ADDRESSES * len(METHODS) * len(CALLERS)


@pytest.fixture(autouse=True)
def _quiet(settings):
    """Thousands of refusals are no news."""
    settings.METRICS_TOKEN = "a token that nobody here has"
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def asked(world, caller, address, method):
    """Return what somebody is told at an address; whatever it did is undone."""
    body, kind = b"", "application/x-www-form-urlencoded"
    if address.route.startswith("api/"):
        body = world.body(address.route.removeprefix("api/v1/"), method)
        kind = "application/json"
    with transaction.atomic():
        response = caller.ask(method, world.path(address), body, kind)
        transaction.set_rollback(True)
    return outcome(response)


def walk(caller_name, methods_of):
    """Return where somebody gets further, or less far, than they should; and how many asked."""
    world = World()
    callers = {caller.name: caller for caller in everybody(world.source, world.other_source)}
    assert set(callers) == set(CALLERS)
    caller, wrong, cells = callers[caller_name], {}, 0
    for address in every_address():
        for method in methods_of(address, caller):
            cells += 1
            got, may = asked(world, caller, address, method), expected(address, method, caller)
            if got not in may:
                wrong[f"{method} /{address.route}"] = f"{got}, not {' or '.join(sorted(may))}"
    return wrong, cells


def usual_methods(address, caller):
    """Return what the API has, and what browsers send; a key on a page is as good as none."""
    if address.route.startswith("api/"):
        return METHODS
    return ("POST",) if caller.is_key else ("GET", "POST")


@pytest.mark.slow
@pytest.mark.parametrize("caller", CALLERS)
def test_everybody_gets_in_where_the_tables_say(caller):
    wrong, _cells = walk(caller, usual_methods)

    assert wrong == {}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.any_database
@pytest.mark.parametrize("caller", CALLERS)
def test_no_method_gets_around_the_tables(caller):
    wrong, cells = walk(caller, lambda address, caller: METHODS)

    assert wrong == {}
    assert cells == CELLS / len(CALLERS)


def test_the_matrix_has_a_cell_for_everything():
    """Who adds an address writes it into a table, and counts it here."""
    addresses = every_address()

    assert len(addresses) == ADDRESSES
    assert CELLS == 11_340
    assert {address.name for address in addresses} >= set(PAGES)
    api = {address.route.removeprefix("api/v1/") for address in addresses}
    assert api >= set(API)
    admin = {address.name.removeprefix("admin:") for address in addresses}
    assert admin >= {*ADMIN_PAGES, *(f"{table}_changelist" for table in ADMIN_TABLES)}
