"""/contacts/{id}/close/ and the other moves of a contact, for keys that may manage."""

from collections.abc import Callable
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router

from distribution.authentication import actor_of, require_manage
from leads import services
from leads.api.answers import MovedOut, contact_answer
from leads.api.once import described, once_of
from leads.models import REASON_LENGTH, Contact
from leads.services import Moved
from leads.services.idempotency import run_once
from minicrm.responses import responses
from minicrm.schemas import LEFT_OUT, ObjectId, OptionalLine, RequestSchema
from minicrm.transactions import retried, retried_read

router = Router(tags=["Contacts"])

MAX_VERSION = 2**31 - 1
# They never change, and may be personal: answers that are kept for replays leave them out.
NOT_KEPT = frozenset({"name", "message", "payload"})

MOVED = responses({200: MovedOut}, 404, 409, body=True)
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


class MoveIn(RequestSchema):
    """A move; the body may be left out altogether."""

    version: Version = LEFT_OUT
    reason: Reason = ""


class ReassignIn(RequestSchema):
    """To whom a contact is given."""

    operator_id: ObjectId = Field(examples=[1])
    version: Version = LEFT_OUT
    over_limit: bool = Field(
        False,
        examples=[False],
        description="Even if the operator is at their limit; then `reason` is required",
    )
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
        return _kept(service(contact_id, actor=actor_of(request), **given))

    once = once_of(request, f"POST /contacts/{contact_id}/{name}/")
    answer, replayed = retried(run_once)(once, given, work)
    if replayed:
        response["Idempotency-Replayed"] = "true"
    # After the commit: a busy database must not make a move that is done look undone.
    rest: dict[str, Any] = retried_read(Contact.objects.values(*NOT_KEPT).get)(pk=contact_id)
    return answer | rest


def _kept(moved: Moved) -> dict[str, Any]:
    """Return what is kept of an answer for a replay, as JSON values."""
    answer = MovedOut(**contact_answer(moved.contact), changed=moved.changed)
    return answer.model_dump(mode="json", exclude=set(NOT_KEPT))
