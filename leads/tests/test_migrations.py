"""What a migration makes of data that was there before."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from leads.models import Assignment, Contact
from leads.tests.checks import assert_consistent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def migrate(*targets):
    """Migrate to the targets; return their models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection).loader.project_state(list(targets)).apps


def migrate_all():
    """Migrate to what the code of today needs."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def before_periods():
    """The models of the first release; afterwards the database is up to date again."""
    yield migrate(("leads", "0001_initial"), ("distribution", "0001_initial"))
    migrate_all()


def test_contacts_of_the_first_release_get_their_periods(before_periods):
    model = before_periods.get_model
    now = timezone.now()
    operator = model("distribution", "Operator").objects.create(name="One", current_load=1)
    common = {
        "lead": model("leads", "Lead").objects.create(external_id="lead-1"),
        "source": model("distribution", "Source").objects.create(name="Form"),
        "created_at": now,
    }
    old_contact, old_assignment = model("leads", "Contact"), model("leads", "Assignment")
    old_contact.objects.create(**common, status="waiting")
    for status, times, end in (
        ("assigned", {}, {}),
        ("closed", {"closed_at": now}, {"ended_at": now}),
    ):
        contact = old_contact.objects.create(
            **common, status=status, operator=operator, assigned_at=now, **times
        )
        old_assignment.objects.create(
            contact=contact,
            operator=operator,
            method="weighted_random",
            decision={"by": "api_key:1"},
            started_at=now,
            **end,
        )

    migrate_all()

    found = {contact.status: contact for contact in Contact.objects.order_by("pk")}
    assert found.keys() == {"waiting", "assigned", "closed"}
    for contact in found.values():
        assert contact.version == 1
        assert_consistent(contact)
    queued = Assignment.objects.get(contact=found["waiting"])
    assert (queued.method, queued.started_at) == ("queued", found["waiting"].created_at)
    kept = Assignment.objects.get(contact=found["closed"])
    assert (kept.ended_as, kept.decision) == ("closed", {"by": "api_key:1"})
