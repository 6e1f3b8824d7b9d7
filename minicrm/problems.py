"""Errors of the JSON API: one format, RFC 9457 `application/problem+json`, for all of them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from ninja import Field, Schema

from minicrm.request_id import request_id_of

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/api/v1/docs#"  # a relative reference: the API's own documentation


class FieldError(Schema):
    """One thing wrong with one value of the request."""

    field: str = Field(description="Path of the value in the request, such as `operators.0.weight`")
    code: str = Field(description="Stable, for programs")
    message: str = Field(description="For people")


class ProblemOut(Schema):
    """The body of every error answer; some kinds of error have members of their own besides."""

    type: str = Field(description="A reference that names this kind of error")
    title: str = Field(description="The status in words")
    status: int
    detail: str = Field(description="What went wrong here, and what to do about it")
    code: str = Field(description="Stable, for programs")
    request_id: str = Field(description="Also in the `X-Request-ID` header and in the server's log")
    errors: list[FieldError] | None = Field(None, description="With 404, 409 and 422: the fields")


class Problem(Exception):
    """Raised anywhere under the API to answer with an error.

    `extensions` are members of the body besides the common ones (RFC 9457, 3.2).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


def problem_response(request: HttpRequest, problem: Problem) -> JsonResponse:
    """Return the answer that a `Problem` stands for."""
    body: dict[str, Any] = problem.extensions | {
        "type": TYPE_PREFIX + problem.code,
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id_of(request),
    }
    if problem.errors:
        body["errors"] = problem.errors
    return JsonResponse(
        body, status=problem.status, content_type=MEDIA_TYPE, headers=problem.headers
    )


def unavailable(
    code: str = "unavailable",
    detail: str = "The database does not answer, or is too busy. Try again soon.",
    *,
    retry_after: int = 2,
) -> Problem:
    """Return the 503 for a database that is gone or too busy, or for what else it cannot do.

    Nothing was done, unless it was the answer to a COMMIT that was lost. `retry_after`: seconds.
    """
    return Problem(503, code, detail, headers={"Retry-After": str(retry_after)})
