"""The numbers for /metrics: as they are in the database, without counting all that is stored."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from distribution.models import Operator, Source
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads import received_totals
from leads.metrics import OPEN, contact_metrics
from leads.models import Contact
from leads.received_totals import ReceivedTotals
from leads.tests.factories import (
    AssignedContactFactory,
    ClosedContactFactory,
    LeadFactory,
    WaitingContactFactory,
)

pytestmark = pytest.mark.django_db

WAITING, ASSIGNED, CLOSED = "waiting", "assigned", "closed"


def values(totals=None, **labels):
    """Return {(name, labels): value} of all metrics that have these labels."""
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()))): sample.value
        for family in contact_metrics(totals or ReceivedTotals())
        for sample in family.samples
        if labels.items() <= sample.labels.items()
    }


def waiting_since(source, minutes):
    return WaitingContactFactory(
        source=source, created_at=timezone.now() - timedelta(minutes=minutes)
    )


def rows(source, count, *, status=CLOSED, age=timedelta(days=1), **kwargs):
    """Store many contacts at once."""
    lead, then = LeadFactory(), timezone.now() - age
    moments = {"closed_at": then} if status == CLOSED else {}
    Contact.objects.bulk_create(
        Contact(lead=lead, source=source, status=status, created_at=then, **moments, **kwargs)
        for _ in range(count)
    )


def test_contacts_by_source_and_state():
    busy, idle = SourceFactory(), SourceFactory(is_active=False)
    for _ in range(3):
        WaitingContactFactory(source=busy)
    for _ in range(2):
        AssignedContactFactory(source=busy)
    ClosedContactFactory(source=busy)

    pk = str(busy.pk)
    found = values(source_id=pk)
    assert found.pop(("minicrm_source_info", busy.name, pk)) == 1
    assert 0 <= found.pop(("minicrm_waiting_oldest_seconds", pk)) < 60
    assert found == {
        ("minicrm_source_active", pk): 1,
        ("minicrm_contacts", pk, WAITING): 3,
        ("minicrm_contacts", pk, ASSIGNED): 2,
        ("minicrm_contacts", pk, CLOSED): 1,
        ("minicrm_contacts_received_total", pk): 6,
    }
    pk = str(idle.pk)
    assert values(source_id=pk) == {
        ("minicrm_source_info", idle.name, pk): 1,
        ("minicrm_source_active", pk): 0,
        ("minicrm_contacts", pk, WAITING): 0,
        ("minicrm_contacts", pk, ASSIGNED): 0,
        ("minicrm_contacts", pk, CLOSED): 0,
        ("minicrm_contacts_received_total", pk): 0,
        ("minicrm_waiting_oldest_seconds", pk): 0,
    }


def test_age_is_that_of_the_first_in_the_queue_of_each_source():
    first, second = SourceFactory(), SourceFactory()
    waiting_since(first, 30)
    waiting_since(first, 5)
    waiting_since(second, 10)
    AssignedContactFactory(source=second, created_at=timezone.now() - timedelta(days=1))

    found = values()
    ages = {pk: found["minicrm_waiting_oldest_seconds", str(pk)] for pk in (first.pk, second.pk)}
    assert ages == {first.pk: pytest.approx(1_800, abs=30), second.pk: pytest.approx(600, abs=30)}


def test_operators():
    on = OperatorFactory(current_load=3, max_load=5)
    off = OperatorFactory(is_active=False, max_load=0)
    assert values(operator_id=str(on.pk)) == {
        ("minicrm_operator_info", on.name, str(on.pk)): 1,
        ("minicrm_operator_active", str(on.pk)): 1,
        ("minicrm_operator_load", str(on.pk)): 3,
        ("minicrm_operator_limit", str(on.pk)): 5,
    }
    found = values(operator_id=str(off.pk))
    assert found["minicrm_operator_active", str(off.pk)] == 0
    assert found["minicrm_operator_limit", str(off.pk)] == 0


def test_an_empty_installation_has_all_families_and_no_series():
    assert values() == {}
    assert {family.name for family in contact_metrics(ReceivedTotals())} >= {
        "minicrm_contacts",
        "minicrm_contacts_received",
        "minicrm_waiting_oldest_seconds",
        "minicrm_source_info",
        "minicrm_operator_info",
    }


@pytest.mark.slow_on_postgresql
def test_same_queries_for_ten_thousand_waiting_and_a_thousand_operators():
    totals, source = ReceivedTotals(), SourceFactory()
    WaitingContactFactory(source=source)
    contact_metrics(totals)  # a new process looks up, once, where the numbers begin
    with CaptureQueriesContext(connection) as few:
        contact_metrics(totals)
    rows(source, 10_000, status=WAITING)
    Operator.objects.bulk_create(Operator(name=f"Demo operator {n}") for n in range(1_000))
    with CaptureQueriesContext(connection) as many:
        found = values(totals, source_id=str(source.pk))
    assert found["minicrm_contacts", str(source.pk), WAITING] == 10_001
    assert len(many) == len(few) <= 7


def test_open_contacts_are_found_by_the_indexes_of_their_own():
    AssignedContactFactory()
    rows(SourceFactory(), 500)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # worth it for a small table
        cursor.execute("ANALYZE")
        words = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{words} {OPEN.format(table='leads_contact')}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "contact_queue" in plan
    assert "contact_load" in plan
    assert "Seq Scan" not in plan


# Totals ---------------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    """Small steps, so that a few contacts are many."""
    monkeypatch.setattr(received_totals, "MARGIN", 5)
    monkeypatch.setattr(received_totals, "STEP", 10)
    monkeypatch.setattr(received_totals, "PATIENCE", 60)


def total(totals, source):
    return values(totals).get(("minicrm_contacts_received_total", str(source.pk)))


def test_what_was_counted_once_is_not_read_again(short):
    totals, source = ReceivedTotals(), SourceFactory()
    rows(source, 47)
    first = Contact.objects.order_by("pk").first().pk
    with CaptureQueriesContext(connection) as counting:
        assert total(totals, source) == 47
    with CaptureQueriesContext(connection) as again:
        assert total(totals, source) == 47
    assert len(again) < len(counting)
    # Were they read again, these would be missing.
    Contact.objects.filter(pk__lt=first + 40).delete()
    assert total(totals, source) == 47


def test_contact_that_is_stored_later_than_higher_numbers_is_not_missed(short):
    totals, source = ReceivedTotals(), SourceFactory()
    rows(source, 30)
    newest = Contact.objects.order_by("-pk").first().pk
    # A transaction that has not committed so far: its number is taken, its row not to be seen.
    kept = newest - 4
    late = Contact.objects.get(pk=kept)
    Contact.objects.filter(pk=kept).delete()
    assert total(totals, source) == 29
    late.save(force_insert=True)
    assert total(totals, source) == 30


def test_what_came_in_of_late_is_counted_afresh_however_much(short):
    totals, source = ReceivedTotals(), SourceFactory()
    rows(source, 10)
    rows(source, 40, age=timedelta(minutes=9))
    kept = Contact.objects.order_by("pk")[12].pk  # far more than the margin ago, by number
    late = Contact.objects.get(pk=kept)
    Contact.objects.filter(pk=kept).delete()
    assert total(totals, source) == 49
    late.save(force_insert=True)
    assert total(totals, source) == 50


def test_a_backup_that_is_restored_beneath_is_counted_afresh(short):
    totals, source = ReceivedTotals(), SourceFactory()
    rows(source, 60)
    first = Contact.objects.order_by("pk").first().pk
    assert total(totals, source) == 60
    Contact.objects.filter(pk__gte=first + 20).delete()  # all of them are of later than the backup
    assert total(totals, source) == 20


def test_nothing_is_said_of_totals_until_all_are_counted(short, monkeypatch):
    totals, source = ReceivedTotals(), SourceFactory()
    rows(source, 30)
    WaitingContactFactory(source=source)
    pk = str(source.pk)
    monkeypatch.setattr(received_totals, "PATIENCE", -1)
    found = values(totals, source_id=pk)
    assert ("minicrm_contacts_received_total", pk) not in found
    assert ("minicrm_contacts", pk, CLOSED) not in found
    assert found["minicrm_contacts", pk, WAITING] == 1
    monkeypatch.undo()
    assert total(totals, source) == 31


def test_totals_begin_anew_on_an_emptied_database(short):
    totals, source = ReceivedTotals(), SourceFactory()
    rows(source, 30)
    assert total(totals, source) == 30
    Contact.objects.all().delete()
    assert total(totals, source) == 0


def test_totals_never_fall_while_contacts_move(short):
    totals, source, operator = ReceivedTotals(), SourceFactory(), OperatorFactory()
    rows(source, 30)
    contact = AssignedContactFactory(source=source, operator=operator)
    seen = [total(totals, source)]
    for status, closed_at in ((CLOSED, timezone.now()), (ASSIGNED, None), (CLOSED, timezone.now())):
        Contact.objects.filter(pk=contact.pk).update(status=status, closed_at=closed_at)
        seen.append(total(totals, source))
    assert seen == [31] * 4


def test_source_without_contacts_before_or_after():
    totals = ReceivedTotals()
    contact_metrics(totals)
    late = Source.objects.create(name="Demo bot of later")
    assert total(totals, late) == 0
