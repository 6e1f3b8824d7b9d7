"""One contact: what was asked, what happened to it, why it went where it went."""

from __future__ import annotations

import json

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from leads.models import Contact
from leads.moving.moves import possible_moves
from leads.timeline_words import timeline_lines
from minicrm.pages import show

KEY_LABELS = {
    "external_id": gettext_lazy("external id"),
    "email": gettext_lazy("e-mail"),
    "phone": gettext_lazy("phone"),
}


@require_safe
@permission_required("leads.view_contact", raise_exception=True)
def contact(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a contact with its timeline, the latest choice of an operator opened."""
    rows = Contact.objects.select_related("source", "operator", "lead")
    found = get_object_or_404(rows, pk=pk)
    lines = timeline_lines(found)
    tables = [index for index, line in enumerate(lines) if line.has_table]
    payload = json.dumps(found.payload, ensure_ascii=False, indent=2) if found.payload else ""
    context = {
        "contact": found,
        "moves": possible_moves(found),
        "lines": lines,
        "latest": tables[-1] if tables else None,
        "payload": payload,
        "supplied": _supplied(found),
        "retention_days": settings.RETENTION_DAYS,
    }
    return show(request, "contacts/contact.html", context)


def _supplied(contact: Contact) -> list[tuple[str, str]]:
    keys = contact.supplied if isinstance(contact.supplied, dict) else {}
    labels = {name: str(KEY_LABELS.get(name, name)) for name in keys}
    return [(capfirst(labels[name]), str(value)) for name, value in keys.items()]
