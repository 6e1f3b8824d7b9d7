"""Merging two leads: what will happen, and doing it."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from leads.lead_facts import keys_of
from leads.refusals import refused_when_busy
from leads.services import Merging, preview_merge
from leads.services import merge_leads as merge
from leads.views.lead_refusals import lead_refusal_text
from minicrm.errors import Conflict, Invalid, NotFound, ServiceError
from minicrm.pages import actor_of, go_back, show, toast
from minicrm.schemas import MAX_ID


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.change_lead", raise_exception=True)
def merge_leads(request: HttpRequest, pk: int, other: int) -> HttpResponse:
    """Show what merging the other lead into this one does; a POST does that."""
    if max(pk, other) > MAX_ID:
        raise Http404
    try:
        if request.method == "POST":
            return _merge(request, pk, other)
        return _preview(request, preview_merge(into_id=pk, lead_id=other))
    except (NotFound, Invalid) as error:
        raise Http404 from error
    except ServiceError as error:
        context = {"pk": pk, "other": other, "notice": lead_refusal_text(error)}
        return show(request, "leads/merge_refused.html", context, status=409)


def _merge(request: HttpRequest, pk: int, other: int) -> HttpResponse:
    try:
        with refused_when_busy():
            merged = merge(
                into_id=pk,
                lead_id=other,
                actor=actor_of(request),
                expected=request.POST.get("expected", ""),
            )
    except Conflict as error:
        if error.code != "leads_changed":
            raise
        merging = preview_merge(into_id=pk, lead_id=other)
        return _preview(request, merging, notice=lead_refusal_text(error), status=409)
    numbers = {"lead": other, "into": pk, "contacts": merged.contacts}
    text = _("#%(lead)d is merged into #%(into)d. Contacts that went there: %(contacts)d.")
    toast(request, text % numbers)
    # The other's page has nothing more to say; the list of duplicates has.
    back = request.POST.get("next", "")
    if back.startswith("/leads/duplicates/"):
        return go_back(request, "leads:duplicates")
    return redirect("leads:lead", pk)


def _preview(
    request: HttpRequest, merging: Merging, *, notice: str = "", status: int = 200
) -> HttpResponse:
    sides = (
        (merging.into, merging.into_merged),
        (merging.lead, merging.lead_merged),
    )
    context = {
        "merging": merging,
        "keys": [key for lead, merged in sides for one in (lead, *merged) for key in keys_of(one)],
        "together": merging.into_contacts + merging.lead_contacts,
        "gets_name": not merging.into.name and merging.lead.name,
        "notice": notice,
    }
    return show(request, "leads/merge.html", context, status=status)
