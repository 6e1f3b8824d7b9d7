"""The pages for 400 and 500, which stand on nothing that may be what broke."""

import logging

from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist, TemplateSyntaxError, loader
from django.utils.html import escape

from minicrm.request_id import request_id_of

logger = logging.getLogger(__name__)
# For when even the template is at fault.
BARE = '<!doctype html><html lang="en"><title>Mini-CRM</title><h1>{title}</h1><p>{request_id}</p>'


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses to read."""
    return _page(request, "400.html", "Bad request", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an exception that nobody expected; Django has logged it."""
    return _page(request, "500.html", "Something broke on our side", status=500)


def _page(request: HttpRequest, template: str, title: str, *, status: int) -> HttpResponse:
    """Render without the request: what is known of it, such as its user, may take a query."""
    request_id = request_id_of(request)
    try:
        body = loader.get_template(template).render({"request_id": request_id})
    except (TemplateDoesNotExist, TemplateSyntaxError, OSError, ValueError):
        logger.exception("The error page %s cannot be rendered", template)
        body = BARE.format(title=escape(title), request_id=escape(request_id))
    return HttpResponse(body, status=status, headers={"Cache-Control": "no-store"})
