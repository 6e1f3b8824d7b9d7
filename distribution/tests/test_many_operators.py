"""The short way for sources with many operators chooses and records as the plain one does."""

from random import Random

import pytest
from django.db.models import F

from distribution import selection
from distribution.models import MAX_WEIGHT, Operator, OperatorSourceWeight
from distribution.services import assignment, claim_operator, many_operators
from distribution.services.assignment import candidates_of
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
    monkeypatch.setattr(many_operators, "_large", {source.pk})
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
    monkeypatch.setattr(many_operators, "_large", set())
    claim_operator(source_id=source.pk, actor="test")
    assert many_operators._large == {source.pk}
    OperatorSourceWeight.objects.filter(
        pk__in=list(OperatorSourceWeight.objects.values_list("pk", flat=True)[30:])
    ).delete()
    claim_operator(source_id=source.pk, actor="test")
    assert many_operators._large == set()


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
    read = many_operators._read_listed

    def do(change):
        def read_later(weights):
            change(next(iter(weights)))
            return read(weights)

        monkeypatch.setattr(many_operators, "_read_listed", read_later)

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


def test_a_weight_fits_in_beside_its_operator():
    assert MAX_WEIGHT < many_operators.SHIFT
