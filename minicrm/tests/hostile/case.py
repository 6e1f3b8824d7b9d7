"""One row of a table: a request, and the answer that it must get."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# The objects that requests name; `world` makes them.
OPERATOR, SOURCE, WEIGHT, CONTACT, LEAD = 1001, 2001, 3001, 4001, 5001
OPERATORS, SOURCES, PAIRS = "POST operators/", "POST sources/", "POST operator-sources/"
CONTACTS, CONFIG = "POST contacts/", "POST distribution/config/"
SET = f"PUT sources/{SOURCE}/weights/"
CLOSE, REASSIGN = f"POST contacts/{CONTACT}/close/", f"POST contacts/{CONTACT}/reassign/"
TAKE_NEXT = f"POST operators/{OPERATOR}/take-next/"
SWITCH_OFF = f"POST operators/{OPERATOR}/switch-off/"
PAIR = {"operator_id": OPERATOR, "source_id": SOURCE}
PERSON = {"source_id": SOURCE, "external_id": "somebody-new"}
NEW = {"name": "Somebody new"}


@dataclass(frozen=True)
class Case:
    """A request by its name, and its refusal: status, code, and the fields at fault."""

    name: str
    call: str  # method and path, under /api/v1/ unless it begins with a slash
    status: int
    code: str
    errors: dict[str, str] = field(default_factory=dict)
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    environ: dict[str, Any] = field(default_factory=dict)
    key: str = "manages"  # or "bound" to a source, "foreign", "revoked", "none"
    # Of a key that manages, what the header Authorization is to be.
    authorization: Callable[[str], str] | None = None

    def send(self, api, world):
        """Send it, and return the answer; `Api` has checked what holds for every answer."""
        method, path = self.call.split(" ", 1)
        headers = dict(self.headers)
        if self.authorization:
            headers["Authorization"] = self.authorization(world.key("manages"))
        return api.request(method, path, self.body, raw=self.raw, headers=headers, **self.environ)

    def __str__(self):
        return f"{self.call}: {self.name}"


def invalid(name, call, at, code, **request):
    """Return a case of a body or query with one field at fault."""
    return Case(name, call, 422, "invalid_request", {at: code}, **request)


def literal(body, at, text):
    """Return the body as JSON with `text`, as it is, for the value at a path like `a.0.b`."""
    body, *steps = copy.deepcopy(body), *at.split(".")
    place = body
    for step in steps[:-1]:
        place = place[int(step) if step.isdigit() else step]
    place[steps[-1]] = "HERE"
    return json.dumps(body).replace('"HERE"', text).encode()


def shown(text):
    """Return a text as a test's name can hold it."""
    return ascii(text)[1:-1][:40] if text else "empty"
