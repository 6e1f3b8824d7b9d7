"""The `Idempotency-Key` header: a request that is sent again happens once."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from distribution.authentication import key_of
from leads.services.idempotency import Once, run_once
from minicrm.errors import Invalid
from minicrm.transactions import retried

NAME = "Idempotency-Key"
ALLOWED = re.compile(r"[\x21-\x7e]{1,255}")


def described(example: str) -> dict[str, Any]:
    """Return the header as the OpenAPI document has it; ninja does not know that we read it."""
    header = {
        "in": "header",
        "name": NAME,
        "required": False,
        "schema": {"type": "string", "pattern": f"^{ALLOWED.pattern}$"},
        "description": (
            "Your name for this request, in visible ASCII. Sent again with the same body, the"
            " first answer comes again, with `Idempotency-Replayed: true`, and nothing happens"
            " twice. Kept for at least 24 hours."
        ),
        "example": example,
    }
    return {"parameters": [header]}


def once_of(request: HttpRequest, route: str) -> Once | None:
    """Return the name under which the caller's key wants this done once; None for no wish.

    Raises Invalid for a header that is no name.
    """
    key = request.headers.get(NAME)
    if key is None:
        return None
    if not ALLOWED.fullmatch(key):
        raise Invalid(
            "bad_idempotency_key", "Must be 1 to 255 visible ASCII characters.", field=NAME
        )
    return Once(scope=f"api_key:{key_of(request).pk}:{route}", key=key)


def done_once(
    request: HttpRequest,
    response: HttpResponse,
    route: str,
    given: dict[str, Any],
    work: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Do a piece of work in a transaction, once if the caller wants it so; return its answer.

    `given` is what makes two requests to the route equal; the answer must be JSON.
    """
    answer, replayed = retried(run_once)(once_of(request, route), given, work)
    if replayed:
        response["Idempotency-Replayed"] = "true"
    return answer
