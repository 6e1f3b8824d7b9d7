"""The OpenAPI document and its page: complete, valid, and served without any other host."""

import json
import re

import pytest
import schemathesis
from django.contrib.staticfiles import finders
from django.test import Client

from distribution.tests.factories import WeightFactory
from minicrm.tests.client import PROBLEM, api_with_key

pytestmark = pytest.mark.slow_on_postgresql

# What every operation may answer, and what one with a body may answer besides.
COMMON = {"401", "403", "429", "500", "503"}
BODY = {"400", "411", "413", "415", "422"}
ROUTES = {
    "/api/v1/contacts/": {"get", "post"},
    "/api/v1/contacts/{contact_id}": {"get"},
    "/api/v1/contacts/{contact_id}/close/": {"post"},
    "/api/v1/contacts/{contact_id}/reopen/": {"post"},
    "/api/v1/contacts/{contact_id}/requeue/": {"post"},
    "/api/v1/contacts/{contact_id}/reassign/": {"post"},
    "/api/v1/leads/": {"get"},
    "/api/v1/leads/{lead_id}": {"get"},
    "/api/v1/operators/": {"get", "post"},
    "/api/v1/operators/{operator_id}": {"get", "put", "patch"},
    "/api/v1/operators/{operator_id}/switch-off/": {"post"},
    "/api/v1/operators/{operator_id}/take-next/": {"post"},
    "/api/v1/sources/": {"get", "post"},
    "/api/v1/sources/{source_id}": {"get", "put", "patch"},
    "/api/v1/sources/{source_id}/weights/": {"get", "put"},
    "/api/v1/operator-sources/": {"get", "post"},
    "/api/v1/operator-sources/{weight_id}": {"patch", "delete"},
    "/api/v1/distribution/config/": {"post"},
}


@pytest.fixture
def document():
    return Client().get("/api/v1/openapi.json").json()


@pytest.fixture
def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


@pytest.mark.thorough
def test_validation_would_notice(document):
    document["paths"]["/api/v1/leads/"]["get"]["responses"]["200"].pop("description")
    with pytest.raises(Exception, match="required property"):
        schemathesis.openapi.from_dict(document).validate()


def test_every_route_is_there(document):
    described = {path: set(methods) for path, methods in document["paths"].items()}
    assert {
        path: described.get(path, set()) & methods for path, methods in ROUTES.items()
    } == ROUTES


def test_every_operation_lists_its_errors(operations):
    for name, operation in operations.items():
        listed = set(operation["responses"])
        assert listed >= COMMON, name
        if "requestBody" in operation:
            assert listed >= BODY, name
        if "{" in name:
            assert "404" in listed, name
        if any(item["in"] == "query" for item in operation.get("parameters", ())):
            assert "422" in listed, name


def test_every_error_is_a_problem_document_with_an_example(operations):
    for name, operation in operations.items():
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert set(answer["content"]) == {PROBLEM}, (name, status)
                example = answer["content"][PROBLEM]["example"]
                assert (example["status"], example["type"]) == (
                    int(status),
                    f"/api/v1/docs#{example['code']}",
                )
            else:
                assert set(answer.get("content", {})) <= {"application/json"}, (name, status)


def test_every_operation_has_a_name_a_summary_and_a_description(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert operation["security"] == [{"BearerKey": []}], name


def test_key_is_described_as_a_bearer_token(document):
    scheme = document["components"]["securitySchemes"]["BearerKey"]
    assert scheme == {"type": "http", "scheme": "bearer"}


def test_bodies_are_json_that_knows_all_its_members(document, operations):
    for name, operation in operations.items():
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            assert set(content) == {"application/json"}, name
            reference = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            schema = document["components"]["schemas"][reference]
            assert schema["additionalProperties"] is False, name


def test_body_of_a_move_may_be_left_out(operations):
    required = {
        name.removeprefix("POST /api/v1/contacts/{contact_id}"): operation["requestBody"][
            "required"
        ]
        for name, operation in operations.items()
        if name.startswith("POST /api/v1/contacts/{contact_id}/")
    }
    assert required == {"/close/": False, "/reopen/": False, "/requeue/": False, "/reassign/": True}
    take_next = operations["POST /api/v1/operators/{operator_id}/take-next/"]
    assert take_next["requestBody"]["required"] is False


def test_refused_moves_tell_how_the_contact_is(document, operations):
    schemas = document["components"]["schemas"]
    told = {
        name.rpartition("/api/v1/")[2]
        for name, operation in operations.items()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        if "PresentContact" in json.dumps(schemas.get(_named(content["schema"]), {}))
    }
    assert told == {
        *(
            f"contacts/{{contact_id}}/{move}/"
            for move in ("close", "reopen", "requeue", "reassign")
        ),
        "operators/{operator_id}/take-next/",
    }
    assert "contact" not in schemas["ProblemOut"]["properties"]


def _named(schema):
    return schema.get("$ref", "").rpartition("/")[2]


def test_headers_are_described(operations):
    for path, success in [
        ("contacts/", "201"),
        ("contacts/{contact_id}/close/", "200"),
        ("contacts/{contact_id}/reassign/", "200"),
        ("operators/{operator_id}/take-next/", "200"),
    ]:
        post = operations[f"POST /api/v1/{path}"]
        [header] = [item for item in post["parameters"] if item["in"] == "header"]
        assert (header["name"], header["required"]) == ("Idempotency-Key", False)
        assert "Idempotency-Replayed" in post["responses"][success]["headers"]
    for name, operation in operations.items():
        assert "Retry-After" in operation["responses"]["429"]["headers"], name
        assert "Retry-After" in operation["responses"]["503"]["headers"], name
        if name.startswith("GET") and name.endswith("s/") and "weights" not in name:
            assert "Link" in operation["responses"]["200"]["headers"], name


@pytest.mark.django_db
def test_example_of_a_contact_is_a_contact_that_is_taken(document):
    weight = WeightFactory()
    members = document["components"]["schemas"]["ContactIn"]["properties"]
    example = {name: member["examples"][0] for name, member in members.items()}
    response = api_with_key().post("contacts/", example | {"source_id": weight.source_id})
    assert response.json()["status"] == "assigned"


def test_page_loads_nothing_from_elsewhere():
    response = Client().get("/api/v1/docs")
    page = response.content.decode()
    assert response.status_code == 200
    references = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(references) >= 3
    for reference in references:
        assert reference.startswith("/static/ninja/")
        assert finders.find(reference.removeprefix("/static/")), reference
    assert not re.search(r"(https?:)?//[\w.-]+\.\w", page)


def test_page_has_no_script_of_its_own():
    page = Client().get("/api/v1/docs").content.decode()
    for attributes, content in re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL):
        if 'type="application/json"' in attributes:
            assert json.loads(content)["url"] == "/api/v1/openapi.json"
        else:
            assert (content, "src=" in attributes) == ("", True)
    assert not re.search(r"\son\w+=|style=|javascript:", page)
