"""What the access log may say of a request: who asked for what, in numbers."""

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from minicrm.client_address import client_address

FACTS = "minicrm.facts"  # the key in the WSGI environment, where gunicorn's log finds them
UNKNOWN = "(unknown address)"
# The number of an object. Ten digits and more may well be somebody's phone.
NUMBER = re.compile(r"[0-9]{1,9}")
# What scanners and mistyped addresses look like, and nobody's e-mail, phone or id.
WORDS_ONLY = re.compile(r"[A-Za-z/_.-]{1,100}")


class RequestFactsMiddleware:
    """Notes for the access log what only the application knows; not there while it is off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.ACCESS_LOG:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request, and leave the facts in its environment."""
        response = self.get_response(request)
        request.META[FACTS] = facts_of(request, found=response.status_code < 400)
        return response


def facts_of(request: HttpRequest, *, found: bool = False) -> dict[str, Any]:
    """Return the request's path, route, caller's address, and the number of its user or key.

    The user only where the answer has asked for it already: else it would cost two queries.
    """
    user = getattr(request, "_cached_user", None)  # Django's note of who it has loaded
    return {
        "path": shown_path(request, found=found),
        "route": route_of(request),
        "client": client_address(request),
        "user_id": getattr(user, "pk", None),
        "api_key_id": getattr(getattr(request, "auth", None), "pk", None),
    }


def route_of(request: HttpRequest) -> str:
    """Return the pattern that the address matched, empty for none: `contacts/<int:pk>/`."""
    match = request.resolver_match
    return match.route if match is not None else ""


def shown_path(request: HttpRequest, *, found: bool = False) -> str:
    """Return the path as far as it names nobody, without its query.

    What people and programs put into a path is theirs: an e-mail in place of a number leads to no
    page, and would be in the log for ever. So there is the path where all that varies in it are
    short numbers; else the route. `found`: something was there, so a path without a route is a
    file's.
    """
    match = request.resolver_match
    if match is not None:
        values = [str(value) for value in (*match.args, *match.kwargs.values())]
        return request.path if all(map(NUMBER.fullmatch, values)) else f"/{match.route}"
    return request.path if found or WORDS_ONLY.fullmatch(request.path) else UNKNOWN
