"""/operators/{id}/switch-off/ and /take-next/: contacts leave an operator, or go to them."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router
from pydantic import ConfigDict

from distribution.api.operators import OperatorOut
from distribution.authentication import actor_of, require_manage
from distribution.models import Source
from distribution.services.sources import source_not_found
from leads import services
from leads.api.answers import MoveProblemOut, SwitchedOffOut, TakenOut
from leads.api.kept import completed, kept
from leads.api.moves import OverLimit, Reason, with_reason_over_limit
from leads.api.once import described, done_once
from leads.services import OpenContacts
from minicrm.responses import responses
from minicrm.schemas import LEFT_OUT, ObjectId, RequestSchema

router = Router(tags=["Operators"])

TAKEN = responses({200: TakenOut}, 404, body=True) | {409: MoveProblemOut}


class SwitchOffIn(RequestSchema):
    """What becomes of the operator's open contacts."""

    # Not strict, or pydantic would take nothing but members of the enumeration itself.
    open_contacts: Annotated[OpenContacts, Field(strict=False)] = Field(
        examples=["redistribute"],
        description=(
            "`keep`: they stay. `redistribute`: whoever is available gets them, the others stay."
            " `requeue`: all leave; whoever is available gets them, the others wait."
        ),
    )


@router.post(
    "/{int:operator_id}/switch-off/", response=responses({200: SwitchedOffOut}, 404, body=True)
)
def switch_operator_off(
    request: HttpRequest, operator_id: ObjectId, choice: SwitchOffIn
) -> dict[str, Any]:
    """Switch an operator off, and say what becomes of their open contacts.

    They move oldest first, in batches. If you get no answer, ask again: what is left to do is done.
    """
    require_manage(request)
    done = services.switch_operator_off(
        operator_id, actor=actor_of(request), open_contacts=choice.open_contacts
    )
    answer = OperatorOut.from_orm(done.operator).model_dump()
    return answer | {"moved": done.moved, "kept": done.kept}


class TakeNextIn(RequestSchema):
    """Which waiting contact an operator is given; the body may be left out altogether."""

    model_config = ConfigDict(json_schema_extra=with_reason_over_limit)

    source_id: Annotated[
        ObjectId,
        Field(description="Of this source; else of all that the operator has a weight for"),
    ] = LEFT_OUT
    expected_id: Annotated[
        ObjectId, Field(description="Only this contact: if another is the next, you get 409")
    ] = LEFT_OUT
    over_limit: OverLimit = False
    reason: Reason = ""


NO_BODY = TakeNextIn()


@router.post(
    "/{int:operator_id}/take-next/", response=TAKEN, openapi_extra=described("take-next-1001")
)
def take_next_contact(
    request: HttpRequest,
    response: HttpResponse,
    operator_id: ObjectId,
    choice: TakeNextIn = NO_BODY,
) -> dict[str, Any]:
    """Give an operator the contact that has waited longest, by hand, whatever the weights say."""
    require_manage(request)
    given = choice.model_dump()

    def work() -> dict[str, Any]:
        source_id = given["source_id"]
        if source_id is not None and not Source.objects.filter(pk=source_id).exists():
            raise source_not_found(source_id, field="source_id")
        moved = services.take_next_contact(operator_id, actor=actor_of(request), **given)
        return {"contact": kept(moved) if moved else None}

    route = f"POST /operators/{operator_id}/take-next/"
    contact = done_once(request, response, route, given, work)["contact"]
    return {"contact": completed(contact) if contact else None}
