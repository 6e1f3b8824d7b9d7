"""The overview that is open: told in one query whether anything has changed."""

import re
from dataclasses import dataclass

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from distribution.models import Operator, Source
from distribution.services import (
    create_operator,
    create_source,
    replace_weights,
    update_operator,
    update_source,
)
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.overview.signature import signature
from leads.services import (
    ContactRequest,
    close_contact,
    reassign_contact,
    register_contact,
    reopen_contact,
    requeue_contact,
    switch_operator_off,
)
from leads.tests.overview_page import HTMX, URL

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

NOON = "2030-05-01 12:00:10Z"


@pytest.fixture(autouse=True)
def _within_a_minute():
    with time_machine.travel(NOON, tick=False):
        yield


def seen_by(client) -> str:
    html = client.get(URL).content.decode()
    return re.search(r'<input type="hidden" id="seen" name="seen" value="([^"]+)"', html)[1]


def poll(client, seen: str):
    return client.get(URL, {"seen": seen}, headers=HTMX)


def test_nothing_changed_costs_one_query(viewer):
    OperatorFactory()
    seen = seen_by(viewer)

    with CaptureQueriesContext(connection) as queries:
        response = poll(viewer, seen)

    assert response.status_code == 204
    assert response.content == b""
    assert len(queries) == 1


def test_what_is_open_says_all_when_something_changed(viewer):
    seen = seen_by(viewer)
    OperatorFactory(name="Demo newcomer")

    response = poll(viewer, seen)

    assert response.status_code == 200
    assert "Demo newcomer" in response.content.decode()
    assert poll(viewer, seen_by(viewer)).status_code == 204


def test_a_browser_always_gets_the_page(viewer):
    response = viewer.get(URL, {"seen": seen_by(viewer)})

    assert response.status_code == 200


@pytest.mark.parametrize("seen", ["", "x", "\0", "9" * 5_000])
def test_an_odd_signature_gets_the_page(viewer, seen):
    assert poll(viewer, seen).status_code == 200


def test_ages_are_renewed_every_minute(viewer):
    seen = seen_by(viewer)

    with time_machine.travel("2030-05-01 12:00:59Z", tick=False):
        assert poll(viewer, seen).status_code == 204
    with time_machine.travel("2030-05-01 12:01:00Z", tick=False):
        assert poll(viewer, seen).status_code == 200


@dataclass
class World:
    """A source with two operators. One of them has the first contact; the second is closed."""

    source: Source
    keeper: Operator
    other: Operator
    contact: Contact
    closed: Contact


@pytest.fixture
def world():
    source = SourceFactory()
    keeper, other = OperatorFactory.create_batch(2)
    WeightFactory(operator=keeper, source=source)
    contact, closed = (register(source, f"demo-{number}") for number in range(2))
    close_contact(closed.pk, actor="test")
    WeightFactory(operator=other, source=source)
    return World(source, keeper, other, contact, closed)


def register(source, external_id="demo-new") -> Contact:
    request = ContactRequest(source.pk, external_id=external_id)
    return Contact.objects.get(pk=register_contact(request, actor="test").receipt["id"])


BY = {"actor": "test"}
CHANGES = {
    "a contact comes in": lambda world: register(world.source),
    "a contact is closed": lambda world: close_contact(world.contact.pk, **BY),
    "a contact is reopened": lambda world: reopen_contact(world.closed.pk, **BY),
    "a contact is requeued": lambda world: requeue_contact(world.contact.pk, **BY),
    "a contact is handed over": lambda world: reassign_contact(
        world.contact.pk, operator_id=world.other.pk, **BY
    ),
    "an operator is added": lambda world: create_operator(name="X", **BY),
    "an operator is switched off": lambda world: switch_operator_off(world.keeper.pk, **BY),
    "an operator's limit changes": lambda world: update_operator(world.other.pk, max_load=3, **BY),
    "an operator is renamed": lambda world: update_operator(world.other.pk, name="X", **BY),
    "a source is added": lambda world: create_source(name="X", **BY),
    "a source is renamed": lambda world: update_source(world.source.pk, name="X", **BY),
    "a source is switched off": lambda world: update_source(world.source.pk, is_active=False, **BY),
    "weights are changed": lambda world: replace_weights(
        world.source.pk, {world.other.pk: 7}, **BY
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_shows(world, change):
    before = signature()
    assert signature() == before

    CHANGES[change](world)

    assert signature() != before


def test_a_contact_shows_that_goes_back_to_the_same_operator(world):
    replace_weights(world.source.pk, {world.keeper.pk: 1}, **BY)
    before = signature()

    requeue_contact(world.contact.pk, **BY)

    world.contact.refresh_from_db()
    assert world.contact.operator == world.keeper
    assert signature() != before


def test_a_contact_shows_that_is_closed_while_it_waits(world):
    for operator in (world.keeper, world.other):
        update_operator(operator.pk, is_active=False, **BY)
    waiting = register(world.source)
    before = signature()

    close_contact(waiting.pk, **BY)

    assert signature() != before


def test_contacts_show_where_there_is_no_operator():
    source = SourceFactory()
    before = signature()

    register(source)

    assert signature() != before
