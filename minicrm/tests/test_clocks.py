"""Clocks that are set back: what comes later must not seem to have ended before it began."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Assignment, Contact
from minicrm.tests.client import api_with_key
from minicrm.tests.people import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
MOVES = ["close", "requeue", "reassign"]


@pytest.fixture
def assigned():
    """A managing caller, a contact that was given to an operator just now, and another operator."""
    first, second = OperatorFactory(max_load=5), OperatorFactory(max_load=5)
    source = SourceFactory()
    source.weights.create(operator=first, weight=1)
    with time_machine.travel(NOW, tick=False):
        api = api_with_key(can_manage=True)
        body = {"source_id": source.pk, "external_id": "a"}
        contact = api.post("contacts/", body, headers={"Idempotency-Key": "once"}).json()
        api.get("sources/")
    assert contact["operator_id"] == first.pk
    return api, contact, second


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("back", [timedelta(seconds=1), timedelta(hours=2), timedelta(days=400)])
def test_moves_after_the_clock_was_set_back(assigned, move, back):
    api, contact, second = assigned
    body = {"operator_id": second.pk} if move == "reassign" else {}
    with time_machine.travel(NOW - back, tick=False):
        response = api.post(f"contacts/{contact['id']}/{move}/", body)
        if move == "close":
            reopened = api.post(f"contacts/{contact['id']}/reopen/", {})
            assert reopened.status_code == 200, reopened.json()
        again = api.post("contacts/", {"source_id": contact["source_id"], "external_id": "b"})
    assert response.status_code == 200, response.json()
    assert again.status_code == 201
    for period in Assignment.objects.exclude(ended_at=None):
        assert period.ended_at >= period.started_at
    for operator in Operator.objects.all():
        open_contacts = Contact.objects.filter(operator=operator, status="assigned")
        assert operator.current_load == open_contacts.count()


def test_the_same_post_again_after_the_clock_was_set_back(assigned):
    api, contact, _ = assigned
    body = {"source_id": contact["source_id"], "external_id": "a"}
    with time_machine.travel(NOW - timedelta(days=2), tick=False):
        response = api.post("contacts/", body, headers={"Idempotency-Key": "once"})
    assert response.json()["id"] == contact["id"]
    assert response["Idempotency-Replayed"] == "true"


def test_pages_after_the_clock_was_set_back(assigned):
    _, contact, _ = assigned
    with time_machine.travel(NOW - timedelta(hours=2), tick=False):
        visitor = sign_in("supervisor")
        for address in ("/", "/contacts/", f"/contacts/{contact['id']}/", "/operators/"):
            assert visitor.get(address).status_code == 200, address
