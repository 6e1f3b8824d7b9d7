"""Characters that no text may hold, texts with nothing to see, texts that are too long."""

from minicrm.tests.hostile.case import (
    CLOSE,
    CONTACTS,
    OPERATOR,
    OPERATORS,
    PERSON,
    SOURCE,
    SOURCES,
    invalid,
    shown,
)

NAMES = [
    (OPERATORS, {}, "name", 120),
    (f"PUT operators/{OPERATOR}", {}, "name", 120),
    (f"PATCH operators/{OPERATOR}", {}, "name", 120),
    (SOURCES, {}, "name", 120),
    (f"PUT sources/{SOURCE}", {}, "name", 120),
    (f"PATCH sources/{SOURCE}", {}, "name", 120),
]
LINES = [
    *NAMES[::3],
    (CLOSE, {}, "reason", 500),
    (CONTACTS, PERSON, "external_id", 255),
    (CONTACTS, PERSON, "email", 254),
    (CONTACTS, PERSON, "phone", 40),
    (CONTACTS, PERSON, "name", 120),
]
IN_NO_LINE = ["a\0b", "a\r\nb", "a\nb", "a\tb", "a\x1b[31mb", "a\x7fb", "a\x85b"]
IN_NO_TEXT = ["a\0b", "a\x1b[31mb", "a\x08b", "a\x0bb"]
BIDI = ["a\u202eb", "a\u2066b\u2069", "a\u200fb", "a\u061cb"]
HALVES = ["a\ud800", "a\udc00b", "a\udc00\ud800"]
BLANK = [
    "", " ", "\u00a0\u2003", "\u200b", "\u200b\u200d\ufeff", "\u2060", "\u3000", "\u3164",
    "\u115f\u1160", "\uffa0", "\u2800", "\ufe0f", "\u034f", "\u17b4", "\U000e0041", "\u180b\u3164",
]  # fmt: skip

CASES = [
    *(
        invalid(f"{at} {shown(text)}", call, at, "forbidden_character", body=body | {at: text})
        for call, body, at, _longest in LINES
        for text in [*IN_NO_LINE, *BIDI, *HALVES]
    ),
    *(
        invalid(f"message {shown(text)}", CONTACTS, "message", "forbidden_character",
                body=PERSON | {"message": text})
        for text in [*IN_NO_TEXT, *BIDI, *HALVES]
    ),
    *(
        invalid(f"payload {shown(text)}", CONTACTS, "payload", "forbidden_character",
                body=PERSON | {"payload": {"a": [{"b": text}]}})
        for text in [*IN_NO_TEXT, *BIDI, *HALVES]
    ),
    *(
        invalid(f"payload's member {shown(text)}", CONTACTS, "payload", "forbidden_character",
                body=PERSON | {"payload": {text: 1}})
        for text in [*IN_NO_LINE, *BIDI, *HALVES]
    ),
    *(
        invalid(f"blank {at} {shown(text)}", call, at, "blank", body=body | {at: text})
        for call, body, at, _longest in NAMES
        for text in (BLANK if call in (OPERATORS, SOURCES) else BLANK[-9:-7])
    ),
    *(
        invalid(f"{at} of {longest + 1}", call, at, "too_long",
                body=body | {at: "1" * (longest + 1)})
        for call, body, at, longest in [*NAMES, *LINES[2:], (CONTACTS, PERSON, "message", 10_000)]
    ),
    # One letter that is two in the normal form.
    invalid("120 letters that become 240", OPERATORS, "name", "too_long",
            body={"name": "\u0958" * 120}),
]  # fmt: skip
