"""Possible duplicates: pairs of leads that contacts named as one person."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from distribution.views.keyset import keyset_page
from leads.forms.leads import PairForm
from leads.lead_facts import pairs_of
from leads.models import LeadConflict
from leads.refusals import refused_when_busy
from leads.services import suspect_again, tell_apart
from leads.views.lead_refusals import lead_refusal_text
from minicrm.errors import NotFound, ServiceError
from minicrm.pages import actor_of, go_back, show, toast

PAGE_SIZE = 25  # pairs, each with two leads side by side


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.view_leadconflict", raise_exception=True)
def duplicates(request: HttpRequest) -> HttpResponse:
    """Show the pairs that nobody has decided about; a POST tells a pair apart."""
    if request.method == "POST":
        return _decide(request)
    return _show_pairs(request)


@permission_required("leads.change_leadconflict", raise_exception=True)
def _decide(request: HttpRequest) -> HttpResponse:
    form = PairForm(request.POST)
    if not form.is_valid():
        toast(request, _("It is not clear which leads are meant."), level=messages.ERROR)
        return _show_pairs(request, status=422)
    again = form.cleaned_data["again"]
    pair = form.cleaned_data["lead"], form.cleaned_data["other"]
    decide = suspect_again if again else tell_apart
    try:
        with refused_when_busy():
            count = decide(lead_id=pair[0], other_id=pair[1], actor=actor_of(request))
    except NotFound as error:
        raise Http404 from error
    except ServiceError as error:
        toast(request, lead_refusal_text(error), level=messages.ERROR)
        return go_back(request, "leads:duplicates")
    _tell(request, pair, again=again, changed=bool(count))
    return go_back(request, "leads:duplicates")


def _tell(request: HttpRequest, pair: tuple[int, int], *, again: bool, changed: bool) -> None:
    numbers = dict(zip(("one", "other"), pair, strict=True))
    if not changed:
        toast(request, _("Nothing to change: it is so already."), level=messages.INFO)
        return
    text = (
        _("#%(one)d and #%(other)d are possible duplicates again.")
        if again
        else _("#%(one)d and #%(other)d are two persons.")
    )
    opposite = {} if again else {"again": "1"}
    fields = {"lead": pair[0], "other": pair[1], **opposite}
    toast(request, text % numbers, undo=(reverse("leads:duplicates"), fields))


def _show_pairs(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    conflicts = LeadConflict.objects.filter(resolved_at=None).select_related("lead", "other_lead")
    page = keyset_page(conflicts, request.GET, size=PAGE_SIZE)
    context = {"page": page, "pairs": pairs_of(page.rows)}
    return show(request, "leads/duplicates.html", context, status=status)
