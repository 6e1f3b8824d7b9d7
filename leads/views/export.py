"""The filtered contacts as a CSV file."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from leads.export import csv_lines
from leads.forms.filters import ContactFilter


@require_safe
@permission_required("leads.view_contact", raise_exception=True)
def export_contacts(request: HttpRequest) -> HttpResponseBase:
    """Send the contacts that the filters let through, the newest first, as they are read.

    Should the database fail in the middle, the connection is broken off: a file that ends there
    must not look like a whole one. Filters that the list cannot make sense of are shown there.
    """
    filters = ContactFilter(request.GET)
    if not filters.is_valid():
        response = redirect("leads:contacts")
        response["Location"] += f"?{request.GET.urlencode()}"
        return response
    name = f"contacts-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        csv_lines(filters.contacts()),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
