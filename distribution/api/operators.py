"""/operators/: who handles contacts, their limits and loads."""

from typing import Annotated, cast

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema, Status

from distribution.authentication import actor_of, require_all_sources, require_manage
from distribution.models import MAX_LIMIT, NAME_LENGTH, Operator
from distribution.services import create_operator, update_operator
from distribution.services.operators import OperatorChanges, operator_not_found
from minicrm.pagination import Page, paginate
from minicrm.responses import responses
from minicrm.schemas import LEFT_OUT, ObjectId, RequestSchema, VisibleLine

router = Router(tags=["Operators"])

Name = Annotated[
    VisibleLine, Field(max_length=NAME_LENGTH, examples=["Operator 1"], description="One line")
]
Limit = Annotated[
    int,
    Field(ge=0, le=MAX_LIMIT, examples=[20], description="Open contacts at most; 0 takes nothing"),
]
Active = Annotated[bool, Field(examples=[True], description="Off: gets no new contacts")]


class OperatorIn(RequestSchema):
    """A whole operator."""

    name: Name
    is_active: Active = True
    max_load: Limit = 10


class OperatorPatch(RequestSchema):
    """Some members of an operator; the others stay as they are."""

    name: Name = LEFT_OUT
    is_active: Active = LEFT_OUT
    max_load: Limit = LEFT_OUT


class OperatorOut(Schema):
    """An operator and their load: the number of contacts they have open at this moment."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Operator 1"])
    is_active: bool = Field(examples=[True])
    max_load: int = Field(examples=[20])
    current_load: int = Field(examples=[7])


@router.post("/", response=responses({201: OperatorOut}, body=True))
def post_operator(request: HttpRequest, operator: OperatorIn) -> Status[Operator]:
    """Create an operator. They get contacts once they have a weight for a source."""
    require_manage(request)
    return Status(201, create_operator(**operator.model_dump(), actor=actor_of(request)))


@router.get("/", response=responses({200: list[OperatorOut]}, 422))
def list_operators(
    request: HttpRequest, response: HttpResponse, page: Query[Page]
) -> list[Operator]:
    """List operators in ascending id."""
    require_all_sources(request)
    return paginate(request, response, Operator.objects.all(), page)


@router.get("/{int:operator_id}", response=responses({200: OperatorOut}, 404, 422))
def get_operator(request: HttpRequest, operator_id: ObjectId) -> Operator:
    """Return one operator."""
    require_all_sources(request)
    operator = Operator.objects.filter(pk=operator_id).first()
    if operator is None:
        raise operator_not_found(operator_id)
    return operator


@router.put("/{int:operator_id}", response=responses({200: OperatorOut}, 404, body=True))
def put_operator(request: HttpRequest, operator_id: ObjectId, operator: OperatorIn) -> Operator:
    """Replace an operator; members left out get their defaults. Use PATCH to change some.

    Places that this frees go to waiting contacts at once. A limit below the load takes nothing
    away.
    """
    return _update(request, operator_id, cast(OperatorChanges, operator.model_dump()))


@router.patch("/{int:operator_id}", response=responses({200: OperatorOut}, 404, body=True))
def patch_operator(
    request: HttpRequest, operator_id: ObjectId, operator: OperatorPatch
) -> Operator:
    """Change some members of an operator; places that this frees go to waiting contacts at once."""
    changes = cast(OperatorChanges, operator.model_dump(exclude_unset=True))
    return _update(request, operator_id, changes)


def _update(request: HttpRequest, operator_id: int, changes: OperatorChanges) -> Operator:
    require_manage(request)
    return update_operator(operator_id, actor=actor_of(request), **changes)
