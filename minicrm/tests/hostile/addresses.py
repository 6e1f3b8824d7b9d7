"""Methods, paths, queries and pagination: 404, 405, 422, and 400 for what Django will not read."""

from urllib.parse import quote

from minicrm.tests.hostile.case import CONTACT, LEAD, OPERATOR, SOURCE, WEIGHT, Case, invalid

METHODS = {
    "operators/": "GET POST",
    f"operators/{OPERATOR}": "GET PUT PATCH",
    f"operators/{OPERATOR}/switch-off/": "POST",
    f"operators/{OPERATOR}/take-next/": "POST",
    "sources/": "GET POST",
    f"sources/{SOURCE}": "GET PUT PATCH",
    f"sources/{SOURCE}/weights/": "GET PUT",
    "operator-sources/": "GET POST",
    f"operator-sources/{WEIGHT}": "PATCH DELETE",
    "distribution/config/": "POST",
    "contacts/": "GET POST",
    f"contacts/{CONTACT}": "GET",
    f"contacts/{CONTACT}/close/": "POST",
    f"contacts/{CONTACT}/reassign/": "POST",
    "leads/": "GET",
    f"leads/{LEAD}": "GET",
    "openapi.json": "GET HEAD",
    "docs": "GET HEAD",
}
UNKNOWN_METHODS = [
    "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "BREW", "DELETE", "QUERY", "GETS", "G" * 500,
]  # fmt: skip
NOWHERE = [
    "/api/", "/api/v1/", "/api/v0/operators/", "/api/v1/nothing/", "/api/v1//operators/",
    "/api/v1/operators", "/api/v1/operators//", "/api/v1/operators/1/2/", "/api/v1/Operators/",
    "/api/v1/operators/one", "/api/v1/operators/-1", "/api/v1/operators/1.0",
    "/api/v1/operators/1e3", "/api/v1/operators/+1", "/api/v1/operators/0x1",
    "/api/v1/operators/%31%00", "/api/v1/operators/%00", "/api/v1/operators/%0d%0a",
    "/api/v1/operators/%FF", "/api/v1/operators/%C0%AE%C0%AE", "/api/v1/operators/%ED%A0%80",
    "/api/v1/operators/%E2%80%AE", "/api/v1/operators/%zz", "/api/v1/operators/%",
    "/api/v1/operators/..%2f..%2fadmin%2f", "/api/v1/operators/%2e%2e/", "/api/v1/../admin/",
    "/api/v1/operators/..%5c..%5cetc", "/api/v1/operators/%252e%252e%252f",
    "/api/v1/operators/;a=b", "/api/v1/operators/1;a=b", "/api/v1/operators/1%20",
    "/api/v1/operators/%D9%A1", "/api/v1/operators/null", "/api/v1/operators/" + "9" * 5_000,
    "/api/v1/operators/" + "a/" * 2_000, "/api/v1/operators/'%20OR%201=1--",
    "/api/v1/operators/<script>", "/api/v1/docs/", "/api/v1/openapi.json/", "/api/v1/static/x",
    "/api/http://localhost/api/v1/operators/", "/api/%2e%2e/admin/",
]  # fmt: skip
NO_ID = [0, 2**63, 2**64, 10**30, 10**99]
NOT_THERE = [77_777, 2**31, 2**32, 2**63 - 1]
OBJECTS = {
    "operators/{}": "operator_not_found",
    "sources/{}": "source_not_found",
    "sources/{}/weights/": "source_not_found",
    "contacts/{}": "contact_not_found",
    "leads/{}": "lead_not_found",
}
LISTS = ["operators/", "sources/", "operator-sources/", "contacts/", "leads/"]
NO_DIGITS = [
    "", " ", " 1", "1 ", "+1", "-1", "1.0", "1e2", "0x1", "1_0", "true", "null", "NaN", "one",
    "\u0661", "\uff11", "1\0", "1\n", "1,2", "[1]", "9" * 20, "9" * 5_000,
]  # fmt: skip
RANGES = {"limit": (1, 1_000), "skip": (0, 10_000), "after": (0, 2**63 - 1)}
TEXTS = ["", " ", "\u200b", "\u3164", "a\0b", "a\x1bb", "a\u202eb"]
MOMENTS = [
    "1700000000", "yesterday", "2030-13-01", "2030-02-30", "2030-01-01T25:00:00Z", "", "0",
    "2030-01-01T00:00:00+99:00", "-2030-01-01", "2030-01-01'--", "99999-01-01", "2030-01-01\0",
]  # fmt: skip


def asked(path, name, value):
    return f"GET {path}?{name}={quote(value)}"


CASES = [
    *(
        Case(f"{method[:9]}", f"{method} {path}", 405, "method_not_allowed", raw=b"{}")
        for path, allowed in METHODS.items()
        for method in UNKNOWN_METHODS
        if method not in allowed.split()
    ),
    *(
        Case(f"{method} to nowhere", f"{method} {path}", 404, "not_found", raw=b"{}")
        for path in NOWHERE
        for method in ("GET", "POST")
    ),
    *(
        Case(f"no id {number:.3g}", f"GET {path.format(number)}", 404, "not_found")
        for path in OBJECTS
        for number in NO_ID
    ),
    *(
        Case(f"nobody's id {number:.3g}", f"GET {path.format(number)}", 404, code)
        for path, code in OBJECTS.items()
        for number in NOT_THERE
    ),
    *(
        invalid(f"{name} = {ascii(value)[:20]}", asked("operators/", name, value), name,
                "out_of_range" if value == "9" * 19 else "wrong_type")
        for name in RANGES
        for value in NO_DIGITS
    ),
    *(
        invalid(f"{name} = {number}", asked(path, name, str(number)), name, "out_of_range")
        for name, (low, high) in RANGES.items()
        for number in sorted({low - 1, high + 1, 2**63, 2**31} - {-1})
        if not low <= number <= high
        for path in LISTS
    ),
    *(
        invalid(f"{name} = {value}", asked(path, name, value), name,
                "out_of_range" if len(value) < 20 else "wrong_type")
        for name in ("source_id", "operator_id")
        for path in ("contacts/", "operator-sources/")
        for value in ("0", str(2**63), str(2**64))
    ),
    *(
        invalid(f"{name} = {value!a}", asked("leads/", name, value), name,
                "forbidden_character" if "a" in value else "blank")
        for name in ("external_id", "email", "phone")
        for value in TEXTS
    ),
    *(
        invalid(f"{name} of {length}", asked("leads/", name, "1" * length), name, "too_long")
        for name, length in [("external_id", 256), ("email", 255), ("phone", 41)]
    ),
    *(
        invalid(f"created_after = {value!a}", asked("contacts/", "created_after", value),
                "created_after", None)
        for value in MOMENTS
    ),
    *(
        invalid(f"status = {value!r}", asked("contacts/", "status", value), "status",
                "unknown_value")
        for value in ("", "Waiting", "waiting ", "open", "0", "waiting\0")
    ),
    invalid("include = everything", asked(f"contacts/{CONTACT}", "include", "everything"),
            "include", "unknown_value"),
    *(
        invalid(f"the parameter {name!r}", f"GET {path}?{name}=1", at, "unknown_field")
        for name, at in [("colour", "colour"), ("Limit", "Limit"), ("limit%20", "limit "),
                         ("limit[]", "limit[]"), ("%00", "\0"), ("offset", "offset")]
        for path in ("operators/", f"contacts/{CONTACT}")
    ),
    *(invalid("twice", f"GET {path}?limit=1&limit=1", "limit", "repeated") for path in LISTS),
    Case("4,000 parameters", "GET contacts/?" + "a&" * 4_000, 400, "bad_request"),
]  # fmt: skip
