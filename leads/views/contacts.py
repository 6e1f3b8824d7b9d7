"""The contacts: the list, new ones by hand, the export."""

from django.http import Http404, HttpRequest, HttpResponse


def contacts(request: HttpRequest) -> HttpResponse:
    raise Http404


def create_contact(request: HttpRequest) -> HttpResponse:
    raise Http404


def export_contacts(request: HttpRequest) -> HttpResponse:
    raise Http404
