"""/sources/: where contacts come from, and each source's whole set of weights."""

from typing import Annotated, cast

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema, Status

from distribution.api.weights import SourceWeightsOut, WeightSet, replace, weights_of
from distribution.authentication import actor_of, require_all_sources, require_manage
from distribution.models import NAME_LENGTH, Source
from distribution.services import create_source, update_source
from distribution.services.sources import SourceChanges, source_not_found
from minicrm.pagination import Page, paginate
from minicrm.responses import responses
from minicrm.schemas import LEFT_OUT, ObjectId, RequestSchema, VisibleLine

router = Router(tags=["Sources"])

Name = Annotated[
    VisibleLine,
    Field(max_length=NAME_LENGTH, examples=["Telegram bot"], description="One line, unique"),
]
Active = Annotated[
    bool, Field(examples=[True], description="Off: its contacts are accepted, and wait")
]


class SourceIn(RequestSchema):
    """A whole source."""

    name: Name
    is_active: Active = True


class SourcePatch(RequestSchema):
    """Some members of a source; the others stay as they are."""

    name: Name = LEFT_OUT
    is_active: Active = LEFT_OUT


class SourceOut(Schema):
    """A source."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Telegram bot"])
    is_active: bool = Field(examples=[True])


@router.post("/", response=responses({201: SourceOut}, 409, body=True))
def post_source(request: HttpRequest, source: SourceIn) -> Status[Source]:
    """Create a source. Its contacts wait until operators have weights for it."""
    require_manage(request)
    return Status(201, create_source(**source.model_dump(), actor=actor_of(request)))


@router.get("/", response=responses({200: list[SourceOut]}, 422))
def list_sources(request: HttpRequest, response: HttpResponse, page: Query[Page]) -> list[Source]:
    """List sources in ascending id."""
    require_all_sources(request)
    return paginate(request, response, Source.objects.all(), page)


@router.get("/{int:source_id}", response=responses({200: SourceOut}, 404, 422))
def get_source(request: HttpRequest, source_id: ObjectId) -> Source:
    """Return one source."""
    require_all_sources(request)
    return _existing(source_id)


@router.put("/{int:source_id}", response=responses({200: SourceOut}, 404, 409, body=True))
def put_source(request: HttpRequest, source_id: ObjectId, source: SourceIn) -> Source:
    """Replace a source; members left out get their defaults. Use PATCH to change some."""
    return _update(request, source_id, cast(SourceChanges, source.model_dump()))


@router.patch("/{int:source_id}", response=responses({200: SourceOut}, 404, 409, body=True))
def patch_source(request: HttpRequest, source_id: ObjectId, source: SourcePatch) -> Source:
    """Change some members of a source. Switching it on assigns what waits."""
    return _update(request, source_id, cast(SourceChanges, source.model_dump(exclude_unset=True)))


@router.get("/{int:source_id}/weights/", response=responses({200: SourceWeightsOut}, 404, 422))
def get_source_weights(request: HttpRequest, source_id: ObjectId) -> SourceWeightsOut:
    """Return a source's whole set of weights, with the share that each stands for."""
    require_all_sources(request)
    _existing(source_id)
    return weights_of(source_id)


@router.put(
    "/{int:source_id}/weights/", response=responses({200: SourceWeightsOut}, 404, body=True)
)
def put_source_weights(
    request: HttpRequest, source_id: ObjectId, weights: WeightSet
) -> SourceWeightsOut:
    """Replace a source's whole set of weights at once, or nothing of it."""
    return replace(request, source_id, weights.operators)


def _existing(source_id: int) -> Source:
    source = Source.objects.filter(pk=source_id).first()
    if source is None:
        raise source_not_found(source_id)
    return source


def _update(request: HttpRequest, source_id: int, changes: SourceChanges) -> Source:
    require_manage(request)
    return update_source(source_id, actor=actor_of(request), **changes)
