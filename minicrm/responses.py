"""The error answers of the API's operations, as its OpenAPI document lists them."""

from typing import Any

from minicrm.problems import ProblemOut

# What any operation may answer: key, rate, breakdown.
COMMON = (401, 403, 429, 500, 503)
# What any operation with a body may answer besides.
BODY = (400, 411, 413, 415, 422)


def responses(success: dict[int, Any], *statuses: int, body: bool = False) -> dict[int, Any]:
    """Return ninja's response map: the success, the common errors, and further `statuses`."""
    errors = {*COMMON, *statuses, *(BODY if body else ())}
    return success | dict.fromkeys(sorted(errors), ProblemOut)
