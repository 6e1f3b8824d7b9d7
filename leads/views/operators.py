"""The operators: the list, switching, limits, what is done to several."""

from django.http import Http404, HttpRequest, HttpResponse


def operators(request: HttpRequest) -> HttpResponse:
    raise Http404


def create_operator(request: HttpRequest) -> HttpResponse:
    raise Http404


def edit_operator(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def switch_operator(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def set_limit(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def change_operators(request: HttpRequest) -> HttpResponse:
    raise Http404
