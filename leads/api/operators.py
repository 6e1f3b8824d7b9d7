"""/operators/{id}/switch-off/: an operator goes, and their open contacts go or stay."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router

from distribution.api.operators import OperatorOut
from distribution.authentication import actor_of, require_manage
from leads import services
from leads.api.answers import SwitchedOffOut
from leads.services import OpenContacts
from minicrm.responses import responses
from minicrm.schemas import ObjectId, RequestSchema

router = Router(tags=["Operators"])


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
