"""Shares: the draws follow the weights, through every way a contact is assigned.

At n = 20,000 from the queue, with everybody free and with some who cannot take any. Arrivals, by
the same draw but one by one, are fewer.

A right choice fails these tests about once in ten thousand runs; the seed makes that never.
"""

from collections import Counter
from random import Random

import pytest
from django.db import transaction
from django.utils import timezone

from distribution.fairness import chi_square
from distribution.services import claim_operator, update_operator
from distribution.tests.factories import SourceFactory, WeightFactory
from leads.models import Contact
from leads.services import ContactRequest, register_contact
from leads.services import waiting as waiting_service
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory, LeadFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

N = 20_000
ARRIVALS = 4_000
P = 1e-4


def operators(source, weights, **facts):
    """Give the source one operator for each weight; return {operator id: weight}."""
    rows = [WeightFactory(source=source, weight=weight, **facts) for weight in weights]
    return {row.operator_id: row.weight for row in rows}


def source_of_some_who_cannot():
    """Return a source with an operator at the limit, one who is off, and one of weight 0."""
    source = SourceFactory()
    full = AssignedContactFactory(operator__max_load=1).operator
    WeightFactory(source=source, operator=full, weight=50)
    operators(source, [50], operator__is_active=False, operator__max_load=N)
    operators(source, [0], operator__max_load=N)
    return source


def assert_by_weight(weights, got):
    assert sum(got.values()) > 0
    result = chi_square(weights, got)
    assert result.p > P, result


@pytest.mark.slow_on_postgresql
def test_shares_follow_the_weights_when_everybody_is_free():
    source = SourceFactory()
    weights = operators(source, [1, 2, 3, 5, 8, 13], operator__max_load=N)
    rng = Random(20_000)
    got = Counter()
    for _ in range(ARRIVALS // 100):
        # A commit for each would take long on a disk; none at all would let the old versions of
        # six rows pile up, and PostgreSQL slow down with each.
        with transaction.atomic():
            for _ in range(100):
                got[claim_operator(source_id=source.pk, actor="test", rng=rng).operator_id] += 1
    assert_by_weight(weights, got)


def test_shares_follow_the_weights_among_the_rest_when_some_cannot_take_contacts():
    source = source_of_some_who_cannot()
    weights = operators(source, [1, 10, 100], operator__max_load=N)
    rng = Random(1)
    got = Counter()
    for n in range(400):
        request = ContactRequest(source_id=source.pk, external_id=f"lead-{n % 50}")
        registration = register_contact(request, actor="test", rng=rng)
        got[registration.receipt["operator_id"]] += 1
    assert got.keys() <= weights.keys()
    assert_by_weight(weights, got)
    assert_promises_kept()


@pytest.mark.parametrize("make_source", [SourceFactory, source_of_some_who_cannot])
@pytest.mark.thorough
def test_shares_follow_the_weights_when_a_long_queue_is_emptied(monkeypatch, make_source):
    monkeypatch.setattr(waiting_service, "BATCH", 2_000)
    monkeypatch.setattr(waiting_service, "AT_ONCE", 2_000)
    source = make_source()
    weights = operators(source, [2, 3, 5], operator__max_load=N)
    lead, now = LeadFactory(), timezone.now()
    Contact.objects.bulk_create(
        Contact(lead=lead, source=source, status="waiting", created_at=now) for _ in range(N)
    )
    waiting_service.assign_waiting(actor="test", rng=Random(3))
    assigned = Contact.objects.assigned().filter(source=source)
    got = Counter(assigned.values_list("operator_id", flat=True))
    assert got.total() == N
    assert_by_weight(weights, got)


def test_nobody_is_passed_over_once_the_others_are_full():
    source = SourceFactory()
    heavy = operators(source, [10_000], operator__max_load=5)
    light = operators(source, [1], operator__max_load=5)
    for n in range(12):
        request = ContactRequest(source_id=source.pk, external_id=f"lead-{n}")
        register_contact(request, actor="test")
    got = Counter(Contact.objects.values_list("operator_id", flat=True))
    assert got == {next(iter(heavy)): 5, next(iter(light)): 5, None: 2}
    update_operator(next(iter(light)), max_load=6, actor="test")
    assert Contact.objects.waiting().count() == 1
    assert_promises_kept()
