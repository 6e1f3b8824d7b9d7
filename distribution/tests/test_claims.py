from random import Random

import pytest

from distribution.models import Operator
from distribution.services import claim_operator
from distribution.tests.factories import SourceFactory, WeightFactory

pytestmark = pytest.mark.django_db


def claim(source, seed=1):
    return claim_operator(source_id=source.pk, actor="test", rng=Random(seed))


def test_takes_a_place_with_the_only_available_operator():
    weight = WeightFactory(operator__max_load=1)
    outcome = claim(weight.source)
    assert outcome.operator_id == weight.operator_id
    assert outcome.decision["candidates"] == [
        {"operator_id": weight.operator_id, "weight": 1, "load": 0, "limit": 1}
    ]
    assert outcome.decision["by"] == "test"
    assert Operator.objects.get().current_load == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"operator__max_load": 2, "operator__current_load": 2},
        {"operator__max_load": 2, "operator__current_load": 5},  # the limit was lowered
        {"operator__max_load": 0},
        {"operator__is_active": False},
        {"weight": 0},
        {"source__is_active": False},
    ],
)
def test_skips_operators_who_cannot_take_a_contact(facts):
    weight = WeightFactory(**facts)
    load = weight.operator.current_load
    assert claim(weight.source).operator_id is None
    assert Operator.objects.get().current_load == load


def test_nobody_takes_contacts_of_a_source_without_weights():
    other = WeightFactory()
    assert claim(SourceFactory()).operator_id is None
    assert Operator.objects.get(pk=other.operator_id).current_load == 0


def test_goes_on_to_the_others_when_one_is_full():
    full = WeightFactory(weight=10_000, operator__max_load=0)
    free = WeightFactory(source=full.source, weight=1)
    outcome = claim(full.source)
    assert outcome.operator_id == free.operator_id
    assert outcome.decision["left_out"][0]["reason"] == "at_limit"


def test_draws_again_when_the_drawn_operator_lost_the_last_place_meanwhile(monkeypatch):
    """The row says full at the claim although the candidates were read as free."""
    first = WeightFactory(weight=10_000, operator__max_load=1)
    second = WeightFactory(source=first.source, weight=1, operator__max_load=1)
    drawn = []

    class ThenTaken(Random):
        def randrange(self, bound):
            drawn.append(bound)
            if len(drawn) == 1:
                Operator.objects.filter(pk=first.operator_id).update(current_load=1)
                return 0  # the first operator, whose place has just gone
            return super().randrange(bound)

    outcome = claim_operator(source_id=first.source_id, actor="test", rng=ThenTaken(1))
    assert outcome.operator_id == second.operator_id
    assert drawn == [10_001, 1]
    assert [item["reason"] for item in outcome.decision["left_out"]] == ["taken"]
    assert set(Operator.objects.values_list("current_load", flat=True)) == {1}
