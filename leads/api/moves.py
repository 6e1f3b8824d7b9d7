"""/contacts/{id}/close/ and the other moves of a contact, for keys that may manage."""

from collections.abc import Callable
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router
from pydantic import ConfigDict

from distribution.authentication import actor_of, require_manage
from leads import services
from leads.api.answers import MovedOut, MoveProblemOut
from leads.api.kept import completed, kept
from leads.api.once import described, done_once
from leads.models import REASON_LENGTH
from leads.services import Moved
from minicrm.patterns import visible_pattern
from minicrm.responses import responses
from minicrm.schemas import LEFT_OUT, ObjectId, OptionalLine, RequestSchema

router = Router(tags=["Contacts"])

MAX_VERSION = 2**31 - 1

MOVED = responses({200: MovedOut}, 404, body=True) | {409: MoveProblemOut}
HEADER = described("close-1001")

Version = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_VERSION,
        examples=[1],
        description="The contact's `version` as you read it: if it has another now, you get 409",
    ),
]
Reason = Annotated[
    OptionalLine,
    Field(max_length=REASON_LENGTH, examples=["Answered by phone"], description="For the history"),
]

OverLimit = Annotated[
    bool,
    Field(
        examples=[False],
        description="Even if the operator is at their limit; then `reason` is required",
    ),
]


class MoveIn(RequestSchema):
    """A move; the body may be left out altogether."""

    version: Version = LEFT_OUT
    reason: Reason = ""


def with_reason_over_limit(schema: dict[str, Any]) -> None:
    """Let the document say that over the limit there must be a reason."""
    within = {"properties": {"over_limit": {"const": False}}}
    because = {"required": ["reason"], "properties": {"reason": {"pattern": visible_pattern()}}}
    schema["anyOf"] = [within, because]


class ReassignIn(RequestSchema):
    """To whom a contact is given."""

    model_config = ConfigDict(json_schema_extra=with_reason_over_limit)

    operator_id: ObjectId = Field(examples=[1])
    version: Version = LEFT_OUT
    over_limit: OverLimit = False
    reason: Reason = ""


NO_BODY = MoveIn()


@router.post("/{int:contact_id}/close/", response=MOVED, openapi_extra=HEADER)
def close_contact(
    request: HttpRequest, response: HttpResponse, contact_id: ObjectId, move: MoveIn = NO_BODY
) -> dict[str, Any]:
    """Close a contact, waiting or assigned. Its place goes to whoever has waited longest."""
    return _move(request, response, contact_id, "close", services.close_contact, move)


@router.post("/{int:contact_id}/reopen/", response=MOVED, openapi_extra=HEADER)
def reopen_contact(
    request: HttpRequest, response: HttpResponse, contact_id: ObjectId, move: MoveIn = NO_BODY
) -> dict[str, Any]:
    """Open a closed contact again.

    It goes to its last operator if they are available, else to another as at its arrival, else it
    waits, at its old place in the queue.
    """
    return _move(request, response, contact_id, "reopen", services.reopen_contact, move)


@router.post("/{int:contact_id}/requeue/", response=MOVED, openapi_extra=HEADER)
def requeue_contact(
    request: HttpRequest, response: HttpResponse, contact_id: ObjectId, move: MoveIn = NO_BODY
) -> dict[str, Any]:
    """Take a contact from its operator and put it back into the queue, at its old place.

    If somebody is available it goes to them at once, perhaps to the same operator.
    """
    return _move(request, response, contact_id, "requeue", services.requeue_contact, move)


@router.post("/{int:contact_id}/reassign/", response=MOVED, openapi_extra=HEADER)
def reassign_contact(
    request: HttpRequest, response: HttpResponse, contact_id: ObjectId, move: ReassignIn
) -> dict[str, Any]:
    """Give an open contact to the operator named, whatever the weights say."""
    return _move(request, response, contact_id, "reassign", services.reassign_contact, move)


def _move(
    request: HttpRequest,
    response: HttpResponse,
    contact_id: int,
    name: str,
    service: Callable[..., Moved],
    move: MoveIn | ReassignIn,
) -> dict[str, Any]:
    """Do a move, once if the caller wants it so, and return the answer."""
    require_manage(request)
    given = move.model_dump()

    def work() -> dict[str, Any]:
        return kept(service(contact_id, actor=actor_of(request), **given))

    route = f"POST /contacts/{contact_id}/{name}/"
    return completed(done_once(request, response, route, given, work))
