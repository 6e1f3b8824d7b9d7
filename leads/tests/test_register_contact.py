from datetime import UTC

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from distribution.models import Operator
from distribution.services import assignment
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Assignment, Contact, Lead
from leads.services import ContactRequest, close_contact, register_contact
from minicrm.errors import Invalid, NotFound

pytestmark = pytest.mark.django_db


def register(source, **values):
    request = ContactRequest(source_id=source.pk, **(values or {"external_id": "one"}))
    return register_contact(request, actor="test").receipt


def test_stores_the_contact_with_its_lead_operator_and_assignment():
    weight = WeightFactory()
    receipt = register(
        weight.source,
        external_id=" One ",
        email="One@Example.com",
        name="One",
        message="Two\nlines",
        payload={"campaign": "spring"},
    )
    contact = Contact.objects.get()
    assert receipt == {
        "id": contact.pk,
        "lead_id": contact.lead_id,
        "source_id": weight.source_id,
        "operator_id": weight.operator_id,
        "operator": weight.operator.name,
        "status": "assigned",
        "created_at": contact.created_at.astimezone(UTC).isoformat(),
        "assigned_at": contact.assigned_at.astimezone(UTC).isoformat(),
    }
    assert contact.supplied == {"external_id": " One ", "email": "One@Example.com"}
    assert (contact.name, contact.message) == ("One", "Two\nlines")
    assert contact.payload == {"campaign": "spring"}
    assert contact.created_at <= contact.assigned_at
    assert Operator.objects.get().current_load == 1
    assignment = Assignment.objects.get()
    assert (assignment.contact, assignment.operator_id) == (contact, weight.operator_id)
    assert assignment.started_at == contact.assigned_at
    assert assignment.ended_at is None
    assert assignment.decision["method"] == assignment.method == "weighted_random"
    assert assignment.decision["by"] == "test"


def test_waits_when_nobody_is_available():
    weight = WeightFactory(operator__max_load=1)
    register(weight.source)
    receipt = register(weight.source)
    assert (receipt["status"], receipt["operator_id"]) == ("waiting", None)
    assert (receipt["operator"], receipt["assigned_at"]) == (None, None)
    assert Operator.objects.get().current_load == 1
    waiting = Assignment.objects.get(contact_id=receipt["id"])
    assert (waiting.operator, waiting.method, waiting.ended_at) == (None, "queued", None)
    assert waiting.decision["left_out"] == [
        {
            "operator_id": weight.operator_id,
            "weight": 1,
            "load": 1,
            "limit": 1,
            "reason": "at_limit",
        }
    ]


def test_an_inactive_source_is_accepted_and_waits():
    weight = WeightFactory(source__is_active=False)
    assert register(weight.source)["status"] == "waiting"
    assert Assignment.objects.get().decision["source_inactive"]


def test_refuses_a_contact_without_keys_and_stores_nothing():
    weight = WeightFactory()
    with pytest.raises(Invalid) as refusal:
        register(weight.source, email=" ", phone="\u200b", message="hello")
    assert refusal.value.code == "lead_key_required"
    assert not Lead.objects.exists()


def test_refuses_an_unknown_source_and_stores_nothing():
    with pytest.raises(NotFound) as refusal:
        register_contact(ContactRequest(source_id=10**12, external_id="one"), actor="test")
    assert (refusal.value.code, refusal.value.field) == ("source_not_found", "source_id")
    assert not Lead.objects.exists()


def test_a_failure_half_way_leaves_nothing_behind():
    weight = WeightFactory()

    def fail_at_the_end(execute, sql, *rest):
        if "INTO leads_assignment" in sql:
            raise RuntimeError("power cut")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail_at_the_end), pytest.raises(RuntimeError):
        register(weight.source)
    assert not Lead.objects.exists()
    assert not Contact.objects.exists()
    assert Operator.objects.get().current_load == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "assigned"},
        {"status": "assigned", "operator_id": None},
        {"status": "closed"},
        {"status": "lost"},
        {"assigned_at": "2026-01-01T00:00Z"},
    ],
)
def test_the_database_refuses_a_contact_whose_status_and_operator_disagree(broken):
    register(SourceFactory())
    contact = Contact.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.update(**broken)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.update(operator=WeightFactory().operator)
    contact.refresh_from_db()
    assert contact.status == "waiting"


def test_a_period_begins_after_the_wait_for_the_place(monkeypatch):
    """Else it would overlap with that of the contact whose place it got."""
    weight = WeightFactory(operator__max_load=1)
    first = register(weight.source, external_id="first")["id"]
    real, closed = assignment.hold_source, []

    def lock_after_a_close(source_id):
        close_contact(first, actor="test")
        closed.append(Assignment.objects.get(contact=first).ended_at)
        return real(source_id)

    monkeypatch.setattr(assignment, "hold_source", lock_after_a_close)
    second = register(weight.source, external_id="second")
    assert second["operator_id"] == weight.operator_id
    assert Assignment.objects.get(contact=second["id"]).started_at >= closed[0]


def test_a_period_in_the_queue_begins_after_the_wait_too(monkeypatch):
    waits = []
    real = assignment.hold_source

    def lock(source_id):
        waits.append(timezone.now())
        return real(source_id)

    monkeypatch.setattr(assignment, "hold_source", lock)
    receipt = register(SourceFactory())
    assert Assignment.objects.get(contact=receipt["id"]).started_at >= waits[0]
