"""The short way for sources with many operators chooses and records as the plain one does."""

import re
from array import array
from itertools import accumulate
from random import Random
from unittest.mock import Mock

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from distribution import selection
from distribution.models import Operator, OperatorSourceWeight
from distribution.selection import Candidate
from distribution.services import assignment, claim_operator, many_operators
from distribution.services.assignment import candidates_of
from distribution.services.many_operators import Weights
from distribution.tests.factories import SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(monkeypatch):
    """A source with 400 operators of whom some cannot take a contact, and known to have many."""
    source = SourceFactory()
    rng = Random(1)
    operators = Operator.objects.bulk_create(
        Operator(
            name=f"Demo operator {n}",
            is_active=rng.random() < 0.8,
            max_load=5,
            current_load=rng.choice([0, 1, 4, 5, 6]),
        )
        for n in range(400)
    )
    OperatorSourceWeight.objects.bulk_create(
        OperatorSourceWeight(source=source, operator=operator, weight=rng.choice([0, 1, 7, 10_000]))
        for operator in reversed(operators)  # so that the order of the rows is no help
    )
    monkeypatch.setattr(many_operators, "_large", {source.pk: None})
    return source


@pytest.mark.parametrize("seed", range(12))
def test_chooses_and_records_as_the_plain_way_does(source, seed):
    candidates = candidates_of([source.pk])[source.pk]
    chosen = selection.pick(selection.available(candidates), Random(seed))
    record = selection.explain(candidates, method="weighted_random", actor="test", chosen=chosen)
    drawn = many_operators.draw_among_many(source.pk, actor="test", rng=Random(seed))
    assert (drawn.chosen, drawn.decision) == (chosen, record)
    assert len(record["candidates"]) == len(record["left_out"]) == 50


@pytest.mark.parametrize("left_out", [0, 1, 49, 50, 51])
def test_counts_those_who_are_left_out_however_few(source, left_out):
    Operator.objects.update(is_active=True, current_load=0)
    OperatorSourceWeight.objects.update(weight=7)
    some = Operator.objects.order_by("pk").values_list("pk", flat=True)
    Operator.objects.filter(pk__in=list(some[: left_out // 2])).update(is_active=False)
    Operator.objects.filter(pk__in=list(some[left_out // 2 : left_out])).update(current_load=5)
    candidates = candidates_of([source.pk])[source.pk]
    chosen = selection.pick(selection.available(candidates), Random(1))
    record = selection.explain(candidates, method="weighted_random", actor="test", chosen=chosen)
    drawn = many_operators.draw_among_many(source.pk, actor="test", rng=Random(1))
    assert drawn.decision == record
    assert sum(record["left_out_count"].values()) == left_out


def test_reads_no_row_for_each_operator(source, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(assignment.place_sql, "read_candidates", None)
    claim = claim_operator(source_id=source.pk, actor="test")
    assert Operator.objects.get(pk=claim.operator_id).name == claim.operator_name


def test_a_source_is_known_by_what_was_read_last(source, monkeypatch):
    monkeypatch.setattr(many_operators, "_large", {})
    claim_operator(source_id=source.pk, actor="test")
    assert set(many_operators._large) == {source.pk}
    OperatorSourceWeight.objects.filter(
        pk__in=list(OperatorSourceWeight.objects.values_list("pk", flat=True)[30:])
    ).delete()
    claim_operator(source_id=source.pk, actor="test")
    assert many_operators._large == {}


def test_nobody_available_is_looked_at_the_plain_way(source):
    Operator.objects.update(current_load=F("max_load"))
    claim = claim_operator(source_id=source.pk, actor="test")
    assert claim.operator_id is None
    assert claim.decision["left_out_count"]["at_limit"] > 0
    assert many_operators.draw_among_many(source.pk, actor="test", rng=Random(1)) is None


def test_an_inactive_source_gives_nobody_anything(source):
    source.is_active = False
    source.save()
    claim = claim_operator(source_id=source.pk, actor="test")
    assert (claim.operator_id, claim.decision["source_inactive"]) == (None, True)


@pytest.mark.parametrize("changed", [{"current_load": F("max_load")}, {"is_active": False}])
def test_who_has_changed_between_the_two_looks_is_left_to_the_plain_way(
    source, between_the_looks, changed
):
    """Else the record would say that the chosen one could not have had it."""
    between_the_looks(lambda chosen_id: Operator.objects.update(**changed))
    assert many_operators.draw_among_many(source.pk, actor="test", rng=Random(1)) is None


def test_others_who_have_changed_are_not_listed_as_available(source, between_the_looks):
    between_the_looks(
        lambda chosen_id: Operator.objects.exclude(pk=chosen_id).update(is_active=False)
    )
    drawn = many_operators.draw_among_many(source.pk, actor="test", rng=Random(1))
    listed = [one["operator_id"] for one in drawn.decision["candidates"]]
    assert listed == [drawn.chosen.operator_id]


@pytest.fixture
def between_the_looks(monkeypatch):
    """Return a function that has something done to the chosen one, or others, after the draw."""
    read = many_operators._read

    def do(change):
        def read_later(weights, places):
            change(weights.operator_ids[places[0]])
            return read(weights, places)

        monkeypatch.setattr(many_operators, "_read", read_later)

    return do


def test_a_place_lost_meanwhile_is_drawn_again_the_plain_way(source, monkeypatch):
    real, taken = many_operators.draw_among_many, []

    def draw_and_lose(source_id, **rest):
        drawn = real(source_id, **rest)
        Operator.objects.filter(pk=drawn.chosen.operator_id).update(current_load=5)
        taken.append(drawn.chosen.operator_id)
        return drawn._replace(chosen=drawn.chosen._replace(load=4))

    monkeypatch.setattr(assignment, "draw_among_many", draw_and_lose)
    claim = claim_operator(source_id=source.pk, actor="test")
    assert claim.operator_id not in [None, *taken]
    assert Operator.objects.get(pk=taken[0]).current_load == 5


def test_who_became_free_too_late_is_told_so(source, between_the_looks):
    """Whoever is not listed is counted as they were when the choice began."""
    between_the_looks(lambda chosen_id: Operator.objects.update(is_active=True, current_load=0))
    OperatorSourceWeight.objects.update(weight=7)
    left_out = Operator.objects.filter(is_free=False).count()
    drawn = many_operators.draw_among_many(source.pk, actor="test", rng=Random(1))
    assert drawn.decision["available_count"] == 400 - left_out
    assert {one["reason"] for one in drawn.decision["left_out"]} == {"freed_meanwhile"}
    counts = drawn.decision["left_out_count"]
    assert counts["freed_meanwhile"] == 50
    assert sum(counts.values()) == left_out > 100


@given(
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    busy=st.sets(st.integers(0, 7)),
)
def test_each_number_is_whom_the_plain_draw_finds(weights, busy):
    """Every number that can be drawn, so the shares are the same too."""
    everybody = [Candidate(n, weight, 1, 1 if n in busy else 2) for n, weight in enumerate(weights)]
    zeros = [n for n, weight in enumerate(weights) if not weight]
    table = Weights(1, array("q", range(len(weights))), array("q", accumulate(weights)), zeros)
    left_out = sorted(many_operators._reasons(table, [n for n in busy if n < len(weights)]))
    available = selection.available(everybody)
    assert left_out == [n for n, one in enumerate(everybody) if one not in available]
    for number in range(sum(one.weight for one in available)):
        plain = selection.pick(available, Mock(randrange=Mock(return_value=number)))
        assert many_operators._drawn(table, left_out, number) == plain.operator_id


def test_finds_who_is_not_free_by_an_index(source):
    """However many are free, at this source and elsewhere."""
    Operator.objects.update(is_active=True, current_load=0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        plan = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{plan} {many_operators.look_query()}", [source.pk])
        steps = "\n".join(str(row) for row in cursor.fetchall())
    assert "operator_not_free" in steps, steps
    assert not re.search(r"Seq Scan on distribution_operator|SCAN o\b(?! USING)", steps), steps
