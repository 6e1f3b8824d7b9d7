"""What surrounds every request: its id, the API's boundary, and the login wall of the pages."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware, LoginRequiredMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.urls import is_valid_path
from django.utils import translation
from django.views.defaults import page_not_found
from django_htmx.middleware import HtmxMiddleware

from minicrm.problems import MEDIA_TYPE, Problem, problem_response, unavailable
from minicrm.request_id import HEADER, assign_request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

logger = logging.getLogger(__name__)


class RequestIdMiddleware:
    """Gives each request an id and returns it in the `X-Request-ID` header."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request with its id in the header."""
        request_id = assign_request_id(request)
        response = self.get_response(request)
        response[HEADER] = request_id
        return response


class ApiBoundaryMiddleware:
    """Keeps the API's promise that every error under it has the one format.

    Refuses bodies that are too large before anything reads them, and turns what Django itself
    would answer (an HTML page for a bad host, an unknown path or a crash) into a problem document.
    No cache may keep an answer: most are about people.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer requests under the API prefix with JSON in any case; let others pass."""
        if not request.path_info.startswith(settings.API_PREFIX):
            return self.get_response(request)
        response = self._answer(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            require_https(request)
            refuse_oversized(request)
            response = self.get_response(request)
        except Problem as problem:
            return problem_response(request, problem)
        except (OperationalError, InterfaceError):
            logger.exception("The database failed outside of the API's own views.")
            return problem_response(request, unavailable())
        content_type = response.get("Content-Type", "")
        if response.status_code < 400 or content_type.startswith(MEDIA_TYPE):
            return response
        return problem_response(request, _translated(request, response))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer an unknown address: with a page, but under the API with nothing to be translated.

    A page costs more, and what breaks the pages must not break the API's answers.
    """
    if request.path_info.startswith(settings.API_PREFIX):
        return HttpResponseNotFound()
    return page_not_found(request, exception)


def require_https(request: HttpRequest) -> None:
    """Raise a `Problem` for a request in the clear where HTTPS is on, rather than redirect it.

    The key has been sent by then: whoever sent it shall notice, and mend the address.
    """
    if settings.HTTPS and not request.is_secure():
        raise Problem(403, "https_required", "Use https:// here. A key sent so may be overheard.")


def refuse_oversized(request: HttpRequest) -> None:
    """Raise a `Problem` for a body over the limit, or one whose length is not told."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise Problem(411, "length_required", "Send the body with a Content-Length header.")
    length = request.headers.get("Content-Length", "")
    if length and not (length.isascii() and length.isdigit()):
        raise Problem(400, "bad_content_length", "Content-Length must be a whole number.")
    if len(length) > 18 or int(length or 0) > settings.API_MAX_BODY_BYTES:
        limit = settings.API_MAX_BODY_BYTES // 1024
        raise Problem(413, "body_too_large", f"The body is larger than {limit} KiB.")


def _translated(request: HttpRequest, response: HttpResponseBase) -> Problem:
    """Return the `Problem` that says what Django's own answer meant."""
    status = response.status_code
    if status == 405:
        allowed = response.get("Allow", "")
        detail = f"{request.method} is not possible here. Possible: {allowed}."
        return Problem(405, "method_not_allowed", detail, headers={"Allow": allowed})
    if status == 404:
        return Problem(404, "not_found", _unknown_path_detail(request))
    if status < 500:
        return Problem(status, "bad_request", "The server does not accept this request.")
    return Problem(500, "internal_error", "Something broke on our side. It has been logged.")


def _unknown_path_detail(request: HttpRequest) -> str:
    path = request.path_info
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    if is_valid_path(other):
        return f"There is nothing at this address; {other} exists."
    return "There is nothing at this address; /api/v1/docs lists what there is."


class PagesOnly:
    """Mixin for middleware that the API has no use for: its callers have keys, and speak JSON."""

    def __call__(self, request: HttpRequest) -> Any:
        """Let a request to the API pass."""
        if request.path_info.startswith(settings.API_PREFIX):
            return self.get_response(request)  # type: ignore[attr-defined]
        return super().__call__(request)  # type: ignore[misc]


class PageCommonMiddleware(CommonMiddleware):
    """Django's own, except that a request to the API is never redirected to a path with a slash."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Whether to send a page's visitor on to the same path with a slash."""
        if request.path_info.startswith(settings.API_PREFIX):
            return False
        return super().should_redirect_with_slash(request)


class PageGZipMiddleware(PagesOnly, GZipMiddleware):
    """Django's own for pages, a tenth of whose size is left; the API's answers are small.

    Django adds random bytes, and masks its CSRF tokens, against guessing secrets by size (BREACH).
    """


class PageSessionMiddleware(PagesOnly, SessionMiddleware):
    """Django's own for pages."""


class PageLocaleMiddleware(LocaleMiddleware):
    """Django's own for pages; the API speaks English, whatever this thread has spoken before."""

    def __call__(self, request: HttpRequest) -> Any:
        """Answer in the language that is wanted, or in English."""
        if request.path_info.startswith(settings.API_PREFIX):
            translation.activate("en")
            return self.get_response(request)
        return super().__call__(request)


class PageAuthenticationMiddleware(PagesOnly, AuthenticationMiddleware):
    """Django's own for pages."""


class PageMessageMiddleware(PagesOnly, MessageMiddleware):
    """Django's own for pages."""


class PageHtmxMiddleware(PagesOnly, HtmxMiddleware):
    """django-htmx's own for pages."""


class PageLoginRequiredMiddleware(PagesOnly, LoginRequiredMiddleware):
    """Django's login wall for every page; the API, which has keys instead, is let through."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Send visitors to the login page, except under the API prefix."""
        # An open page needs nobody's session: Django would ask the database for it all the same.
        is_open = not getattr(view_func, "login_required", True)
        if is_open or request.path_info.startswith(settings.API_PREFIX):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)
