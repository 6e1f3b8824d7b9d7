"""check_loads, assign_waiting and forget_idempotency_keys."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from distribution.models import Operator
from distribution.tests.factories import OperatorFactory, WeightFactory
from leads.models import Contact, IdempotencyRecord
from leads.services import ContactRequest, idempotency, register_contact
from leads.services.registration import Once
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory

pytestmark = pytest.mark.django_db


def run(*args):
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def spoil(operator, load):
    Operator.objects.filter(pk=operator.pk).update(current_load=load)


def test_loads_that_agree():
    AssignedContactFactory.create_batch(2)
    assert run("check_loads") == "No differences. Operators checked: 2.\n"


def test_reports_wrong_loads_and_changes_nothing():
    good, wrong = OperatorFactory(name="Good"), OperatorFactory(name="Wrong")
    AssignedContactFactory.create_batch(2, operator=good)
    AssignedContactFactory(operator=wrong)
    spoil(wrong, 5)
    out = io.StringIO()
    with pytest.raises(CommandError, match="Wrong loads: 1") as caught:
        call_command("check_loads", stdout=out)
    assert caught.value.returncode == 1
    header, row = out.getvalue().splitlines()
    assert header.split() == ["id", "operator", "load", "counted"]
    assert row.split() == [str(wrong.pk), "Wrong", "5", "1"]
    wrong.refresh_from_db()
    assert wrong.current_load == 5


def test_repairs_loads_both_ways():
    high, low = OperatorFactory(), OperatorFactory()
    AssignedContactFactory(operator=high)
    AssignedContactFactory.create_batch(3, operator=low)
    spoil(high, 9)
    spoil(low, 0)
    assert "Wrong loads, repaired: 2." in run("check_loads", "--repair")
    assert list(Operator.objects.values_list("current_load", flat=True)) == [1, 3]
    assert "No differences" in run("check_loads")


def test_repair_that_frees_places_gives_them_to_who_waits():
    weight = WeightFactory(operator__max_load=2)
    spoil(weight.operator, 2)
    contact = WaitingContactFactory(source=weight.source)
    run("check_loads", "--repair")
    contact.refresh_from_db()
    assert contact.operator == weight.operator
    assert_promises_kept()


def test_nothing_waits():
    AssignedContactFactory()
    assert run("assign_waiting") == "Nothing to do.\n"


def test_who_waits_beside_a_free_place_is_assigned_oldest_first():
    weight = WeightFactory(operator__max_load=2)
    contacts = WaitingContactFactory.create_batch(3, source=weight.source)
    assert run("assign_waiting") == "Waiting contacts assigned: 2.\n"
    assert list(Contact.objects.waiting()) == contacts[2:]
    assert_promises_kept()
    assert run("assign_waiting") == "Nothing to do.\n"


def test_forgets_old_api_requests_but_never_imports():
    long_ago = timezone.now() - idempotency.KEEP_FOR - timedelta(minutes=1)
    for scope in ("api_key:1", idempotency.IMPORT_SCOPE):
        for key, created in (("old", long_ago), ("new", timezone.now())):
            record = IdempotencyRecord.objects.create(scope=scope, key=key, digest="0" * 64)
            IdempotencyRecord.objects.filter(pk=record.pk).update(created_at=created)
    assert run("forget_idempotency_keys") == "Idempotency keys forgotten: 1.\n"
    kept = IdempotencyRecord.objects.values_list("scope", "key")
    assert sorted(kept) == [("api_key:1", "new"), ("import", "new"), ("import", "old")]


def test_import_is_recognised_after_the_housekeeping():
    source = WeightFactory().source
    request = ContactRequest(source_id=source.pk, external_id="a")
    once = Once(scope=idempotency.IMPORT_SCOPE, key="row")
    register_contact(request, actor="test", once=once)
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(days=3650))
    run("forget_idempotency_keys")
    assert register_contact(request, actor="test", once=once).replayed
    assert Contact.objects.count() == 1
