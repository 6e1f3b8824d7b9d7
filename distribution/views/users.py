"""Users and their roles."""

from django.http import Http404, HttpRequest, HttpResponse


def users(request: HttpRequest) -> HttpResponse:
    raise Http404


def create_user(request: HttpRequest) -> HttpResponse:
    raise Http404


def edit_user(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def set_password(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404
