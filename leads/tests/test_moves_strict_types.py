"""What the bodies of moves may hold: nothing is bent into another type."""

import pytest

from leads.tests.factories import AssignedContactFactory
from leads.tests.move_calls import move
from minicrm.tests.client import api_with_key, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

MOVES = ["close", "reopen", "requeue", "reassign"]


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture
def contact():
    return AssignedContactFactory()


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize(
    ("field", "literal", "code"),
    [
        *(("version", literal, "wrong_type") for literal in ('"1"', "true", "1.0", "null", "[]")),
        *(("version", literal, "out_of_range") for literal in ("0", "-1", str(2**31))),
        *(("reason", literal, "wrong_type") for literal in ("1", "true", "null", "[]", "{}")),
        ("reason", '"a\\nb"', "forbidden_character"),
        ("reason", '"a\\u202eb"', "forbidden_character"),
        ("reason", '"a\\u0000"', "forbidden_character"),
        ("reason", '"' + 501 * "x" + '"', "too_long"),
        ("by", '"user:1"', "unknown_field"),
        ("Version", "1", "unknown_field"),
    ],
)
def test_of_every_move(api, contact, name, field, literal, code):
    operator_id = '"operator_id": 1, ' if name == "reassign" else ""
    raw = f'{{{operator_id}"{field}": {literal}}}'.encode()
    expected = (422, "invalid_request", {field: code})
    assert refusal(move(api, contact, name, raw=raw)) == expected
    contact.refresh_from_db()
    assert contact.version == 1


@pytest.mark.parametrize(
    ("field", "literal", "code"),
    [
        *(
            ("operator_id", literal, "wrong_type")
            for literal in ('"1"', "true", "1.0", "null", "[1]")
        ),
        *(("operator_id", literal, "out_of_range") for literal in ("0", "-1", str(2**63))),
        *(("over_limit", literal, "wrong_type") for literal in ('"true"', "1", "0", "null", "[]")),
    ],
)
def test_of_reassign(api, contact, field, literal, code):
    other = '"over_limit": false' if field == "operator_id" else '"operator_id": 1'
    raw = f'{{{other}, "{field}": {literal}}}'.encode()
    expected = (422, "invalid_request", {field: code})
    assert refusal(move(api, contact, "reassign", raw=raw)) == expected


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"close"', b"1"])
def test_body_is_an_object(api, contact, raw):
    for name in MOVES:
        assert refusal(move(api, contact, name, raw=raw)) == (
            422, "invalid_request", {"body": "wrong_type"},
        )  # fmt: skip


def test_body_that_is_there_is_json(api, contact):
    for raw, kwargs, expected in [
        (b"{", {}, (400, "not_json")),
        (b" ", {}, (400, "not_json")),
        (b'{"version": 1, "version": 1}', {}, (400, "not_json")),
        (b"{}", {"content_type": "text/plain"}, (415, "unsupported_media_type")),
    ]:
        assert refusal(move(api, contact, "close", raw=raw, **kwargs))[:2] == expected
