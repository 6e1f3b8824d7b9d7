"""One operator: weights, open contacts, today's numbers, history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from distribution.event_words import latest_changes
from distribution.models import AuditEvent
from leads.models import Contact
from leads.operator_days import today_of
from leads.operator_lists import operators_with_places
from leads.operator_weights import weights_of
from leads.templatetags.figures import age_text
from minicrm.pages import show

if TYPE_CHECKING:
    from leads.views.operators import Refused

CONTACTS_SHOWN = 20


@require_safe
@permission_required(("distribution.view_operator", "leads.view_contact"), raise_exception=True)
def operator(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one operator."""
    return show_operator(request, pk)


def show_operator(request: HttpRequest, pk: int, *, refused: Refused | None = None) -> HttpResponse:
    """Show one operator; a limit that was `refused` with what was typed."""
    shown = get_object_or_404(operators_with_places(), pk=pk)
    theirs = Contact.objects.assigned().filter(operator=shown).order_by("assigned_at", "pk")
    contacts = list(theirs.select_related("lead", "source")[: CONTACTS_SHOWN + 1])
    context = {
        "operator": shown,
        "weights": weights_of(pk),
        "contacts": contacts[:CONTACTS_SHOWN],
        "has_more": len(contacts) > CONTACTS_SHOWN,
        "oldest": contacts[0] if contacts else None,
        "day": (day := today_of(pk)),
        "handling": age_text(int(day.handling.total_seconds())) if day.handling else "",
        "here": reverse("leads:operator", args=[pk]),
        "refused": refused,
    }
    if request.user.has_perm("distribution.view_auditevent"):
        context["events"] = latest_changes(AuditEvent.ObjectType.OPERATOR, pk)
    status = refused.status if refused else 200
    return show(request, "operators/operator.html", context, status=status)
