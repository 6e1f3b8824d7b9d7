"""All addresses of the site, and some where the code itself is broken: `/break/<how>/`.

For a process of its own: it adds a route to the API.
"""

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from minicrm.api import api
from minicrm.tests.leaks.broken import break_down

logger = logging.getLogger(__name__)


@csrf_exempt
@login_not_required
def broken_page(request: HttpRequest, how: str) -> HttpResponseBase:
    """Break as a page does."""
    return break_down(how, request.POST["text"])


@csrf_exempt
@login_not_required
def marked(request: HttpRequest) -> HttpResponse:
    """Log what was posted, as nothing of ours does: it shows that the log is caught."""
    logger.warning("marked: %s", request.POST["text"])
    return HttpResponse("marked")


@api.post("/break/{how}/", auth=None, include_in_schema=False)
def broken_call(request: HttpRequest, how: str) -> HttpResponseBase:
    """Break as a call of the API does."""
    return break_down(how, request.headers["X-Text"])


from minicrm.urls import handler400, handler500, urlpatterns as all_others  # noqa: E402, I001

urlpatterns = [
    path("break/<slug:how>/", broken_page),
    path("marked/", marked),
    *all_others,
]
__all__ = ["handler400", "handler500", "urlpatterns"]
