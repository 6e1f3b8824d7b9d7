"""Bodies that are no JSON, no UTF-8, too deep, or too large: 400 or 413."""

import gzip

from minicrm.tests.hostile.case import CONTACTS, OPERATORS, PERSON, Case, invalid, literal

GOOD = b'{"name": "Somebody new"}'
NOT_JSON = {
    "empty": b"",
    "a blank": b" ",
    "a line break": b"\r\n",
    "NUL": b"\0",
    "unfinished": b'{"name": "x"',
    "unfinished text": b'{"name": "x',
    "a form": b"name=x",
    "XML": b"<name>x</name>",
    "single quotes": b"{'name': 'x'}",
    "names without quotes": b'{name: "x"}',
    "a comma too many": b'{"name": "x",}',
    "a comment": b'{"name": "x"} // x',
    "two values": b'{"name": "x"} {}',
    "lines of JSON": b'{"name": "x"}\n{"name": "y"}',
    "doubled member": b'{"name": "a", "name": "b"}',
    "doubled member with one value": b'{"name": "a", "name": "a"}',
    "doubled deep inside": b'{"name": "a", "x": [{"b": 1, "b": 1}]}',
    "doubled by an escape": b'{"name": "a", "\\u006eame": "b"}',
    "doubled half of a pair": b'{"\\ud800": 1, "\\ud800": 2}',
    "NaN": b'{"name": "x", "max_load": NaN}',
    "Infinity": b'{"name": "x", "max_load": Infinity}',
    "-Infinity": b'{"name": "x", "max_load": -Infinity}',
    "1e999": b'{"name": "x", "max_load": 1e999}',
    "-1e999": b'{"name": "x", "max_load": -1e999}',
    "a number of 6,000 digits": b'{"name": "x", "max_load": %s}' % (b"9" * 6_000),
    "minus 6,000 digits": b'{"name": "x", "max_load": -%s}' % (b"9" * 6_000),
    "401 digits": b'{"name": "x", "max_load": %s}' % (b"9" * 401),
    "a leading zero": b'{"name": "x", "max_load": 01}',
    "a plus": b'{"name": "x", "max_load": +1}',
    "hexadecimal": b'{"name": "x", "max_load": 0x10}',
    "a bare fraction": b'{"name": "x", "max_load": .5}',
    "digits of another script": '{"name": "x", "max_load": \u0661}'.encode(),
    "True": b'{"name": "x", "is_active": True}',
    "None": b'{"name": None}',
    "unknown escape": b'{"name": "\\x41"}',
    "half an escape": b'{"name": "\\u12"}',
    "a raw line break in a text": b'{"name": "a\nb"}',
    "a raw tab in a text": b'{"name": "a\tb"}',
    "a raw NUL in a text": b'{"name": "a\0b"}',
    "a raw ESC in a text": b'{"name": "a\x1bb"}',
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "UTF-16, high byte first": GOOD.decode().encode("utf-16-be"),
    "UTF-32": GOOD.decode().encode("utf-32-le"),
    "arrays 20,000 deep": b'{"name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "arrays that never end": b"[" * 60_000,
    "objects 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
}
NOT_UTF_8 = {
    "no byte of UTF-8": b'{"name": "\xff"}',
    "a lone continuation": b'{"name": "\x80"}',
    "an unfinished letter": b'{"name": "\xe2\x82"}',
    "an overlong NUL": b'{"name": "\xc0\x80"}',
    "an overlong slash": b'{"name": "\xc0\xaf"}',
    "half of a pair": b'{"name": "\xed\xa0\x80"}',
    "above U+10FFFF": b'{"name": "\xf4\x90\x80\x80"}',
    "Latin-1": '{"name": "J\xfcrgen"}'.encode("latin-1"),
    "Windows-1251": '{"name": "\u0418\u0432\u0430\u043d"}'.encode("cp1251"),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-32 with a mark": GOOD.decode().encode("utf-32"),
    "compressed": gzip.compress(GOOD, mtime=0),
}
NO_OBJECT = {
    "an array": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
}


def large(length):
    """Return a contact that takes so many bytes."""
    frame = literal(PERSON | {"message": ""}, "message", '""')
    return frame.replace(b'""', b'"%s"' % (b"x" * (length - len(frame))))


CASES = [
    *(Case(name, OPERATORS, 400, "not_json", raw=raw) for name, raw in NOT_JSON.items()),
    *(Case(name, OPERATORS, 400, "bad_encoding", raw=raw) for name, raw in NOT_UTF_8.items()),
    *(invalid(name, OPERATORS, "body", "wrong_type", raw=raw) for name, raw in NO_OBJECT.items()),
    Case("empty", CONTACTS, 400, "not_json", raw=b""),
    Case("one byte too many", CONTACTS, 413, "body_too_large", raw=large(65_537)),
    Case("a megabyte", CONTACTS, 413, "body_too_large", raw=large(1_000_000)),
    *(
        Case(
            f"{length} bytes announced", CONTACTS, 413, "body_too_large",
            raw=b"{}", environ={"CONTENT_LENGTH": length},
        )
        for length in ("65537", str(2**31), str(2**63), str(2**64), "9" * 300)
    ),
    *(
        Case(
            f"Content-Length {length}", OPERATORS, 400, "bad_content_length",
            raw=GOOD, environ={"CONTENT_LENGTH": length},
        )
        for length in ("-1", "+24", "1_0", "24.0", "0x18", "24, 24", "many", "\u0661")
    ),
    Case(
        "of unknown length", OPERATORS, 411, "length_required",
        raw=GOOD, headers={"Transfer-Encoding": "chunked"},
    ),
]  # fmt: skip
