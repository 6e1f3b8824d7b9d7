"""Headers: content types and encodings, keys in every wrong form, idempotency keys, hosts."""

import base64
from functools import partial

from minicrm.tests.hostile.case import (
    CLOSE,
    CONTACT,
    CONTACTS,
    NEW,
    OPERATOR,
    OPERATORS,
    PERSON,
    REASSIGN,
    SOURCE,
    TAKE_NEXT,
    Case,
    shown,
)

GOOD = b'{"name": "Somebody new"}'
TYPES = [
    "", "text/plain", "text/json", "application/x-www-form-urlencoded", "application",
    "multipart/form-data; boundary=x", "application/merge-patch+json", "application/jsonp",
    "application/problem+json", "application/json, text/plain", "application/xml", "*/*",
]  # fmt: skip
CHARSETS = ["utf-16", "utf-32", "latin-1", "cp1251", "hex", "no-such-charset", "utf-8; charset=x"]
ENCODINGS = ["gzip", "br", "deflate", "zstd", "gzip, identity", "none-such"]
# What may stand in the header Authorization; TOKEN is a key that may manage.
AUTHORIZATIONS = [
    "", " ", "TOKEN", "Bearer", "Bearer ", "Bearer:TOKEN", "Bearer,TOKEN", "Bearer\tTOKEN",
    "Bearer=TOKEN", "Token TOKEN", "Digest TOKEN", "ApiKey TOKEN", "Bearerx TOKEN",
    "Bearer TOKEN TOKEN", "Bearer TOKEN, Bearer TOKEN", "Bearer TOKEN,Bearer TOKEN",
    'Bearer "TOKEN"', "Bearer 'TOKEN'", "Bearer <TOKEN>", "Bearer TOKEN;", "Bearer TOKEN\x00",
    "Bearer token=TOKEN", "Bearer mcrm_", "Bearer mcrm_000000000000_" + "A" * 43,
    "Bearer null", "Bearer undefined", "Bearer \xff\xfe", "Bearer " + "x" * 8_000,
    "Bearer ' OR 1=1 --", "Bearer %00", "Bearer ../../etc/passwd",
]  # fmt: skip
# What may be left of a key, or added to it.
MAIMED = {
    "half a key": lambda token: token[: len(token) // 2],
    "a key without its last letter": lambda token: token[:-1],
    "a key and one letter": lambda token: f"{token}A",
    "a key's prefix": lambda token: token.rpartition("_")[0],
    "a key's secret": lambda token: token.rpartition("_")[2],
    "a key in capitals": str.upper,
    "a key with its case swapped": str.swapcase,
    "a key backwards": lambda token: token[::-1],
    "a key with a blank in it": lambda token: f"{token[:20]} {token[20:]}",
    "a key in Base64": lambda token: base64.b64encode(token.encode()).decode(),
    "a key in percents": lambda token: "".join(f"%{ord(char):02x}" for char in token),
}
NAMES_OF_A_REQUEST = [
    "", " ", "a b", "a\tb", "a\0b", "a\x7fb", "\xff", "caf\xe9", "a" * 256, "a" * 8_000,
]  # fmt: skip
HOSTS = [
    "elsewhere.example", "localhost.elsewhere.example", "127.0.0.1.elsewhere.example", "",
    "localhost:port", "localhost@elsewhere.example", "localhost/x", "localhost, localhost",
    "[::2]", "[::1", "local host", "localhost\\", "\xff", "..", "http://localhost", "localhost#",
]  # fmt: skip


def unauthorized(name, **request):
    return Case(name, OPERATORS, 401, "unauthorized", raw=GOOD, **request)


CASES = [
    *(
        Case(f"Content-Type {kind!r}", OPERATORS, 415, "unsupported_media_type",
             raw=GOOD, environ={"content_type": kind})
        for kind in TYPES
    ),
    *(
        Case(f"charset {charset}", OPERATORS, 415, "unsupported_charset",
             raw=GOOD, environ={"content_type": f"application/json; charset={charset}"})
        for charset in CHARSETS[:-1]
    ),
    *(
        Case(f"Content-Encoding {encoding}", OPERATORS, 415, "unsupported_encoding",
             raw=GOOD, headers={"Content-Encoding": encoding})
        for encoding in ENCODINGS
    ),
    unauthorized("no key", key="none"),
    unauthorized("a revoked key", key="revoked"),
    *(
        unauthorized(f"Authorization: {shown(text)}", key="none",
                     authorization=partial(text.replace, "TOKEN"))
        for text in AUTHORIZATIONS
    ),
    *(
        unauthorized(name, key="none",
                     authorization=lambda token, maim=maim: f"Bearer {maim(token)}")
        for name, maim in MAIMED.items()
    ),
    Case("no key, and no JSON", OPERATORS, 401, "unauthorized", raw=b"{", key="none"),
    Case("no key, and nothing there", "GET operators/77777", 401, "unauthorized", key="none"),
    *(
        Case("a key of one source", call, 403, "key_bound_to_source", body=body, key="bound")
        for call, body in [
            (OPERATORS, NEW), ("POST sources/", NEW), (f"PATCH sources/{SOURCE}", NEW),
            (CLOSE, {}), (REASSIGN, {"operator_id": OPERATOR}), (TAKE_NEXT, {}),
            ("GET operators/", None), ("GET leads/", None), ("GET sources/", None),
            ("GET operator-sources/", None), (f"GET sources/{SOURCE}/weights/", None),
        ]
    ),
    Case("a key of another source", f"GET contacts/{CONTACT}", 404, "contact_not_found",
         key="foreign"),
    Case("a key of another source", CONTACTS, 404, "source_not_found",
         {"source_id": "source_not_found"}, body=PERSON, key="foreign"),
    *(
        Case(f"Idempotency-Key {len(name)}: {shown(name)}", call, 422, "bad_idempotency_key",
             {"Idempotency-Key": "bad_idempotency_key"}, body=body,
             headers={"Idempotency-Key": name})
        for name in NAMES_OF_A_REQUEST
        for call, body in [(CONTACTS, PERSON), (CLOSE, {})]
    ),
    *(
        Case(f"Host: {shown(host)}", call, 400, "bad_request", raw=GOOD, headers={"Host": host})
        for host in HOSTS
        for call in (OPERATORS, "GET operators/")
    ),
]  # fmt: skip
