"""Our own answers to requests that gunicorn cannot read, and that never reach the application.

gunicorn answers them with an HTML page that repeats what was sent, and logs that too: an address
with somebody's e-mail in it, a header with a key. The API promises one format for every error, so
all of these get it: where the line with the address cannot be read, nobody knows for whom it was.
"""

from typing import Any

from gunicorn import util
from gunicorn.http import errors


class BodyTooLarge(errors.ParseException):  # type: ignore[misc]  # gunicorn has no type information
    """More was announced than anything that we take; none of it is read."""


# What is not 400. 501, for an unknown Transfer-Encoding, would say that the fault is ours.
REFUSALS: dict[type[Exception], tuple[int, str, str]] = {
    BodyTooLarge: (413, "body_too_large", "The body is larger than anything that is taken here."),
    errors.LimitRequestLine: (414, "uri_too_long", "The address is too long."),
    errors.LimitRequestHeaders: (431, "headers_too_large", "The headers are too many or too long."),
    errors.ExpectationFailed: (417, "expectation_failed", "Expect nothing but 100-continue."),
}
BAD_REQUEST = (400, "bad_request", "This is not a request by the rules of HTTP.")
BROKEN = (500, "internal_error", "Something broke on our side. It has been logged.")
# About what the application answers, though gunicorn derives them from the errors of requests.
OURS = (
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
    errors.ConfigurationProblem,
)


class AnswersBadRequests:
    """For a worker of gunicorn's: requests that cannot be read are answered like the API's errors.

    Beside one of gunicorn's classes, and before it.
    """

    log: Any

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer, and log under the answer's request id, without what was sent."""
        status, code, detail = refusal_of(exc)
        request_id, answer = problem_bytes(status, code, detail)
        if status == 500:
            self.log.exception("Error handling a %s [%s]", method_of(req), request_id)
        else:
            address = addr[0] if isinstance(addr, tuple) else "a socket"
            name = type(exc).__name__
            self.log.warning("Refused a request from %s: %s [%s]", address, name, request_id)
        try:
            util.write_nonblock(client, answer)
        except OSError:
            self.log.debug("The client was gone before its answer [%s]", request_id)


def method_of(req: Any) -> str:
    """Return what may be told of a request."""
    return f"{req.method} request" if req else "request"


def refusal_of(error: Exception) -> tuple[int, str, str]:
    """Return the status, code and detail that answer a request which ended so."""
    if isinstance(error, OURS) or not isinstance(error, errors.ParseException):
        return BROKEN
    return REFUSALS.get(type(error), BAD_REQUEST)


def problem_bytes(status: int, code: str, detail: str) -> tuple[str, bytes]:
    """Return a new request id, and the whole answer to be sent."""
    # Here, for gunicorn's parent imports this file, and only its workers load the application.
    from django.http import HttpRequest

    from minicrm.problems import Problem, problem_response
    from minicrm.request_id import HEADER, assign_request_id, forget_request_id

    request = HttpRequest()
    request_id = assign_request_id(request)
    response = problem_response(request, Problem(status, code, detail))
    forget_request_id()  # as after a request that was one
    for name, value in {
        HEADER: request_id,
        "Cache-Control": "no-store",
        "Connection": "close",
        "Content-Length": str(len(response.content)),
    }.items():
        response[name] = value
    start = f"HTTP/1.1 {status} {response.reason_phrase}\r\n".encode("ascii")
    return request_id, start + response.serialize()
