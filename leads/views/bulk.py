"""Moving many contacts at once."""

from django.http import Http404, HttpRequest, HttpResponse


def move_contacts(request: HttpRequest) -> HttpResponse:
    raise Http404


def move_job(request: HttpRequest, key: str) -> HttpResponse:
    raise Http404
