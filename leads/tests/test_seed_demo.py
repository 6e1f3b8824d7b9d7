"""manage.py seed_demo: a demo that keeps every promise the real thing keeps."""

import io
import re
from collections import Counter
from datetime import timedelta

import phonenumbers
import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from distribution.models import Operator, Source
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.demo.people import LONDON_NUMBERS, US_NUMBERS, person
from leads.demo.traffic import PEOPLE
from leads.identity import normalise_keys
from leads.models import Assignment, Contact, Lead, LeadConflict
from leads.services import assign_waiting, check_loads
from leads.tests.checks import assert_promises_kept
from minicrm.tests.choosing import every

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]


def seed(*args):
    out = io.StringIO()
    call_command("seed_demo", *args, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    "size",
    [
        {"operators": 7, "sources": 4, "contacts": 300, "hours": 12},
        {"operators": 3, "sources": 2, "contacts": 20, "hours": 1},
        {"operators": 20, "sources": 9, "contacts": 900, "hours": 48},
    ],
)
@pytest.mark.parametrize("number", every(3, [1, 2, 3]))
def test_keeps_every_promise(size, number):
    seed(f"--seed={number}", *(f"--{name}={value}" for name, value in size.items()))
    assert_promises_kept()
    assert list(check_loads(repair=False, actor="test")) == []
    assert assign_waiting(actor="test") == 0
    assert Operator.objects.count() == size["operators"]
    assert Source.objects.count() == size["sources"]
    assert Contact.objects.count() == size["contacts"]
    # Somebody off, somebody full, and a queue.
    assert Operator.objects.filter(is_active=False).exists()
    assert Operator.objects.filter(current_load=F("max_load"), max_load__gt=0).exists()
    assert Contact.objects.waiting().exists()
    assert not LeadConflict.objects.exists()


def test_default_is_mostly_history():
    out = seed("--seed=5")
    now = timezone.now()
    assert "7 operators, 4 sources and 300 contacts of the last 12 hours" in out
    assert Contact.objects.filter(status="closed").count() > 200
    assert Contact.objects.assigned().count() > 10
    first, *_, last = Contact.objects.order_by("created_at").values_list("created_at", flat=True)
    assert timedelta(hours=11) < now - first <= timedelta(hours=12, seconds=5)
    assert last <= now
    # What is open now has come in bit by bit.
    opened = Contact.objects.exclude(status="closed").earliest("created_at")
    assert timedelta(minutes=20) < now - opened.created_at < timedelta(minutes=31)
    moments = Contact.objects.values_list("created_at", flat=True)
    hours_ago = Counter(int((now - moment) / timedelta(hours=1)) for moment in moments)
    assert min(hours_ago[hour] for hour in range(12)) >= 3
    # In order of their numbers, as the real ones are.
    times = list(Contact.objects.order_by("pk").values_list("created_at", flat=True))
    assert times == sorted(times)


def test_history_is_explained_and_keeps_the_limits():
    seed("--seed=6")
    limits = dict(Operator.objects.values_list("pk", "max_load"))
    events = []
    for tenure in Assignment.objects.exclude(operator=None):
        decision = tenure.decision
        chosen = decision["candidates"][0]
        assert decision["operator_id"] == chosen["operator_id"] == tenure.operator_id
        assert decision["method"] == tenure.method
        assert chosen["load"] < chosen["limit"] == limits[tenure.operator_id]
        events.append((tenure.started_at, 1, tenure.operator_id))
        if tenure.ended_at:
            assert tenure.ended_at > tenure.started_at
            events.append((tenure.ended_at, -1, tenure.operator_id))
    loads = dict.fromkeys(limits, 0)
    for _, step, operator_id in sorted(events):
        loads[operator_id] += step
        assert loads[operator_id] <= limits[operator_id]
    closed = Contact.objects.filter(status="closed")
    assert not closed.exclude(assigned_at__gte=F("created_at")).exists()
    assert not closed.exclude(closed_at__gt=F("assigned_at")).exists()
    assert closed.filter(assignments__ended_at=F("closed_at")).count() == closed.count()


def test_same_number_gives_the_same_demo():
    def picture():
        return list(
            Contact.objects.order_by("pk").values_list(
                "source__name", "operator__name", "status", "lead__name", "message"
            )
        )

    seed("--seed=7")
    first = picture()
    Assignment.objects.all().delete()
    Contact.objects.all().delete()
    Lead.objects.all().delete()
    Operator.objects.all().delete()
    Source.objects.all().delete()
    seed("--seed=7")
    assert picture() == first


@pytest.mark.parametrize("factory", [OperatorFactory, SourceFactory])
def test_refuses_a_database_in_use(factory):
    factory()
    with pytest.raises(CommandError, match="already"):
        seed()
    assert seed("--if-empty") == ""
    assert Operator.objects.count() + Source.objects.count() == 1
    assert not Contact.objects.exists()


def test_all_or_nothing(monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("leads.demo.seeding._create_present", fail)
    with pytest.raises(KeyboardInterrupt):
        seed()
    assert not Operator.objects.exists()
    assert not Contact.objects.exists()


@pytest.mark.parametrize("arg", ["--operators=2", "--sources=1", "--contacts=19", "--hours=0"])
def test_refuses_a_demo_too_small_to_show_anything(arg):
    with pytest.raises(CommandError, match="must be a whole number from"):
        seed(arg)


def test_everybody_is_plainly_made_up():
    seed("--seed=8")
    names = [*Operator.objects.values_list("name", flat=True)]
    names += [*Source.objects.values_list("name", flat=True)]
    assert all(name.startswith("Demo") for name in names)
    for lead in Lead.objects.all():
        assert re.fullmatch(r"Demo lead \d+", lead.name)
        assert lead.email is None or lead.email.endswith("@example.com")
        assert lead.external_id is None or lead.external_id.startswith("demo-")


def test_people_have_keys_of_their_own_from_reserved_ranges():
    seen = set()
    for number in range(PEOPLE):
        known = person(number)
        keys = {key: known.get(key) for key in ("external_id", "email", "phone")}
        present = normalise_keys(**keys, region="RU").present()
        assert present
        assert not seen & set(present.values())
        seen |= set(present.values())
        if phone := present.get("phone"):
            assert re.fullmatch(r"\+4420794600?\d{3}|\+120255501\d{2}", phone)
            assert phonenumbers.is_possible_number(phonenumbers.parse(phone))
    assert sum(key.startswith("+") for key in seen) <= LONDON_NUMBERS + US_NUMBERS
