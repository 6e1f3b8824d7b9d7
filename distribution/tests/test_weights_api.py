"""/api/v1/operator-sources/ one by one, and a source's whole set at once by its two routes."""

import pytest

from distribution.models import OperatorSourceWeight
from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.models import Contact
from leads.tests.factories import AssignedContactFactory, WaitingContactFactory
from minicrm.tests.client import api_with_key, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture(params=["PUT weights", "POST config"])
def replace(request, api):
    """Replace a source's set, by either of the two routes that do it."""

    def call(source_id, operators):
        if request.param == "PUT weights":
            return api.put(f"sources/{source_id}/weights/", {"operators": operators})
        return api.post("distribution/config/", {"source_id": source_id, "operators": operators})

    return call


def stored(source):
    return dict(source.weights.values_list("operator_id", "weight"))


# One by one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "weight"), [({}, 1), ({"weight": 0}, 0), ({"weight": 10_000}, 10_000)]
)
def test_weight_is_created(api, given, weight):
    pair = {"operator_id": OperatorFactory().pk, "source_id": SourceFactory().pk}
    response = api.post("operator-sources/", pair | given)
    row = OperatorSourceWeight.objects.get()
    assert response.status_code == 201
    assert response.json() == {"id": row.pk, **pair, "weight": weight}


def test_same_pair_again_is_a_conflict_and_keeps_the_weight(api):
    weight = WeightFactory(weight=3)
    pair = {"operator_id": weight.operator_id, "source_id": weight.source_id}
    response = api.post("operator-sources/", pair | {"weight": 9})
    assert refusal(response) == (409, "weight_exists", {})
    weight.refresh_from_db()
    assert weight.weight == 3


def test_listed_by_source_and_by_operator(api):
    operator, source = OperatorFactory(), SourceFactory()
    both = WeightFactory(operator=operator, source=source)
    of_operator, of_source = WeightFactory(operator=operator), WeightFactory(source=source)
    other = WeightFactory()

    def listed(query=""):
        return [row["id"] for row in api.get(f"operator-sources/{query}").json()]

    assert listed() == [both.pk, of_operator.pk, of_source.pk, other.pk]
    assert listed(f"?operator_id={operator.pk}") == [both.pk, of_operator.pk]
    assert listed(f"?source_id={source.pk}") == [both.pk, of_source.pk]
    assert listed(f"?source_id={source.pk}&operator_id={operator.pk}") == [both.pk]
    assert listed("?source_id=77777") == []


def test_weight_is_changed(api):
    weight = WeightFactory(weight=3)
    response = api.patch(f"operator-sources/{weight.pk}", {"weight": 0})
    assert response.json() == {
        "id": weight.pk, "operator_id": weight.operator_id, "source_id": weight.source_id,
        "weight": 0,
    }  # fmt: skip
    weight.refresh_from_db()
    assert weight.weight == 0


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"weight": "required"}),
        ({"weight": None}, {"weight": "wrong_type"}),
        ({"weight": 1, "operator_id": 1}, {"operator_id": "unknown_field"}),
    ],
)
def test_change_of_anything_but_the_weight_is_refused(api, body, errors):
    weight = WeightFactory()
    response = api.patch(f"operator-sources/{weight.pk}", body)
    assert refusal(response) == (422, "invalid_request", errors)


def test_deleted_weight_is_gone_and_open_contacts_stay(api):
    contact = AssignedContactFactory()
    weight = WeightFactory(operator=contact.operator, source=contact.source)
    response = api.delete(f"operator-sources/{weight.pk}")
    assert (response.status_code, response.content) == (204, b"")
    assert refusal(api.delete(f"operator-sources/{weight.pk}")) == (404, "weight_not_found", {})
    contact.refresh_from_db()
    assert contact.operator_id == weight.operator_id


@pytest.mark.parametrize("way", ["add", "raise"])
def test_weight_added_or_raised_takes_what_waits(api, way):
    contact = WaitingContactFactory()
    if way == "add":
        pair = {"operator_id": OperatorFactory().pk, "source_id": contact.source_id}
        api.post("operator-sources/", pair)
    else:
        weight = WeightFactory(source=contact.source, weight=0)
        api.patch(f"operator-sources/{weight.pk}", {"weight": 1})
    assert Contact.objects.get().status == "assigned"


# A whole set at once --------------------------------------------------------------------------


def test_set_is_replaced_as_a_whole(api, replace):
    source = SourceFactory()
    kept, dropped = (WeightFactory(source=source, weight=5) for _ in range(2))
    elsewhere = WeightFactory(operator=dropped.operator)
    new = OperatorFactory(name="New one")
    response = replace(
        source.pk,
        [{"operator_id": new.pk, "weight": 30}, {"operator_id": kept.operator_id, "weight": 10}],
    )
    assert response.status_code == 200
    added = OperatorSourceWeight.objects.get(operator=new)
    assert response.json() == {
        "source_id": source.pk,
        "operators": [
            {
                "id": kept.pk,
                "operator_id": kept.operator_id,
                "operator": kept.operator.name,
                "weight": 10,
                "share": 0.25,
            },
            {
                "id": added.pk,
                "operator_id": new.pk,
                "operator": "New one",
                "weight": 30,
                "share": 0.75,
            },
        ],
    }
    assert stored(source) == {kept.operator_id: 10, new.pk: 30}
    assert stored(elsewhere.source) == {dropped.operator_id: 1}
    assert api.get(f"sources/{source.pk}/weights/").json() == response.json()


def test_weight_left_out_is_one(replace):
    source, operator = SourceFactory(), OperatorFactory()
    [row] = replace(source.pk, [{"operator_id": operator.pk}]).json()["operators"]
    assert (row["weight"], row["share"]) == (1, 1.0)


def test_empty_set_leaves_nobody(api, replace):
    weight = WeightFactory()
    response = replace(weight.source_id, [])
    assert response.json() == {"source_id": weight.source_id, "operators": []}
    assert stored(weight.source) == {}


def test_shares_of_weights_that_are_all_zero_are_zero(replace):
    source, operator = SourceFactory(), OperatorFactory()
    [row] = replace(source.pk, [{"operator_id": operator.pk, "weight": 0}]).json()["operators"]
    assert row["share"] == 0


def test_unknown_operator_changes_nothing(replace):
    weight = WeightFactory(weight=5)
    response = replace(
        weight.source_id,
        [{"operator_id": weight.operator_id, "weight": 9}, {"operator_id": 77_777, "weight": 1}],
    )
    field = "operators.1.operator_id"
    assert refusal(response) == (404, "operator_not_found", {field: "operator_not_found"})
    assert stored(weight.source) == {weight.operator_id: 5}


def test_one_wrong_weight_changes_nothing(replace):
    weight = WeightFactory(weight=5)
    operators = [{"operator_id": weight.operator_id, "weight": number} for number in (1, 10_001)]
    operators[0]["operator_id"] = OperatorFactory().pk
    response = replace(weight.source_id, operators)
    assert refusal(response)[2] == {"operators.1.weight": "out_of_range"}
    assert stored(weight.source) == {weight.operator_id: 5}


def test_operator_named_twice(replace):
    weight = WeightFactory(weight=5)
    twice = [{"operator_id": weight.operator_id, "weight": number} for number in (1, 2)]
    response = replace(weight.source_id, twice)
    assert refusal(response) == (422, "invalid_request", {"operators": "duplicate"})
    assert str(weight.operator_id) in response.json()["errors"][0]["message"]
    assert stored(weight.source) == {weight.operator_id: 5}


def test_unknown_source(replace):
    response = replace(77_777, [{"operator_id": OperatorFactory().pk}])
    assert refusal(response)[:2] == (404, "source_not_found")


@pytest.mark.slow_on_postgresql
def test_set_of_a_thousand_and_one_more(replace):
    source = SourceFactory()
    operators = [{"operator_id": row.pk} for row in OperatorFactory.create_batch(1_000)]
    assert len(replace(source.pk, operators).json()["operators"]) == 1_000
    response = replace(source.pk, [*operators, {"operator_id": 77_777}])
    assert refusal(response) == (422, "invalid_request", {"operators": "too_long"})


def test_new_set_takes_what_waits(replace):
    contact = WaitingContactFactory()
    operator = OperatorFactory()
    replace(contact.source_id, [{"operator_id": operator.pk, "weight": 1}])
    contact.refresh_from_db()
    assert (contact.status, contact.operator_id) == ("assigned", operator.pk)


def test_missing_members_of_a_set(api):
    source = SourceFactory()
    assert refusal(api.put(f"sources/{source.pk}/weights/", {}))[2] == {"operators": "required"}
    assert refusal(api.post("distribution/config/", {}))[2] == {
        "operators": "required", "source_id": "required",
    }  # fmt: skip
    response = api.post("distribution/config/", {"source_id": source.pk, "operators": [{}]})
    assert refusal(response)[2] == {"operators.0.operator_id": "required"}
