"""One contact: its timeline, why it went where it went, its moves."""

from django.http import Http404, HttpRequest, HttpResponse


def contact(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def close_contact(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def reassign_contact(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def requeue_contact(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def reopen_contact(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404
