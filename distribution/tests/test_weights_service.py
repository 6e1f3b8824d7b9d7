from functools import partial

import pytest

from distribution.models import OperatorSourceWeight
from distribution.services import add_weight, remove_weight, replace_weights, update_weight
from distribution.signals import capacity_freed
from distribution.tests.concurrency import run_together
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from minicrm.errors import Conflict, NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def freed():
    """The sources for which places were announced as freed, in order."""
    announced = []

    def note(*, source_ids, **_):
        announced.append(set(source_ids))

    capacity_freed.connect(note)
    yield announced
    capacity_freed.disconnect(note)


def weights_of(source):
    rows = OperatorSourceWeight.objects.filter(source=source)
    return dict(rows.values_list("operator_id", "weight"))


def test_replaces_the_whole_set(freed):
    kept, dropped = WeightFactory(weight=5), None
    source = kept.source
    dropped = WeightFactory(source=source, weight=7)
    added = OperatorFactory()
    rows = replace_weights(source.pk, {kept.operator_id: 3, added.pk: 9}, actor="test")
    assert weights_of(source) == {kept.operator_id: 3, added.pk: 9}
    assert [row.operator_id for row in rows] == sorted([kept.operator_id, added.pk])
    assert OperatorSourceWeight.objects.get(operator=kept.operator).pk == kept.pk
    assert not OperatorSourceWeight.objects.filter(pk=dropped.pk).exists()
    assert freed == [{source.pk}]


def test_an_unknown_operator_leaves_the_set_as_it_was(freed):
    weight = WeightFactory(weight=5)
    with pytest.raises(NotFound) as refusal:
        replace_weights(weight.source_id, {weight.operator_id: 9, 10**9: 1}, actor="test")
    assert refusal.value.field == "operators.1.operator_id"
    assert weights_of(weight.source) == {weight.operator_id: 5}
    assert freed == []


def test_an_empty_set_takes_everybody_out(freed):
    weight = WeightFactory()
    assert replace_weights(weight.source_id, {}, actor="test") == []
    assert weights_of(weight.source) == {}
    assert freed == []


def test_other_sources_keep_their_weights():
    ours, theirs = WeightFactory(weight=1), WeightFactory(weight=2)
    replace_weights(ours.source_id, {}, actor="test")
    assert weights_of(theirs.source) == {theirs.operator_id: 2}


def test_a_second_weight_for_the_same_pair_is_a_conflict():
    weight = WeightFactory(weight=5)
    with pytest.raises(Conflict, match="has a weight"):
        add_weight(operator_id=weight.operator_id, source_id=weight.source_id, actor="test")
    assert weights_of(weight.source) == {weight.operator_id: 5}


@pytest.mark.parametrize("missing", ["operator", "source"])
def test_a_weight_needs_an_operator_and_a_source_that_exist(missing):
    ids = {"operator_id": OperatorFactory().pk, "source_id": SourceFactory().pk}
    ids[f"{missing}_id"] = 10**9
    with pytest.raises(NotFound) as refusal:
        add_weight(**ids, actor="test")
    assert refusal.value.code == f"{missing}_not_found"
    assert refusal.value.field == f"{missing}_id"


@pytest.mark.parametrize(
    ("before", "after", "announces"), [(0, 5, True), (5, 9, True), (9, 5, False), (5, 0, False)]
)
def test_only_a_raised_weight_frees_places(freed, before, after, announces):
    weight = WeightFactory(weight=before)
    assert update_weight(weight.pk, weight=after, actor="test").weight == after
    assert freed == ([{weight.source_id}] if announces else [])


def test_removing_a_weight_twice_is_not_found():
    weight = WeightFactory()
    remove_weight(weight.pk, actor="test")
    with pytest.raises(NotFound):
        remove_weight(weight.pk, actor="test")


def test_expected_set_is_compared_with_the_stored_one(freed):
    weight, other = WeightFactory(weight=5), OperatorFactory()
    source, wanted = weight.source, {weight.operator_id: 7, other.pk: 2}
    for expected in ({}, {weight.operator_id: 4}, {weight.operator_id: 5, other.pk: 1}):
        with pytest.raises(Conflict) as refusal:
            replace_weights(source.pk, wanted, expected=expected, actor="test")
        assert refusal.value.code == "weights_changed"
        assert refusal.value.present == {str(weight.operator_id): 5}
    assert weights_of(source) == {weight.operator_id: 5}
    assert freed == []

    replace_weights(source.pk, wanted, expected={weight.operator_id: 5}, actor="test")

    assert weights_of(source) == wanted


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_refused():
    """Each from what both have seen; with five rounds, so that they do meet."""
    for _ in range(5):
        weight = WeightFactory(weight=1)
        source_id, operator_id = weight.source_id, weight.operator_id
        save = partial(replace_weights, source_id, expected={operator_id: 1}, actor="test")
        jobs = [partial(save, weights={operator_id: number}) for number in (2, 3)]
        outcomes = run_together(jobs)
        refused = [one for one in outcomes if isinstance(one, Conflict)]
        saved = [one for one in outcomes if not isinstance(one, Exception)]
        assert len(refused) == len(saved) == 1, outcomes
        assert weights_of(weight.source) == {operator_id: saved[0][0].weight}
        assert refused[0].present == {str(operator_id): saved[0][0].weight}
