"""Erasing a lead: what goes, doing it, and the act of it; and everything that we hold."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distribution.audit import actor_names
from distribution.models import AuditEvent
from leads import services
from leads.forms.erasing import ErasureForm
from leads.models import Lead
from leads.refusals import refused_when_busy
from leads.services import Erasing, preview_erasure
from leads.views.lead_refusals import lead_refusal_text
from minicrm.errors import Busy, Conflict, NotFound, ServiceError
from minicrm.pages import actor_of, show, toast
from minicrm.schemas import MAX_ID


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.erase_lead", raise_exception=True)
def erase_lead(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what would be erased, and ask for the lead's number; a POST erases it."""
    if pk > MAX_ID:
        raise Http404
    try:
        erasing = preview_erasure(pk)
    except NotFound as error:
        raise Http404 from error
    except Conflict as error:
        if error.code == "lead_erased":
            return redirect("leads:lead_erasure", pk)
        return redirect("leads:lead", pk)  # which says into whom it was merged
    if request.method == "POST":
        return _erase(request, erasing)
    return _ask(request, erasing, _blank_form(erasing))


def _erase(request: HttpRequest, erasing: Erasing) -> HttpResponse:
    pk = erasing.lead.pk
    form = ErasureForm(request.POST, lead_id=pk)
    if not form.is_valid():
        return _ask(request, erasing, form, status=422)
    said = {name: form.cleaned_data[name] for name in ("reason", "seen")}
    try:
        with refused_when_busy():
            services.erase_lead(pk, actor=actor_of(request), **said)
    except Conflict as error:
        return _ask_again(request, pk, error, reason=said["reason"])
    except ServiceError as error:
        form.add_error("reason" if error.field else None, lead_refusal_text(error))
        return _ask(request, erasing, form, status=409 if isinstance(error, Busy) else 422)
    toast(request, _("The personal data of lead #%(number)s is erased.") % {"number": pk})
    return redirect("leads:lead_erasure", pk)


def _ask_again(request: HttpRequest, pk: int, error: Conflict, *, reason: str) -> HttpResponse:
    """Show what there is to erase now; a lead that was erased or merged leads to what tells so."""
    if error.code != "lead_grew":
        return redirect("leads:erase_lead", pk)
    try:
        erasing = preview_erasure(pk)
    except ServiceError:
        return redirect("leads:erase_lead", pk)
    form = _blank_form(erasing, reason=reason)
    return _ask(request, erasing, form, notice=lead_refusal_text(error), status=409)


def _blank_form(erasing: Erasing, *, reason: str = "") -> ErasureForm:
    initial = {"seen": erasing.stamp, "reason": reason}
    return ErasureForm(lead_id=erasing.lead.pk, initial=initial)


def _ask(
    request: HttpRequest,
    erasing: Erasing,
    form: ErasureForm,
    *,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {"erasing": erasing, "form": form, "notice": notice}
    return show(request, "leads/erase.html", context, status=status)


@require_safe
@permission_required(("leads.view_lead", "distribution.view_auditevent"), raise_exception=True)
def lead_erasure(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the act of a lead's erasure; of a merged one, that of the lead it had become."""
    lead = get_object_or_404(Lead.objects.exclude(erased_at=None), pk=pk)
    events = AuditEvent.objects.filter(
        object_type=AuditEvent.ObjectType.LEAD,
        object_id=lead.merged_into_id or lead.pk,
        action=AuditEvent.Action.ERASED,
    )
    event = events.first()
    if event is None:
        raise Http404
    context = {
        "lead": lead,
        "event": event,
        "act": event.after or {},
        "who": actor_names([event.actor])[event.actor],
    }
    return show(request, "leads/erasure.html", context)


@require_POST
@permission_required("leads.see_personal_data", raise_exception=True)
def export_lead(request: HttpRequest, pk: int) -> HttpResponse:
    """Send everything we hold about a lead as a file; that it was asked for is recorded."""
    try:
        with refused_when_busy():
            dossier = services.export_lead(pk, actor=actor_of(request))
    except NotFound as error:
        raise Http404 from error
    except Busy as error:
        return HttpResponse(error.message, status=503, headers={"Retry-After": "5"})
    number = dossier["lead"]["id"]
    return JsonResponse(
        dossier,
        json_dumps_params={"ensure_ascii": False, "indent": 2},
        headers={
            "Content-Disposition": f'attachment; filename="lead-{number}.json"',
            "Cache-Control": "no-store",
        },
    )
