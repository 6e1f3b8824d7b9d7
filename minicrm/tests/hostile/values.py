"""Truth values, texts, choices, arrays and members that are not what they should be."""

from minicrm.tests.hostile.case import (
    CLOSE,
    CONFIG,
    CONTACTS,
    NEW,
    OPERATOR,
    OPERATORS,
    PAIR,
    PAIRS,
    PERSON,
    REASSIGN,
    SET,
    SOURCE,
    SOURCES,
    SWITCH_OFF,
    TAKE_NEXT,
    Case,
    invalid,
    literal,
)

TO = {"operator_id": OPERATOR}
NOT_TRUE = ['"true"', "1", "0", "1.0", "null", '""', "[]", '"on"']
NOT_TEXT = ["1", "1.5", "true", "[]", '["a"]', "{}"]
NOT_OBJECT = ["[]", '"a"', "1", "true"]
NOT_ARRAY = ["{}", '"a"', "1", "null"]
KEYS = ("external_id", "email", "phone")


def of_type(places, literals):
    """Return the cases of values of another type at these places."""
    return [
        invalid(f"{at} = {text}", call, at, "wrong_type", raw=literal(body, at, text))
        for call, body, at in places
        for text in literals
    ]


def deep(levels):
    """Return an object of so many levels."""
    value = 1
    for _ in range(levels):
        value = {"a": value}
    return value


TRUTHS = [
    (OPERATORS, NEW, "is_active"),
    (SOURCES, NEW, "is_active"),
    (REASSIGN, TO, "over_limit"),
    (TAKE_NEXT, {}, "over_limit"),
]
TEXTS = [
    (OPERATORS, {}, "name"),
    (f"PATCH operators/{OPERATOR}", {}, "name"),
    (SOURCES, {}, "name"),
    (CLOSE, {}, "reason"),
    *((CONTACTS, PERSON, name) for name in (*KEYS, "name", "message")),
]
BODIES = [
    (OPERATORS, NEW), (f"PUT operators/{OPERATOR}", NEW), (f"PATCH operators/{OPERATOR}", {}),
    (SOURCES, NEW), (f"PUT sources/{SOURCE}", NEW), (f"PATCH sources/{SOURCE}", {}),
    (PAIRS, PAIR), (CONFIG, {"source_id": SOURCE, "operators": []}), (SET, {"operators": []}),
    (CONTACTS, PERSON), (CLOSE, {}), (REASSIGN, TO), (TAKE_NEXT, {}),
    (SWITCH_OFF, {"open_contacts": "keep"}),
]  # fmt: skip
UNKNOWN = ["id", "current_load", "Name", "name ", "__proto__", "constructor", "a.b", "\0", ""]

CASES = [
    *of_type(TRUTHS, NOT_TRUE),
    *of_type(TEXTS, NOT_TEXT),
    *of_type([(CONTACTS, PERSON, "payload")], NOT_OBJECT),
    *of_type([(CONFIG, {"source_id": SOURCE}, "operators"), (SET, {}, "operators")], NOT_ARRAY),
    *of_type([(CONFIG, {"source_id": SOURCE, "operators": [0]}, "operators.0")[:3]], []),
    *(
        invalid(
            f"open_contacts = {text}", SWITCH_OFF, "open_contacts", code,
            raw=literal({}, "open_contacts", text),
        )
        for text, code in [
            ('"burn"', "unknown_value"), ('"KEEP"', "unknown_value"), ('" keep"', "unknown_value"),
            ('""', "unknown_value"), ("1", "unknown_value"), ("null", "unknown_value"),
            ('["keep"]', "unknown_value"),
        ]
    ),
    *(invalid("a member nobody knows", call, "colour", "unknown_field", body=body | {"colour": 1})
      for call, body in BODIES),
    *(
        invalid(f"the member {name!a}", OPERATORS, name or "body", "unknown_field",
                body=NEW | {name: 1})
        for name in UNKNOWN if name
    ),
    invalid("nothing at all", OPERATORS, "name", "required", body={}),
    invalid("nothing at all", SOURCES, "name", "required", body={}),
    invalid("nothing at all", SWITCH_OFF, "open_contacts", "required", body={}),
    Case("no key of a person", CONTACTS, 422, "lead_key_required", body={"source_id": SOURCE}),
    Case("no source", CONTACTS, 422, "required", {"source_id": "required"},
         body={"external_id": "somebody-new"}),
    *(
        Case(f"blank {name}", CONTACTS, 422, "lead_key_required",
             body={"source_id": SOURCE, name: " \u200b\u3164"})
        for name in KEYS
    ),
    *(
        Case(f"e-mail {email[:20]}", CONTACTS, 422, "invalid_email", {"email": "invalid_email"},
             body={"source_id": SOURCE, "email": email})
        for email in ("lead", "@example.com", "a@b@example.com", "a b@example.com", "a@example",
                      "a@-example.com", "a@exa_mple.com", "a@[127.0.0.1]", '"a"@example.com',
                      "a..b@example.com")
    ),
    *(
        Case(f"phone {phone[:20]}", CONTACTS, 422, "invalid_phone", {"phone": "invalid_phone"},
             body={"source_id": SOURCE, "phone": phone})
        for phone in ("1", "+", "phone", "+999 123 456 789", "+44 20 7946 0123 4567 8901", "0" * 40)
    ),
    invalid("the same operator twice", CONFIG, "operators", "duplicate",
            body={"source_id": SOURCE, "operators": [TO | {"weight": n} for n in (1, 2)]}),
    invalid("1,001 operators", CONFIG, "operators", "too_long",
            body={"source_id": SOURCE, "operators": [{"operator_id": n} for n in range(1, 1002)]}),
    invalid("21 levels", CONTACTS, "payload", "too_deep", body=PERSON | {"payload": deep(21)}),
    invalid("250 levels", CONTACTS, "payload", "too_deep", body=PERSON | {"payload": deep(250)}),
    *(
        invalid(f"payload with {number}", CONTACTS, "payload", "out_of_range",
                body=PERSON | {"payload": {"n": [number]}})
        for number in (2**63, 2**64, -(2**63))
    ),
    Case("over the limit without a reason", REASSIGN, 422, "reason_required",
         {"reason": "reason_required"}, body=TO | {"over_limit": True, "reason": " \u3164"}),
]  # fmt: skip
