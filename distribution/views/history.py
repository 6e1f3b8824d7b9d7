"""Who changed what."""

from django.http import Http404, HttpRequest, HttpResponse


def history(request: HttpRequest) -> HttpResponse:
    raise Http404
