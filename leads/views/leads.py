"""The leads: the list, and looking for one of them."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from distribution.views.keyset import keyset_page
from leads.forms.leads import LeadSearch
from leads.lead_facts import COUNTED, count_pairs, facts_of
from leads.models import Lead
from leads.search import leads_found
from minicrm.pages import show


@require_safe
@permission_required("leads.view_lead", raise_exception=True)
def leads(request: HttpRequest) -> HttpResponse:
    """Show a page of the leads, the newest first, or those that are looked for."""
    form = LeadSearch(request.GET)
    page = keyset_page(_leads(form), request.GET)
    may_see_duplicates = request.user.has_perm("leads.view_leadconflict")
    context = {
        "form": form,
        "page": page,
        "rows": list(facts_of(page.rows).values()),
        "pairs": count_pairs() if may_see_duplicates else 0,
        "counted": COUNTED,
    }
    return show(request, "leads/list.html", context)


def _leads(form: LeadSearch) -> QuerySet[Lead]:
    if not form.is_valid():
        return Lead.objects.none()
    wanted = form.cleaned_data["q"]
    return Lead.objects.filter(leads_found(wanted)) if wanted else Lead.objects.all()
