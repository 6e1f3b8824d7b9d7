"""The leads: search, one lead, possible duplicates, merging."""

from django.http import Http404, HttpRequest, HttpResponse


def leads(request: HttpRequest) -> HttpResponse:
    raise Http404


def lead(request: HttpRequest, pk: int) -> HttpResponse:
    raise Http404


def duplicates(request: HttpRequest) -> HttpResponse:
    raise Http404


def merge_leads(request: HttpRequest, pk: int, other: int) -> HttpResponse:
    raise Http404
