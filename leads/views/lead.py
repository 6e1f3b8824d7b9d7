"""One lead: keys, contacts, possible duplicates, history; its name, and whom to merge it with."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from distribution.event_words import latest_changes
from distribution.models import AuditEvent
from distribution.views.keyset import keyset_page
from leads.forms.leads import NameForm, OtherLead
from leads.lead_facts import Pair, facts_of, pairs_of
from leads.models import Contact, Lead, LeadConflict
from leads.refusals import refused_when_busy
from leads.search import leads_found
from leads.services import rename_lead
from leads.views.lead_refusals import lead_refusal_text
from minicrm.errors import Invalid, ServiceError
from minicrm.pages import actor_of, show, toast

PAIRS_SHOWN = 10


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.view_lead", raise_exception=True)
def lead(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a lead; a POST renames it, or with `with_lead` goes on to merging it with that one."""
    found = get_object_or_404(Lead, pk=pk)
    if request.method == "POST":
        # Posted too, though it changes nothing: an address is no place for what is typed there.
        change = _choose_other if "with_lead" in request.POST else _rename
        return change(request, found)
    return _show_lead(request, found)


@permission_required("leads.change_lead", raise_exception=True)
def _rename(request: HttpRequest, found: Lead) -> HttpResponse:
    form = NameForm(request.POST, auto_id="lead-%s")
    if not form.is_valid():
        return _show_lead(request, found, name_form=form, status=422)
    try:
        with refused_when_busy():
            changed = rename_lead(found.pk, actor=actor_of(request), **form.cleaned_data)
    except ServiceError as error:
        form.add_error("name", lead_refusal_text(error))
        status = 422 if isinstance(error, Invalid) else 409
        found.refresh_from_db()
        return _show_lead(request, found, name_form=form, status=status)
    text = _("The name is changed.") if changed else _("Nothing to change: it is so already.")
    undo = request.path, {"name": form.cleaned_data["shown"], "shown": form.cleaned_data["name"]}
    level = messages.SUCCESS if changed else messages.INFO
    toast(request, text, level=level, undo=undo if changed else None)
    return redirect("leads:lead", found.pk)


@permission_required("leads.change_lead", raise_exception=True)
def _choose_other(request: HttpRequest, found: Lead) -> HttpResponse:
    """Lead on to the preview of the merge, or say why nobody can be merged with that."""
    form = OtherLead(request.POST, auto_id="lead-%s")
    if form.is_valid():
        wanted = leads_found(form.cleaned_data["with_lead"])
        others = Lead.objects.filter(wanted).values_list("pk", "merged_into")[:3]
        # A merged lead stands for the one that has its contacts.
        roots = sorted({merged_into or pk for pk, merged_into in others})
        if len(roots) == 1 and roots != [found.pk] and found.merged_into_id is None:
            return redirect("leads:merge_leads", found.pk, roots[0])
        form.add_error("with_lead", _why_nobody(found, roots))
    return _show_lead(request, found, other_form=form, status=422)


def _why_nobody(found: Lead, roots: list[int]) -> str:
    if not roots:
        return _("Nobody is known by that. A search finds whole keys and numbers.")
    if found.merged_into_id is not None:
        return _("This lead is merged already.")
    if roots == [found.pk]:
        return _("That is this lead itself.")
    numbers = ", ".join(f"#{pk}" for pk in roots)
    return _("That means several leads: %(numbers)s. Give the number.") % {"numbers": numbers}


def _show_lead(
    request: HttpRequest,
    found: Lead,
    *,
    name_form: NameForm | None = None,
    other_form: OtherLead | None = None,
    status: int = 200,
) -> HttpResponse:
    facts = facts_of([found])[found.pk]
    contacts = Contact.objects.filter(lead=found).select_related("source", "operator")
    shown = {"name": found.name, "shown": found.name}
    context = {
        "facts": facts,
        "lead": found,
        "name_form": name_form or NameForm(initial=shown, auto_id="lead-%s"),
        "other_form": other_form or OtherLead(auto_id="lead-%s"),
        "page": keyset_page(contacts.defer("payload", "supplied"), request.GET),
        **_if_allowed(request, found),
    }
    return show(request, "leads/lead.html", context, status=status)


def _if_allowed(request: HttpRequest, found: Lead) -> dict[str, Any]:
    """Return what not everybody who may look at leads may look at."""
    context: dict[str, Any] = {}
    if request.user.has_perm("leads.view_leadconflict"):
        context["pairs"] = _pairs(found)
    if request.user.has_perm("distribution.view_auditevent"):
        context["events"] = latest_changes(AuditEvent.ObjectType.LEAD, found.pk)
    return context


def _pairs(found: Lead) -> list[Pair]:
    either = Q(lead=found) | Q(other_lead=found)
    conflicts = LeadConflict.objects.filter(either, resolved_at=None).order_by("-pk")
    return pairs_of(conflicts.select_related("lead", "other_lead")[:PAIRS_SHOWN])
