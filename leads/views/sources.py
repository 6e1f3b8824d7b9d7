"""The sources: the list, creating, renaming, switching."""

from django.http import Http404, HttpRequest, HttpResponse


def sources(request: HttpRequest) -> HttpResponse:
    raise Http404


def create_source(request: HttpRequest) -> HttpResponse:
    raise Http404


def edit_source(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def switch_source(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404
