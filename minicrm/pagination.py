"""Lists of the API: plain arrays in ascending id, in pages."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Field, Schema

from minicrm.problems import Problem
from minicrm.schemas import QueryInt, QueryLastId

M = TypeVar("M", bound=Model)

MAX_PAGE = 1_000
MAX_SKIP = 10_000


class Page(Schema):
    """Which part of a list to return. Deep walks follow the `Link: <…>; rel="next"` header."""

    limit: QueryInt = Field(100, ge=1, le=MAX_PAGE, description="How many objects at most")
    skip: QueryInt = Field(
        0, ge=0, le=MAX_SKIP, description="How many objects to leave out; use `after` to go deeper"
    )
    after: QueryLastId | None = Field(
        None, description="Only objects with an id above this, the last one seen"
    )


def paginate(
    request: HttpRequest, response: HttpResponse, queryset: QuerySet[M], page: Page
) -> list[M]:
    """Return the page's objects, and set the `Link` header when more follow.

    The link goes by id, not by count: its price does not grow with the depth, and objects that
    come in meanwhile shift nothing.
    """
    refuse_unknown_parameters(request, page)
    rows = queryset.order_by("pk")
    if page.after is not None:
        rows = rows.filter(pk__gt=page.after)
    found = list(rows[page.skip : page.skip + page.limit + 1])
    if len(found) > page.limit:
        found.pop()
        response["Link"] = f'<{_next_address(request, found[-1].pk)}>; rel="next"'
    return found


def refuse_unknown_parameters(request: HttpRequest, query: Schema) -> None:
    """Raise a `Problem` for a query parameter that `query` does not know, or one given twice.

    A misspelt filter that is ignored would answer with everything.
    """
    errors: list[dict[str, str]] = []
    known: dict[str, Any] = type(query).model_fields
    for name, values in request.GET.lists():
        if name not in known:
            message = f"Unknown. Possible: {', '.join(known)}."
            errors.append({"field": name, "code": "unknown_field", "message": message})
        elif len(values) > 1:
            errors.append({"field": name, "code": "repeated", "message": "Give it once."})
    if errors:
        raise Problem(422, "invalid_request", "The query is not valid.", errors=errors)


def _next_address(request: HttpRequest, last_id: int) -> str:
    query = request.GET.copy()
    query.pop("skip", None)
    query["after"] = str(last_id)
    return f"{request.path}?{query.urlencode()}"
