"""The plain SQL of an arrival against the same told in the ORM: same choices, same rows."""

import json
from random import Random

import pytest
from django.db import transaction

from distribution.services import many_operators, place_sql
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.services import ContactRequest, arrival_sql, register_contact
from leads.services.registration import Once
from leads.tests import reference
from leads.tests.factories import LeadFactory
from leads.tests.hot_path import comparable, everything_stored, ranks, rows_stored
from minicrm.tests.choosing import every

pytestmark = pytest.mark.django_db

IDS = [None, "a", "B", " b ", "c"]
EMAILS = [None, None, "a@example.com", "B@example.com", "new@example.com"]
PHONES = [None, None, "+442079460123", "+442079460124"]


@pytest.fixture
def sources():
    """One source that is nearly full, one with many operators, one with nobody, one that is off."""
    busy, large, empty, off = [*SourceFactory.create_batch(3), SourceFactory(is_active=False)]
    for weight, limit in ((1, 2), (5, 3), (0, 9), (100, 1)):
        WeightFactory(source=busy, weight=weight, operator__max_load=limit)
    for n in range(120):
        WeightFactory(source=large, weight=n % 7, operator__max_load=n % 3)
    WeightFactory(source=off)
    return [busy, large, empty, off]


@pytest.fixture(autouse=True)
def leads():
    """Leads with one key and with several, and one that was merged into another."""
    known = LeadFactory(external_id="a", email=None, phone=None, name="")
    LeadFactory(external_id="b", email="b@example.com", phone="+442079460123")
    LeadFactory(external_id=None, email="a@example.com", merged_into=known)


def requests(sources, rng, count):
    """Yield requests in which people come again under other keys, some sent twice."""
    for number in range(count):
        keys = {
            "external_id": rng.choice([*IDS, f"new-{number}"]),
            "email": rng.choice(EMAILS),
            "phone": rng.choice(PHONES),
        }
        if not any(keys.values()):
            keys["external_id"] = f"only-{number}"
        text = {"name": rng.choice(["", "Demo lead"]), "payload": {"n": number}, "message": "Hi"}
        source = rng.choice(sources)
        request = ContactRequest(source_id=source.pk, **keys, **text)
        once = Once(scope="test", key=f"key-{number}") if rng.random() < 0.3 else None
        yield request, once
        if once and rng.random() < 0.3:
            yield request, once


def played(register, sources, seed):
    """Let a history happen; return the answers and all rows in comparable form, and undo it."""
    rng, luck, answers = Random(seed), Random(seed), []
    with transaction.atomic():
        for request, once in requests(sources, rng, 40):
            answers.append(register(request, actor="test", rng=luck, once=once))
        rank = ranks(rows_stored())
        outcome = [comparable(answer, rank) for answer in answers], as_values(everything_stored())
        transaction.set_rollback(True)
    return outcome


def as_values(rows):
    """Return rows with their JSON read, which SQLite keeps as a text."""
    for one in rows["Assignment"]:
        if isinstance(one["decision"], str):
            one["decision"] = json.loads(one["decision"])
    return rows


def by_the_service(request, **rest):
    return register_contact(request, **rest).receipt


@pytest.mark.parametrize("seed", every(4, range(10)))
def test_same_choices_answers_and_rows(sources, seed):
    expected = played(reference.register, sources, seed)
    assert played(by_the_service, sources, seed) == expected
    answers, rows = expected
    assert {answer["status"] for answer in answers} == {"assigned", "waiting"}
    assert rows["LeadConflict"]
    assert rows["IdempotencyRecord"]


def test_same_by_the_short_way_for_many_operators(sources, monkeypatch):
    monkeypatch.setattr(many_operators, "MANY", 0)
    monkeypatch.setattr(many_operators, "_large", dict.fromkeys(source.pk for source in sources))
    assert played(by_the_service, sources, 1) == played(reference.register, sources, 1)


@pytest.mark.slow_on_postgresql
@pytest.mark.parametrize(
    ("where", "name", "fault"),
    every(
        4,
        [
            (place_sql, "TAKE", place_sql.TAKE.replace("current_load + 1", "current_load + 2")),
            (place_sql, "CANDIDATES", place_sql.CANDIDATES.replace("s.is_active", "TRUE")),
            (arrival_sql, "OWNERS", arrival_sql.OWNERS.replace("OR phone = %s", "OR %s = ''")),
            (arrival_sql, "_needs_nothing", lambda *_: True),
        ],
        several=True,
    ),
)
def test_a_fault_in_the_plain_sql_shows(sources, monkeypatch, where, name, fault):
    expected = [played(reference.register, sources, seed) for seed in range(3)]
    monkeypatch.setattr(where, name, fault)
    try:
        found = [played(by_the_service, sources, seed) for seed in range(3)]
    except Exception as error:
        found = error
    assert found != expected
