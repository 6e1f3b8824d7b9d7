"""One operator: weights, open contacts, today's numbers, history."""

from django.http import Http404, HttpRequest, HttpResponse


def operator(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def take_next(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404
