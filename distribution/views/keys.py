"""API keys: making, rotating, revoking."""

from django.http import Http404, HttpRequest, HttpResponse


def keys(request: HttpRequest) -> HttpResponse:
    raise Http404


def create_key(request: HttpRequest) -> HttpResponse:
    raise Http404


def rotate_key(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404
