"""What is not there, not possible, or not possible now: 404, 405 and 409."""

import pytest

from distribution.tests.factories import OperatorFactory, SourceFactory, WeightFactory
from leads.tests.factories import WaitingContactFactory
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

GOOD = b'{"name": "Operator"}'


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/api/v1/operators", "/api/v1/operators/"),
        ("/api/v1/contacts", "/api/v1/contacts/"),
        ("/api/v1/distribution/config", "/api/v1/distribution/config/"),
        ("/api/v1/operators/1/", "/api/v1/operators/1"),
        ("/api/v1/sources/1/weights", "/api/v1/sources/1/weights/"),
        ("/api/v1/contacts/1/close", "/api/v1/contacts/1/close/"),
        ("/api/v1/operators/1/switch-off", "/api/v1/operators/1/switch-off/"),
        ("/api/v1/operators/1/take-next", "/api/v1/operators/1/take-next/"),
        ("/api/v1/docs/", "/api/v1/docs"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_address_with_the_wrong_slash_names_the_right_one(api, method, path, other):
    response = api.request(method, path, raw=GOOD)
    assert refusal(response) == (404, "not_found", {})
    assert f"{other} exists" in response.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/", "/api/v1/", "/api/v2/operators/", "/api/v1/nothing/", "/api/v1/operators/one",
        "/api/v1/operators/-1", "/api/v1/operators/1.0", "/api/v1//operators/",
        "/api/v1/operators/%00", "/api/v1/operators/%FF", "/api/v1/operators/" + "9" * 5_000,
    ],
)  # fmt: skip
def test_unknown_addresses(api, path):
    assert refusal(api.get(path)) == (404, "not_found", {})


@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, 10**99])
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("operators/{}", "operator_not_found"),
        ("sources/{}", "source_not_found"),
        ("sources/{}/weights/", "source_not_found"),
        ("contacts/{}", "contact_not_found"),
        ("leads/{}", "lead_not_found"),
    ],
)
def test_objects_that_are_not_there(api, path, code, number):
    response = api.get(path.format(number))
    if not 0 < number < 2**63:
        code = "not_found"
    assert refusal(response) == (404, code, {})


@pytest.mark.parametrize("number", [0, 77, 2**63, 2**64])
def test_changes_of_objects_that_are_not_there(api, number):
    for response in [
        api.put(f"operators/{number}", {"name": "x"}),
        api.patch(f"operators/{number}", {}),
        api.put(f"sources/{number}", {"name": "x"}),
        api.patch(f"sources/{number}", {}),
        api.put(f"sources/{number}/weights/", {"operators": []}),
        api.patch(f"operator-sources/{number}", {"weight": 1}),
        api.delete(f"operator-sources/{number}"),
        api.post(f"operators/{number}/switch-off/", {"open_contacts": "keep"}),
        api.post(f"contacts/{number}/close/"),
        api.post(f"contacts/{number}/reopen/"),
        api.post(f"contacts/{number}/requeue/"),
        api.post(f"contacts/{number}/reassign/", {"operator_id": 1}),
    ]:
        status, code, errors = refusal(response)
        assert (status, errors) == (404, {})
        assert code.endswith("not_found")


def test_contact_of_another_keys_source_looks_like_none(api):
    contact = WaitingContactFactory()
    bound = api_with_key(source=SourceFactory())
    foreign, missing = bound.get(f"contacts/{contact.pk}"), bound.get(f"contacts/{contact.pk + 1}")
    assert refusal(foreign) == refusal(missing) == (404, "contact_not_found", {})
    assert api.get(f"contacts/{contact.pk}").json()["id"] == contact.pk


def test_objects_named_in_a_body_that_are_not_there(api):
    operator, source = OperatorFactory(), SourceFactory()
    assert refusal(api.post("contacts/", {"source_id": 77_777, "external_id": "a"})) == (
        404, "source_not_found", {"source_id": "source_not_found"},
    )  # fmt: skip
    assert refusal(
        api.post("operator-sources/", {"operator_id": operator.pk, "source_id": 77_777})
    ) == (404, "source_not_found", {"source_id": "source_not_found"})
    assert refusal(
        api.post("operator-sources/", {"operator_id": 77_777, "source_id": source.pk})
    ) == (404, "operator_not_found", {"operator_id": "operator_not_found"})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("operators/", {"GET", "POST"}),
        ("operators/1", {"GET", "PUT", "PATCH"}),
        ("sources/", {"GET", "POST"}),
        ("sources/1", {"GET", "PUT", "PATCH"}),
        ("sources/1/weights/", {"GET", "PUT"}),
        ("operator-sources/", {"GET", "POST"}),
        ("operator-sources/1", {"PATCH", "DELETE"}),
        ("distribution/config/", {"POST"}),
        ("contacts/", {"GET", "POST"}),
        ("contacts/1", {"GET"}),
        ("contacts/1/close/", {"POST"}),
        ("contacts/1/reopen/", {"POST"}),
        ("contacts/1/requeue/", {"POST"}),
        ("contacts/1/reassign/", {"POST"}),
        ("operators/1/switch-off/", {"POST"}),
        ("operators/1/take-next/", {"POST"}),
        ("leads/", {"GET"}),
        ("leads/1", {"GET"}),
    ],
)
def test_methods_that_an_address_does_not_have(api, path, allowed):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} - allowed:
        response = api.request(method, path, raw=GOOD)
        assert refusal(response) == (405, "method_not_allowed", {}), method
        assert set(response["Allow"].split(", ")) == allowed
        assert response["Allow"] in response.json()["detail"]


def test_conflicts_with_the_present_state(api):
    source, weight = SourceFactory(name="Taken"), WeightFactory()
    pair = {"operator_id": weight.operator_id, "source_id": weight.source_id}
    assert refusal(api.post("sources/", {"name": " Taken "})) == (
        409, "source_name_taken", {"name": "source_name_taken"},
    )  # fmt: skip
    assert refusal(api.patch(f"sources/{weight.source_id}", {"name": source.name})) == (
        409, "source_name_taken", {"name": "source_name_taken"},
    )  # fmt: skip
    assert refusal(api.post("operator-sources/", pair)) == (409, "weight_exists", {})


def test_the_documentation_takes_no_posts():
    response = Api().post("docs", {})
    assert refusal(response) == (405, "method_not_allowed", {})
    assert "GET" in response["Allow"]
