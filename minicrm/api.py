"""The JSON API: its frame (keys, errors, rate limit, document) and the apps' routers on it."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.operation import Operation
from ninja.renderers import JSONRenderer
from ninja.responses import NinjaJSONEncoder

from distribution.api import config_router, operators_router, sources_router, weights_router
from distribution.authentication import BearerKey, unauthorized
from distribution.throttling import KeyRateThrottle
from leads.api import contacts_router, leads_router, moves_router, switching_router
from minicrm import __version__
from minicrm.errors import Busy, Conflict, Invalid, NotFound, ServiceError
from minicrm.failures import is_outage, problem_of
from minicrm.openapi import describe
from minicrm.parsing import StrictJSONParser
from minicrm.problems import Problem, problem_response
from minicrm.transactions import RunAgain
from minicrm.validation import field_errors, is_missing_body

logger = logging.getLogger(__name__)


class ExactMoments(NinjaJSONEncoder):
    """Writes moments to the microsecond, as they are stored.

    Cut to milliseconds, as Django's encoder has them, a contact would be found after its own
    `created_at`.
    """

    def default(self, o: Any) -> Any:
        """Return what JSON has no form for in one that it has."""
        if isinstance(o, datetime):
            return o.isoformat().replace("+00:00", "Z")
        return super().default(o)


class ExactRenderer(JSONRenderer):
    """Writes answers with `ExactMoments`."""

    encoder_class = ExactMoments


class MiniCrmAPI(NinjaAPI):
    """Ninja's API with our additions to the OpenAPI document."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._documents: dict[str, Any] = {}

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """Return the document with media types and examples that ninja does not write.

        Made once: it takes long, and anybody may ask for it.
        """
        asked = repr(kwargs)
        if asked not in self._documents:
            self._documents[asked] = describe(super().get_openapi_schema(**kwargs))
        return self._documents[asked]

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the view's name, which is what generated clients call the operation."""
        return operation.view_func.__name__


def document(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Make a view of the API's documentation answer like the API: 405 to a POST, not 403."""
    return csrf_exempt(require_safe(view))


api = MiniCrmAPI(
    title="Mini-CRM",
    version=__version__,
    urls_namespace="api-v1",
    description=(
        "Bots and forms post contacts; each goes at once to one operator, by the weights set for"
        " its source and never over an operator's limit. Errors are `application/problem+json`"
        " (RFC 9457)."
    ),
    docs_decorator=document,
    auth=BearerKey(),
    throttle=[KeyRateThrottle()],
    parser=StrictJSONParser(),
    renderer=ExactRenderer(),
)
api.add_router("/contacts/", contacts_router)
api.add_router("/contacts/", moves_router)
api.add_router("/leads/", leads_router)
api.add_router("/operators/", operators_router)
api.add_router("/operators/", switching_router)
api.add_router("/sources/", sources_router)
api.add_router("/operator-sources/", weights_router)
api.add_router("/distribution/", config_router)

STATUS_OF: dict[type[ServiceError], int] = {NotFound: 404, Conflict: 409, Busy: 409, Invalid: 422}


@api.exception_handler(Problem)
def on_problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Answer with the problem itself."""
    return problem_response(request, problem)


@api.exception_handler(ServiceError)
def on_service_error(request: HttpRequest, error: ServiceError) -> HttpResponse:
    """Answer with what a service refused, the field it refused it for, and the present state."""
    status = STATUS_OF[type(error)]
    headers = {"Retry-After": "1"} if isinstance(error, Busy) else {}
    if error.code == "idempotency_key_reused":
        status = 422  # as the Idempotency-Key draft has it
    errors = []
    if error.field is not None:
        errors = [{"field": error.field, "code": error.code, "message": error.message}]
    # So far only contacts have a state that callers must have read.
    extensions = {"contact": dict(error.present)} if error.present else {}
    problem = Problem(
        status, error.code, error.message, errors=errors, headers=headers, extensions=extensions
    )
    return problem_response(request, problem)


@api.exception_handler(ValidationError)
def on_validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer with every field at fault; an id in the path that cannot exist is simply not there."""
    if any(item["loc"][0] == "path" for item in error.errors):
        return problem_response(request, Problem(404, "not_found", "There is no such object."))
    if any(map(is_missing_body, error.errors)):
        return problem_response(request, Problem(400, "not_json", "The body is empty."))
    errors = field_errors(error.errors)
    detail = "The request is not valid; `errors` lists what to mend."
    return problem_response(request, Problem(422, "invalid_request", detail, errors=errors))


@api.exception_handler(AuthenticationError)
def on_missing_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Answer a request without a key."""
    return problem_response(request, unauthorized("Send your key: Authorization: Bearer <key>."))


@api.exception_handler(Throttled)
def on_throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    """Answer a key that is over its rate; ninja replaces Retry-After where it knows better."""
    rate, burst = settings.API_RATE_LIMIT, settings.API_RATE_BURST
    detail = f"More than {rate} requests with this key, or {burst} at once. Try again later."
    headers = {"Retry-After": "1"}
    return problem_response(request, Problem(429, "too_many_requests", detail, headers=headers))


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer what ninja refused: a body, with the reason that the parser gave."""
    cause = error.__cause__
    if not isinstance(cause, Problem):
        cause = Problem(error.status_code, "bad_request", str(error))
    return problem_response(request, cause)


@api.exception_handler(SuspiciousOperation)
def on_suspicious_request(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    """Answer what Django refuses to read, such as a query of thousands of parameters."""
    detail = "The server does not accept this request."
    return problem_response(request, Problem(400, "bad_request", detail))


@api.exception_handler(UnreadablePostError)
def on_incomplete_body(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    """Answer a caller that stopped in the middle of its request, if it still listens."""
    detail = "The body ended before its Content-Length was reached."
    return problem_response(request, Problem(400, "incomplete_body", detail))


@api.exception_handler(DatabaseError)
@api.exception_handler(InterfaceError)
@api.exception_handler(RunAgain)
def on_database_failure(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer when the database is gone or full, or stayed busy through all tries."""
    if not is_outage(error):
        return on_breakdown(request, error)
    logger.error("The database failed: %s", type(error).__name__, exc_info=error)
    return problem_response(request, problem_of(error))


@api.exception_handler(Exception)
def on_breakdown(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer when something broke on our side, and log it."""
    logger.error("Unhandled: %s", type(error).__name__, exc_info=error)
    detail = "Something broke on our side. It has been logged under this request id."
    return problem_response(request, Problem(500, "internal_error", detail))
