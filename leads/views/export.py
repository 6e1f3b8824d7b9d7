"""The filtered contacts as a CSV file."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from distribution import audit
from leads.export import csv_lines
from leads.forms.filters import ContactFilter
from minicrm.pages import actor_of
from minicrm.searches import search_of, without_typed_text
from minicrm.transactions import retried


@require_safe
@permission_required("leads.view_contact", raise_exception=True)
def export_contacts(request: HttpRequest) -> HttpResponseBase:
    """Send the contacts that the filters let through, the newest first, as they are read.

    Should the database fail in the middle, the connection is broken off: a file that ends there
    must not look like a whole one. Filters that the list cannot make sense of are shown there, and
    so is a search that is not known any more: nobody takes along more than they asked for. Who
    took contacts along stands in the history.
    """
    if response := without_typed_text(request):
        return response
    search = search_of(request)
    filters = ContactFilter(search.data(request.GET))
    if search.is_lost or not filters.is_valid():
        response = redirect("leads:contacts")
        response["Location"] += f"?{request.GET.urlencode()}"
        return response
    masked = not request.user.has_perm("leads.see_personal_data")
    if request.method == "GET":
        _record(actor_of(request), filters, masked=masked)
    name = f"contacts-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        csv_lines(filters.contacts(), masked=masked),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


@retried
def _record(actor: str, filters: ContactFilter, *, masked: bool) -> None:
    """Write down who took contacts along, and which; what they searched for is personal data."""
    chosen = [f"{name}={value}" for name, value in filters.others().items() if value]
    if filters.cleaned_data["q"]:
        chosen.append("search")
    audit.record(
        actor=actor,
        action="exported",
        obj_type="contacts",
        object_id=0,
        object_name="CSV",
        after={"filters": chosen, "masked": masked},
    )
