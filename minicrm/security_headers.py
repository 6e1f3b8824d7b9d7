"""Headers that Django does not set by itself, on every answer."""

from collections.abc import Callable

from csp.constants import HEADER
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# What no page of ours asks for, and no script that somebody smuggled in shall get.
UNUSED = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "usb",
)
PERMISSIONS_POLICY = ", ".join(f"{feature}=()" for feature in UNUSED)


class SecurityHeadersMiddleware:
    """Says what pages may load, and takes from them what we do not use; lets no cache keep answers.

    Most answers are about people, error pages too. Static files say themselves how long they last.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        # Once: django-csp's own middleware puts it together anew for each answer, for the sake of
        # pages that have policies of their own, and of nonces. None of ours has.
        self._policy = build_policy()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the headers."""
        response = self.get_response(request)
        response[HEADER] = self._policy
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        response.headers.setdefault("Cache-Control", "no-store")
        return response
