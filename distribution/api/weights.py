"""/operator-sources/ and /distribution/config/: who gets how much of a source's contacts."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema, Status
from pydantic import AfterValidator

from distribution.authentication import actor_of, require_all_sources, require_manage
from distribution.models import MAX_WEIGHT, OperatorSourceWeight
from distribution.services import add_weight, remove_weight, replace_weights, update_weight
from minicrm.pagination import Page, paginate
from minicrm.responses import responses
from minicrm.schemas import ObjectId, QueryId, RequestSchema, refuse

weights_router = Router(tags=["Weights"])
config_router = Router(tags=["Weights"])

MAX_SET = 1_000  # operators in one request; the body's limit allows hardly more

Weight = Annotated[
    int, Field(ge=0, le=MAX_WEIGHT, examples=[20], description="0 gets nothing from this source")
]


class WeightIn(RequestSchema):
    """One operator's weight for one source."""

    operator_id: ObjectId = Field(examples=[1])
    source_id: ObjectId = Field(examples=[1])
    weight: Weight = 1


class WeightPatch(RequestSchema):
    """A new weight for the same operator and source."""

    weight: Weight


class WeightOut(Schema):
    """One operator's weight for one source."""

    id: int = Field(examples=[1])
    operator_id: int = Field(examples=[1])
    source_id: int = Field(examples=[1])
    weight: int = Field(examples=[20])


class OperatorWeightIn(RequestSchema):
    """One operator in a source's set."""

    operator_id: ObjectId = Field(examples=[1])
    weight: Weight = 1


def _each_once(operators: list[OperatorWeightIn]) -> list[OperatorWeightIn]:
    counts = Counter(operator.operator_id for operator in operators)
    for operator_id, count in counts.items():
        if count > 1:
            raise refuse("duplicate", f"Operator {operator_id} is there {count} times.")
    return operators


Operators = Annotated[
    list[OperatorWeightIn],
    Field(max_length=MAX_SET, description="The whole set; operators not in it lose their weight"),
    AfterValidator(_each_once),
]


class WeightSet(RequestSchema):
    """A source's whole set of weights."""

    operators: Operators


class DistributionConfig(WeightSet):
    """A source and its whole set of weights."""

    source_id: ObjectId = Field(examples=[1])


class OperatorShareOut(Schema):
    """One operator in a source's set; `share` is weight / sum of the weights, as configured."""

    id: int = Field(examples=[1], description="The weight's own id")
    operator_id: int = Field(examples=[1])
    operator: str = Field(examples=["Operator 1"])
    weight: int = Field(examples=[20])
    share: float = Field(examples=[0.4], ge=0, le=1)


class SourceWeightsOut(Schema):
    """A source's whole set of weights, by operator id."""

    source_id: int = Field(examples=[1])
    operators: list[OperatorShareOut]


class WeightFilters(Page):
    """Which weights to list."""

    source_id: QueryId | None = Field(None, description="Only this source's")
    operator_id: QueryId | None = Field(None, description="Only this operator's")


@weights_router.post("/", response=responses({201: WeightOut}, 404, 409, body=True))
def post_weight(request: HttpRequest, weight: WeightIn) -> Status[OperatorSourceWeight]:
    """Give an operator a weight for a source; 409 when they have one already."""
    require_manage(request)
    return Status(201, add_weight(**weight.model_dump(), actor=actor_of(request)))


@weights_router.get("/", response=responses({200: list[WeightOut]}, 422))
def list_weights(
    request: HttpRequest, response: HttpResponse, filters: Query[WeightFilters]
) -> list[OperatorSourceWeight]:
    """List weights in ascending id."""
    require_all_sources(request)
    wanted = filters.model_dump(include={"source_id", "operator_id"}, exclude_none=True)
    return paginate(request, response, OperatorSourceWeight.objects.filter(**wanted), filters)


@weights_router.patch("/{int:weight_id}", response=responses({200: WeightOut}, 404, body=True))
def patch_weight(
    request: HttpRequest, weight_id: ObjectId, weight: WeightPatch
) -> OperatorSourceWeight:
    """Change a weight; it counts from the next contact on."""
    require_manage(request)
    return update_weight(weight_id, weight=weight.weight, actor=actor_of(request))


@weights_router.delete("/{int:weight_id}", response=responses({204: None}, 404, 422))
def delete_weight(request: HttpRequest, weight_id: ObjectId) -> Status[None]:
    """Take an operator out of a source's set; the contacts they have stay with them."""
    require_manage(request)
    remove_weight(weight_id, actor=actor_of(request))
    return Status(204, None)


@config_router.post("/config/", response=responses({200: SourceWeightsOut}, 404, body=True))
def post_config(request: HttpRequest, config: DistributionConfig) -> SourceWeightsOut:
    """Replace a source's whole set of weights at once, or nothing of it."""
    return replace(request, config.source_id, config.operators)


def replace(
    request: HttpRequest, source_id: int, operators: Iterable[OperatorWeightIn]
) -> SourceWeightsOut:
    """Replace a source's set as the request asks, and return the new one."""
    require_manage(request)
    weights = {operator.operator_id: operator.weight for operator in operators}
    return _with_shares(source_id, replace_weights(source_id, weights, actor=actor_of(request)))


def weights_of(source_id: int) -> SourceWeightsOut:
    """Return a source's present set."""
    rows = OperatorSourceWeight.objects.filter(source_id=source_id).select_related("operator")
    return _with_shares(source_id, rows.order_by("operator_id"))


def _with_shares(source_id: int, rows: Iterable[OperatorSourceWeight]) -> SourceWeightsOut:
    rows = list(rows)
    total = sum(row.weight for row in rows)
    shares = [
        OperatorShareOut(
            id=row.pk,
            operator_id=row.operator_id,
            operator=row.operator.name,
            weight=row.weight,
            share=row.weight / total if total else 0.0,
        )
        for row in rows
    ]
    return SourceWeightsOut(source_id=source_id, operators=shares)
