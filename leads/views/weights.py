"""One source: the weights of its operators, their shares, its keys."""

from django.http import Http404, HttpRequest, HttpResponse


def source(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def set_weights(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404
