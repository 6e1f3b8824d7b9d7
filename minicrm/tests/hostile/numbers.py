"""Whole numbers of bodies: what only looks like one, and both ends of each range."""

from minicrm.tests.hostile.case import (
    CLOSE,
    CONFIG,
    CONTACT,
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
    TAKE_NEXT,
    WEIGHT,
    invalid,
    literal,
)

ID = (1, 2**63 - 1)
LIMIT = (0, 2**31 - 1)
SHARE = (0, 10_000)
VERSION = (1, 2**31 - 1)
ONE = [{"operator_id": OPERATOR, "weight": 1}]
# Every whole number that the API takes in a body: where, in what, and its range.
NUMBERS = [
    (OPERATORS, NEW, "max_load", LIMIT),
    (f"PUT operators/{OPERATOR}", NEW, "max_load", LIMIT),
    (f"PATCH operators/{OPERATOR}", {}, "max_load", LIMIT),
    (PAIRS, PAIR, "operator_id", ID),
    (PAIRS, PAIR, "source_id", ID),
    (PAIRS, PAIR, "weight", SHARE),
    (f"PATCH operator-sources/{WEIGHT}", {}, "weight", SHARE),
    (CONFIG, {"operators": ONE}, "source_id", ID),
    (CONFIG, {"source_id": SOURCE, "operators": ONE}, "operators.0.operator_id", ID),
    (CONFIG, {"source_id": SOURCE, "operators": ONE}, "operators.0.weight", SHARE),
    (SET, {"operators": ONE}, "operators.0.operator_id", ID),
    (SET, {"operators": ONE}, "operators.0.weight", SHARE),
    (CONTACTS, PERSON, "source_id", ID),
    (CLOSE, {}, "version", VERSION),
    (f"POST contacts/{CONTACT}/requeue/", {}, "version", VERSION),
    (f"POST contacts/{CONTACT}/reopen/", {}, "version", VERSION),
    (REASSIGN, {"operator_id": OPERATOR}, "operator_id", ID),
    (REASSIGN, {"operator_id": OPERATOR}, "version", VERSION),
    (TAKE_NEXT, {}, "source_id", ID),
    (TAKE_NEXT, {}, "expected_id", ID),
]
NOT_WHOLE = ['"1"', "true", "1.9", "1.0", "1e2", "[1]", "{}", '""']
MANY = ["false", "null", "1E0", "-0.0", '"0x1"', '"\u0661"', '" 1"']
ENDS = [2**31, 2**63, 2**64, -(2**31) - 1, -(2**63) - 1, -(2**64), 10**99, 10**399]


def outside(low, high):
    """Return the numbers next to a range, and those that computers count up to."""
    return sorted({low - 1, high + 1, *(end for end in ENDS if not low <= end <= high)})


def power(number):
    """Return a number as people say it."""
    return str(number) if abs(number) < 2**40 else f"{number:.2e}" if number < 10**300 else "10^399"


CASES = [
    *(
        invalid(f"{at} = {text}", call, at, "wrong_type", raw=literal(body, at, text))
        for call, body, at, _range in NUMBERS
        for text in [*NOT_WHOLE, *(MANY if call == OPERATORS else [])]
    ),
    *(
        invalid(
            f"{at} = {power(number)}", call, at, "out_of_range",
            raw=literal(body, at, str(number)),
        )
        for call, body, at, (low, high) in NUMBERS
        for number in outside(low, high)
    ),
]  # fmt: skip
