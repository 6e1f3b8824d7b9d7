"""No value is bent into another type, and nothing is stored that cannot be read back or shown."""

import json
import unicodedata
from urllib.parse import quote

import pytest

from distribution.models import Operator, OperatorSourceWeight, Source
from distribution.tests.factories import OperatorFactory, SourceFactory
from leads.models import Contact, Lead
from minicrm.tests.client import api_with_key, refusal

pytestmark = [pytest.mark.django_db, pytest.mark.slow_on_postgresql]

NOT_A_NUMBER = ['"1"', "true", "false", "1.9", "1.0", "1e0", "null", '""', "[]", "[1]", "{}"]
NOT_A_BOOL = ['"true"', "1", "0", "1.0", "null", '""', "[]", '"on"']
NOT_A_STRING = ["1", "1.5", "true", "null", "[]", '["a"]', "{}"]
BLANK = ["", " ", "\u00a0\u2003", "\u200b", "\u200b\u200d\ufeff", "\u2060", "\u3000"]
FORBIDDEN = [
    "\0", "a\0b", "a\x1b[31mb", "a\nb", "a\r\nb", "a\tb", "a\x7fb", "a\x85b",
    "a\u202eb", "a\u2066b", "a\u200eb", "a\u061cb", "\ud800", "a\udc00b", "\udc00\ud800",
]  # fmt: skip


@pytest.fixture
def api():
    return api_with_key(can_manage=True)


@pytest.fixture
def source():
    return SourceFactory()


@pytest.fixture
def operator():
    return OperatorFactory()


def raw_with(body, field, literal):
    """Return the body as JSON with `literal`, as it is, for the value of `field`."""
    text = json.dumps(body | {field: "HERE"})
    return text.replace('"HERE"', literal).encode()


def assert_refused(response, field, *codes):
    status, code, errors = refusal(response)
    assert (status, code, set(errors)) == (422, "invalid_request", {field})
    assert errors[field] in codes


# Whole numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("literal", NOT_A_NUMBER)
def test_only_whole_numbers_are_whole_numbers(api, source, operator, literal):
    pair = {"operator_id": operator.pk, "source_id": source.pk}
    cases = [
        ("operators/", {"name": "x"}, "max_load"),
        ("operator-sources/", pair, "operator_id"),
        ("operator-sources/", pair, "source_id"),
        ("operator-sources/", pair, "weight"),
        ("distribution/config/", {"operators": []}, "source_id"),
    ]
    if literal != "null":  # a contact's source may be left out
        cases.append(("contacts/", {"external_id": "a"}, "source_id"))
    for path, body, field in cases:
        assert_refused(api.post(path, raw=raw_with(body, field, literal)), field, "wrong_type")
    member = raw_with({"operator_id": operator.pk}, "weight", literal)
    raw = b'{"source_id": %d, "operators": [%s]}' % (source.pk, member)
    response = api.post("distribution/config/", raw=raw)
    assert_refused(response, "operators.0.weight", "wrong_type")
    assert not OperatorSourceWeight.objects.exists()


@pytest.mark.parametrize(
    ("field", "low", "high"), [("max_load", 0, 2**31 - 1), ("weight", 0, 10_000)]
)
def test_ranges_of_whole_numbers(api, source, operator, field, low, high):
    path, body = {
        "max_load": ("operators/", {"name": "x"}),
        "weight": ("operator-sources/", {"operator_id": operator.pk, "source_id": source.pk}),
    }[field]
    for number in (low - 1, high + 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**99):
        assert_refused(api.post(path, body | {field: number}), field, "out_of_range")
    for number in (low, high):
        response = api.post(path, body | {field: number})
        assert response.json()[field] == number
        OperatorSourceWeight.objects.all().delete()


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**64, 10**99])
def test_ids_are_positive_and_have_64_bits(api, source, operator, number):
    pair = {"operator_id": operator.pk, "source_id": source.pk}
    for path, body, field in [
        ("operator-sources/", pair, "operator_id"),
        ("operator-sources/", pair, "source_id"),
        ("contacts/", {"external_id": "a"}, "source_id"),
        ("distribution/config/", {"operators": []}, "source_id"),
    ]:
        assert_refused(api.post(path, body | {field: number}), field, "out_of_range")


@pytest.mark.parametrize("number", [2**31, 2**63 - 1])
def test_ids_in_range_but_not_there(api, operator, number):
    response = api.post("operator-sources/", {"operator_id": operator.pk, "source_id": number})
    assert refusal(response) == (404, "source_not_found", {"source_id": "source_not_found"})


# True and false -------------------------------------------------------------------------------


@pytest.mark.parametrize("literal", NOT_A_BOOL)
@pytest.mark.parametrize("path", ["operators/", "sources/"])
def test_only_true_and_false_are_booleans(api, path, literal):
    raw = raw_with({"name": "x"}, "is_active", literal)
    assert_refused(api.post(path, raw=raw), "is_active", "wrong_type")
    assert not Operator.objects.exists()
    assert not Source.objects.exists()


# Text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("literal", NOT_A_STRING)
def test_only_strings_are_strings(api, source, operator, literal):
    cases = [
        (api.post, "operators/", {}, "name"),
        (api.patch, f"operators/{operator.pk}", {}, "name"),
        (api.post, "sources/", {}, "name"),
        (api.patch, f"sources/{source.pk}", {}, "name"),
    ]
    if literal != "null":  # everything about a contact may be left out
        contact = {"source_id": source.pk}
        for field in ("external_id", "email", "phone", "name", "message"):
            cases.append((api.post, "contacts/", contact, field))
    for call, path, body, field in cases:
        assert_refused(call(path, raw=raw_with(body, field, literal)), field, "wrong_type")


@pytest.mark.parametrize("name", BLANK)
@pytest.mark.parametrize("path", ["operators/", "sources/"])
def test_names_with_nothing_to_see(api, path, name):
    assert_refused(api.post(path, {"name": name}), "name", "blank")
    assert not Operator.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize("text", FORBIDDEN)
def test_characters_that_no_line_may_hold(api, source, operator, text):
    contact = {"source_id": source.pk, "external_id": "a"}
    for call, path, body, field in [
        (api.post, "operators/", {}, "name"),
        (api.put, f"operators/{operator.pk}", {}, "name"),
        (api.post, "sources/", {}, "name"),
        (api.post, "contacts/", contact, "external_id"),
        (api.post, "contacts/", contact, "email"),
        (api.post, "contacts/", contact, "phone"),
        (api.post, "contacts/", contact, "name"),
    ]:
        response = call(path, body | {field: text})
        assert_refused(response, field, "forbidden_character", "blank")
    assert not Contact.objects.exists()


@pytest.mark.parametrize("text", [char for char in FORBIDDEN if not set(char) & set("\n\t")])
def test_characters_that_no_message_may_hold(api, source, text):
    body = {"source_id": source.pk, "external_id": "a"}
    refused = api.post("contacts/", body | {"message": text})
    assert_refused(refused, "message", "forbidden_character")
    refused = api.post("contacts/", body | {"payload": {"a": [{"b": text}]}})
    assert_refused(refused, "payload", "forbidden_character")
    refused = api.post("contacts/", body | {"payload": {"a": [{text: 1}]}})
    assert_refused(refused, "payload", "forbidden_character")
    assert not Contact.objects.exists()


def test_message_keeps_its_lines(api, source):
    message = "  First line\r\n\tand more\n\n\u0645\u0631\u062d\u0628\u0627 \U0001f44b\u200d "
    body = {"source_id": source.pk, "external_id": "a", "message": message}
    contact = api.post("contacts/", body).json()
    assert api.get(f"contacts/{contact['id']}").json()["message"] == message


@pytest.mark.parametrize(
    ("path", "field", "longest"),
    [
        ("operators/", "name", 120),
        ("sources/", "name", 120),
        ("contacts/", "name", 120),
        ("contacts/", "external_id", 255),
        ("contacts/", "message", 10_000),
    ],
)
@pytest.mark.parametrize("letter", ["x", "\u0436", "\U0001f600"])
def test_lengths_are_counted_in_characters(api, source, path, field, longest, letter):
    body = {"source_id": source.pk, "external_id": "a"} if path == "contacts/" else {}

    def post(text):
        raw = json.dumps(body | {field: text}, ensure_ascii=False).encode()
        return api.post(path, raw=raw)

    assert_refused(post(letter * (longest + 1)), field, "too_long")
    assert post(letter * longest).status_code == 201


@pytest.mark.parametrize(("field", "length"), [("email", 255), ("phone", 41)])
def test_lengths_of_keys(api, source, field, length):
    body = {"source_id": source.pk, field: "1" * length}
    assert_refused(api.post("contacts/", body), field, "too_long")


@pytest.mark.parametrize("letter", ["\u0958", "\ufb2c", "\U0001d160"])
def test_text_that_grows_in_its_normal_form(api, source, letter):
    contact = {"source_id": source.pk, "external_id": "a"}
    grown = len(unicodedata.normalize("NFC", letter))
    assert grown > 1
    for path, body, field, longest in [
        ("operators/", {}, "name", 120),
        ("sources/", {}, "name", 120),
        ("contacts/", contact, "name", 120),
        ("contacts/", contact, "external_id", 255),
    ]:
        assert_refused(api.post(path, body | {field: letter * longest}), field, "too_long")
        assert api.post(path, body | {field: letter * (longest // grown)}).status_code == 201


def test_id_that_grows_when_its_case_is_folded(api, source):
    body = {"source_id": source.pk, "external_id": "\ufb03" * 200}  # ffi, one letter, becomes three
    assert refusal(api.post("contacts/", body)) == (422, "too_long", {"external_id": "too_long"})
    response = api.post("contacts/", body | {"external_id": "\ufb03" * 85})
    assert Lead.objects.get(pk=response.json()["lead_id"]).external_id == "ffi" * 85


def test_names_are_stored_in_their_one_spelling(api):
    answer = api.post("operators/", {"name": " \u00a0Cafe\u0301 \u3000"}).json()
    assert answer["name"] == "Caf\u00e9"


# Objects, arrays, unknown members -------------------------------------------------------------


def test_unknown_members(api, source, operator):
    pair = {"operator_id": operator.pk, "source_id": source.pk}
    for path, body in [
        ("operators/", {"name": "x"}),
        ("sources/", {"name": "y"}),
        ("operator-sources/", pair),
        ("contacts/", {"source_id": source.pk, "external_id": "a"}),
        ("distribution/config/", {"source_id": source.pk, "operators": []}),
    ]:
        for name in ("id", "Name", "", "a.b", "\0", "x" * 5_000, "__proto__"):
            status, code, errors = refusal(api.post(path, body | {name: 1}))
            assert (status, code) == (422, "invalid_request")
            assert set(errors.values()) == {"unknown_field"}
        status, _, errors = refusal(api.post(path, body | {"\ud800": 1}))
        assert (status, set(errors.values())) == (422, {"forbidden_character"})
    response = api.post("operators/", {"name": "x", "current_load": 5})
    assert_refused(response, "current_load", "unknown_field")
    body = {"operators": [{**pair, "weight": 1}]}
    response = api.put(f"sources/{source.pk}/weights/", body)
    assert_refused(response, "operators.0.source_id", "unknown_field")


@pytest.mark.parametrize("literal", ["[]", "[1]", '"a"', "1", "true", "1.5"])
def test_payload_is_an_object(api, source, literal):
    raw = raw_with({"source_id": source.pk, "external_id": "a"}, "payload", literal)
    assert_refused(api.post("contacts/", raw=raw), "payload", "wrong_type")


@pytest.mark.parametrize("literal", ["{}", '"a"', "1", "null", "[1]", '["a"]', "[null]", "[[]]"])
def test_set_of_weights_is_an_array_of_objects(api, source, literal):
    raw = raw_with({"source_id": source.pk}, "operators", literal)
    status, code, errors = refusal(api.post("distribution/config/", raw=raw))
    assert (status, code, set(errors.values())) == (422, "invalid_request", {"wrong_type"})
    assert set(errors) <= {"operators", "operators.0"}


def nested(depth, kind):
    value = 1
    for _ in range(depth):
        value = {"a": value} if kind == "object" else [value]
    return value if kind == "object" else {"a": value}


@pytest.mark.parametrize("kind", ["object", "array"])
def test_depth_of_payloads(api, source, kind):
    body = {"source_id": source.pk, "external_id": "a"}
    deepest = 19 if kind == "object" else 18
    payload = nested(deepest, kind)
    contact = api.post("contacts/", body | {"payload": payload}).json()
    assert api.get(f"contacts/{contact['id']}").json()["payload"] == payload
    for depth in (deepest + 1, 100, 254, 255, 256, 400):
        response = api.post("contacts/", body | {"payload": nested(depth, kind)})
        assert_refused(response, "payload", "too_deep")


@pytest.mark.parametrize("literal", [str(2**63), str(-(2**63)), "1" + "0" * 99])
def test_whole_numbers_of_payloads_have_64_bits(api, source, literal):
    raw = raw_with({"source_id": source.pk, "external_id": "a"}, "payload", f'{{"n": {literal}}}')
    assert_refused(api.post("contacts/", raw=raw), "payload", "out_of_range")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"": ""},
        {"n": 2**63 - 1, "m": -(2**63) + 1, "zero": 0, "minus": -5},
        {"f": 1.5, "tiny": 5e-324, "minus": -2.5e-7},
        {"text": "line\nline\t\u0436\U0001f600", "null": None, "yes": True, "no": False},
        {"\u043a\u043b\u044e\u0447": [[], {}, [[1], {"a": [None]}]]},
        {"quote\"'\\": "</script>{{ x }}%s%%"},
    ],
)
def test_payload_comes_back_as_it_was_sent(api, source, payload):
    body = {"source_id": source.pk, "external_id": "a", "payload": payload}
    contact = api.post("contacts/", body).json()
    returned = api.get(f"contacts/{contact['id']}")
    assert returned.json()["payload"] == payload
    assert api.get("contacts/").json()[0]["payload"] == payload


@pytest.mark.parametrize("number", [1e16, 1e100, -1.7976931348623157e308])
def test_great_numbers_of_payloads_keep_their_value(api, source, number):
    body = {"source_id": source.pk, "external_id": "a", "payload": {"n": number}}
    contact = api.post("contacts/", body).json()
    # PostgreSQL writes them without an exponent, which says the same to any reader of JSON.
    assert float(api.get(f"contacts/{contact['id']}").json()["payload"]["n"]) == number


# Queries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["1.0", "+1", " 1", "1_0", "0x1", "1e0", "", "-1", "true", "\u0661", "9" * 20, "null"]
)
@pytest.mark.parametrize("name", ["limit", "skip", "after", "source_id"])
def test_numbers_of_queries_are_plain_digits(api, name, value):
    response = api.get(f"contacts/?{name}={quote(value)}")
    assert_refused(response, name, "wrong_type", "out_of_range")


def test_a_query_of_thousands_of_parameters_is_refused():
    response = api_with_key().get("contacts/?" + "a&" * 4_000)
    assert refusal(response) == (400, "bad_request", {})


def test_a_bare_number_is_no_moment():
    response = api_with_key().get("contacts/?created_after=1700000000")
    assert refusal(response) == (422, "invalid_request", {"created_after": "wrong_type"})
