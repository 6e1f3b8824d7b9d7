"""The leads: the list, and looking for one of them."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from distribution.views.keyset import keyset_page
from leads.forms.leads import LeadSearch
from leads.lead_facts import COUNTED, count_pairs, facts_of
from leads.models import Lead
from leads.search import leads_found
from minicrm.pages import show
from minicrm.searches import address_of_search, search_of, without_typed_text


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.view_lead", raise_exception=True)
def leads(request: HttpRequest) -> HttpResponse:
    """Show a page of the leads, the newest first, or those that are looked for.

    A POST looks for somebody: it leads to an address that does not tell whom.
    """
    if request.method == "POST":
        form = LeadSearch(request.POST)
        if not form.is_valid():
            return _show(request, form, status=422)
        return address_of_search(request, form.cleaned_data["q"], {})
    search = search_of(request)
    return without_typed_text(request) or _show(
        request, LeadSearch(search.data(request.GET)), is_lost=search.is_lost
    )


def _show(
    request: HttpRequest, form: LeadSearch, *, is_lost: bool = False, status: int = 200
) -> HttpResponse:
    page = keyset_page(_leads(form), request.GET)
    may_see_duplicates = request.user.has_perm("leads.view_leadconflict")
    context = {
        "form": form,
        "search_is_lost": is_lost,
        "page": page,
        "rows": list(facts_of(page.rows).values()),
        "pairs": count_pairs() if may_see_duplicates else 0,
        "counted": COUNTED,
    }
    return show(request, "leads/list.html", context, status=status)


def _leads(form: LeadSearch) -> QuerySet[Lead]:
    if not form.is_valid():
        return Lead.objects.none()
    wanted = form.cleaned_data["q"]
    return Lead.objects.filter(leads_found(wanted)) if wanted else Lead.objects.all()
