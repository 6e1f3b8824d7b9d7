"""What the API refuses of a request as such: its body, type and length; and the errors' format."""

import json

import pytest

from distribution.models import Operator
from distribution.tests.factories import SourceFactory
from leads.models import Contact
from minicrm.tests.client import Api, api_with_key, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

GOOD = b'{"name": "Operator"}'


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


# 400: not JSON --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "hint"),
    [
        (b"", "not_json", "empty"),
        (b" ", "not_json", "not JSON"),
        (b'{"name": "x"', "not_json", "not JSON"),
        (b"name=x", "not_json", "not JSON"),
        (b"{'name': 'x'}", "not_json", "not JSON"),
        (b'{"name": "x",}', "not_json", "not JSON"),
        (b'{"name": "x"} {}', "not_json", "not JSON"),
        (b'{"name": "a", "name": "b"}', "not_json", "'name' is there more than once"),
        (b'{"name": "a", "x": {"b": 1, "b": 1}}', "not_json", "'b' is there more than once"),
        (b'{"name": "a", "\\u006eame": "b"}', "not_json", "'name' is there more than once"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "not_json", "more than once"),
        (b'{"name": "x", "max_load": NaN}', "not_json", "NaN"),
        (b'{"name": "x", "max_load": Infinity}', "not_json", "Infinity"),
        (b'{"name": "x", "max_load": -Infinity}', "not_json", "-Infinity"),
        (b'{"name": "x", "max_load": 1e999}', "not_json", "out of range"),
        (b'{"name": "x", "max_load": -1e999}', "not_json", "out of range"),
        (b'{"name": "x", "max_load": %s}' % (b"9" * 6_000), "not_json", "6000 digits"),
        (b'{"name": "x", "max_load": 01}', "not_json", "not JSON"),
        (b'{"name": "x", "max_load": +1}', "not_json", "not JSON"),
        (b'{"name": "a\nb"}', "not_json", "control character"),
        (b"\xef\xbb\xbf" + GOOD, "not_json", "BOM"),
        (b'{"name": "\xff"}', "bad_encoding", "not UTF-8"),
        (b'{"name": "\xed\xa0\x80"}', "bad_encoding", "not UTF-8"),  # half a surrogate pair
        (b'{"name": "\xc0\x80"}', "bad_encoding", "not UTF-8"),  # NUL, overlong
        (GOOD.decode().encode("utf-16"), "bad_encoding", "not UTF-8"),
        (GOOD.decode().encode("utf-16-le"), "not_json", "not JSON"),
        (b'{"name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "not_json", "too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "not_json", "too deeply"),
    ],
)
def test_bodies_that_are_not_json(api, raw, code, hint):
    response = api.post("operators/", raw=raw)
    assert refusal(response) == (400, code, {})
    assert hint in response.json()["detail"]
    assert not Operator.objects.exists()


def test_content_length_that_is_no_number(api):
    response = api.post("operators/", raw=GOOD, CONTENT_LENGTH="1_0")
    assert refusal(response) == (400, "bad_content_length", {})


def test_foreign_host_name(api):
    response = api.get("operators/", headers={"Host": "elsewhere.example"})
    assert refusal(response) == (400, "bad_request", {})


# 411, 413, 415 -------------------------------------------------------------------------------


def test_body_of_unknown_length(api):
    response = api.post("operators/", raw=GOOD, headers={"Transfer-Encoding": "chunked"})
    assert refusal(response) == (411, "length_required", {})


def body_of(length, **members):
    """Return a contact that is exactly `length` bytes of JSON, most of it payload."""
    contact = members | {"payload": {"fill": ""}}
    contact["payload"]["fill"] = "x" * (length - len(json.dumps(contact)))
    return json.dumps(contact).encode()


def test_body_at_the_limit_and_one_byte_over(api):
    members = {"source_id": SourceFactory().pk, "external_id": "big"}
    under, over = body_of(65_536, **members), body_of(65_537, **members)
    assert refusal(api.post("contacts/", raw=over)) == (413, "body_too_large", {})
    assert not Contact.objects.exists()
    assert api.post("contacts/", raw=under).status_code == 201
    stored = len(Contact.objects.get().payload["fill"])
    assert stored == len(json.loads(under)["payload"]["fill"])


@pytest.mark.parametrize("length", [65_537, 10**12, 10**30])
def test_announced_length_over_the_limit_is_refused_before_reading(length):
    response = Api("wrong").post("contacts/", raw=b"{}", CONTENT_LENGTH=str(length))
    assert refusal(response) == (413, "body_too_large", {})


@pytest.mark.parametrize(
    ("content_type", "encoding", "code"),
    [
        ("", None, "unsupported_media_type"),
        ("text/plain", None, "unsupported_media_type"),
        ("text/json", None, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", None, "unsupported_media_type"),
        ("multipart/form-data; boundary=x", None, "unsupported_media_type"),
        ("application/merge-patch+json", None, "unsupported_media_type"),
        ("application/json, text/plain", None, "unsupported_media_type"),
        ("application/json; charset=utf-16", None, "unsupported_charset"),
        ("application/json; charset=latin-1", None, "unsupported_charset"),
        ("application/json; charset=no-such-charset", None, "unsupported_charset"),
        ("application/json", "gzip", "unsupported_encoding"),
        ("application/json", "br", "unsupported_encoding"),
    ],
)
def test_bodies_of_other_types(api, content_type, encoding, code):
    headers = {"Content-Encoding": encoding} if encoding else {}
    response = api.post("operators/", raw=GOOD, content_type=content_type, headers=headers)
    assert refusal(response) == (415, code, {})
    assert not Operator.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json;charset=UTF-8", 'application/json; charset="utf-8"',
    ],
)  # fmt: skip
def test_spellings_of_json_in_utf_8(api, content_type):
    response = api.post("operators/", raw=GOOD, content_type=content_type)
    assert response.status_code == 201
    assert response.json()["name"] == "Operator"


# 422 and the format -------------------------------------------------------------------------


def test_all_fields_at_fault_are_named_at_once(api):
    body = {"is_active": "yes", "max_load": -1, "colour": "red"}
    response = api.post("operators/", body)
    assert refusal(response) == (
        422,
        "invalid_request",
        {
            "name": "required",
            "is_active": "wrong_type",
            "max_load": "out_of_range",
            "colour": "unknown_field",
        },
    )
    messages = {error["field"]: error["message"] for error in response.json()["errors"]}
    assert messages["name"] == "Required."
    assert messages["is_active"] == "Must be true or false."
    assert messages["max_load"] == "Must be greater than or equal to 0."


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"1", b"true", b'[{"name": "x"}]'])
def test_json_that_is_no_object(api, raw):
    assert refusal(api.post("operators/", raw=raw)) == (
        422, "invalid_request", {"body": "wrong_type"},
    )  # fmt: skip


def test_errors_are_json_whatever_the_caller_accepts(api):
    response = api.get("operators/77777", headers={"Accept": "text/html", "Accept-Language": "ru"})
    assert refusal(response) == (404, "operator_not_found", {})
    assert response.json()["detail"] == "There is no operator 77777."


def test_list_of_fields_is_left_out_where_there_are_none(api):
    assert "errors" not in api.get("operators/77777").json()
