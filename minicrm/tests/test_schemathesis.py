"""Examples made from our own OpenAPI document: whatever is sent, the answer is one it describes.

Schemathesis with all its checks, against a real gunicorn. What the document cannot say, and what is
therefore no failure of `positive_data_acceptance`, is a list in `tools/stress/fuzz_hooks.py`.
`make stress` sends 20,000 of them.
"""

import json

import pytest

from distribution.tests.factories import WeightFactory, make_key
from leads.tests.checks import assert_promises_kept
from leads.tests.factories import AssignedContactFactory
from minicrm.tests.client import Api
from minicrm.tests.server import running_server
from tools.stress import fuzz_hooks
from tools.stress.children import Children
from tools.stress.fuzz import OPERATIONS, PHASES, Fuzzed, fuzz, read

pytestmark = [pytest.mark.slow]

FEW, MANY = 25, 300  # random ones; the edges and chains are some 1,700 besides


def fuzzed(folder, examples, phases):
    """Send examples to a running application, and return what was answered."""
    WeightFactory(), AssignedContactFactory()
    token = make_key(can_manage=True)
    with running_server(workers=1, API_RATE_LIMIT="off") as server:
        children = Children({}, minutes=8)
        return fuzz(server.port, token, folder, children, examples=examples, seed=1, phases=phases)


def wrong_findings(result):
    return [finding for finding in result.findings() if finding["violations"]]


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_random_examples(tmp_path):
    result = fuzzed(tmp_path, FEW, "examples,fuzzing")
    assert wrong_findings(result) == []
    assert result.answers.total() >= FEW
    assert result.by_class().keys() == {"2xx", "4xx"}
    assert_promises_kept(over_limit=True)


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_edges_and_chains_of_calls_too(tmp_path):
    result = fuzzed(tmp_path, MANY, PHASES)
    assert wrong_findings(result) == []
    assert result.answers.total() > 1_500
    assert result.answers[405] > 50  # methods that an address does not have
    assert result.answers[401] > 20  # calls without a key
    assert result.answers[204] > 0  # something was deleted
    assert_promises_kept(over_limit=True)


@pytest.mark.any_database
def test_rounds_are_as_long_as_the_document_has_operations():
    document = Api().get("openapi.json").json()
    assert sum(map(len, document["paths"].values())) == OPERATIONS


# That it can fail -----------------------------------------------------------------------------

ID = {"x-request-id": ["0123456789abcdef"], "content-type": ["application/problem+json"]}
PROBLEM = {
    "type": "/api/v1/docs#x", "title": "x", "status": 422, "detail": "x.", "code": "x",
    "request_id": "0123456789abcdef",
}  # fmt: skip


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("status", "headers", "body", "wrong"),
    [
        (422, ID, PROBLEM, ""),
        (200, {}, [], ""),
        (500, ID, PROBLEM | {"status": 500}, "5xx"),
        (503, ID, PROBLEM | {"status": 503}, "5xx"),
        (302, {"location": ["/"]}, "", "redirect"),
        (400, ID, PROBLEM, "another format"),
        (422, ID | {"content-type": ["text/html"]}, PROBLEM, "another format"),
        (422, ID | {"x-request-id": ["another"]}, PROBLEM, "another format"),
        (422, ID, PROBLEM | {"errors": []}, ""),
        (422, ID, {"detail": "x"}, "another format"),
    ],
)
def test_what_no_answer_may_be(status, headers, body, wrong):
    assert fuzz_hooks.what_is_wrong(status, headers, json.dumps(body).encode()) == wrong


@pytest.mark.any_database
def test_only_what_the_document_cannot_say_is_no_failure():
    def unsayable(*errors):
        listed = [dict(zip(("code", "field", "message"), one, strict=True)) for one in errors]
        return fuzz_hooks.is_unsayable(json.dumps({"code": "x", "errors": listed}).encode())

    phone, name = ("invalid_phone", "phone", ""), ("required", "name", "")
    assert unsayable(phone)
    assert not unsayable(name)
    assert not unsayable(phone, name)
    assert unsayable(("wrong_type", "max_load", "Must be a whole number."))


@pytest.mark.any_database
def test_failures_are_counted_with_examples(tmp_path):
    lines = [
        {"answer": 200, "wrong": "", "example": ""},
        *({"answer": 500, "wrong": "5xx", "example": f"curl {n}"} for n in range(9)),
        {"failure": "AcceptedNegativeData", "example": "curl x"},
    ]
    kept = tmp_path / "kept"
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = {finding["check"]: finding for finding in read(kept).findings()}
    assert found["examples: no answer 5xx"]["violations"] == 9
    assert found["examples: no answer 5xx"]["count"] == 10
    assert found["examples: no answer 5xx"]["examples"] == [f"curl {n}" for n in range(5)]
    assert found["examples: AcceptedNegativeData"]["violations"] == 1
    assert read(kept).by_class() == {"2xx": 1, "5xx": 9}
    assert Fuzzed().findings()[-1]["violations"] == 0
