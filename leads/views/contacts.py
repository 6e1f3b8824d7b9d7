"""The contacts: the list with its filters, and new ones by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from distribution.views.keyset import keyset_page
from leads.forms.contacts import ContactForm
from leads.forms.filters import ContactFilter
from leads.moving.moves import Move, possible_moves
from leads.refusals import refused_when_busy
from leads.services import register_contact
from leads.views.leafing import received_page
from minicrm.errors import Invalid, NotFound, ServiceError
from minicrm.pages import actor_of, show, toast


@require_safe
@permission_required("leads.view_contact", raise_exception=True)
def contacts(request: HttpRequest) -> HttpResponse:
    """Show a page of the contacts that the filters let through, the newest first."""
    filters = ContactFilter(request.GET)
    rows = filters.contacts().select_related("source", "operator", "lead")
    leaf = received_page if filters.is_by_day else keyset_page
    page = leaf(rows.defer("message", "payload", "supplied"), request.GET)
    context = {
        "filters": filters,
        "page": page,
        "rows": [(contact, possible_moves(contact)) for contact in page.rows],
        "is_first": not (request.GET.get("before") or request.GET.get("after")),
        "moves": list(Move),
    }
    return show(request, "contacts/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.add_contact", raise_exception=True)
def create_contact(request: HttpRequest) -> HttpResponse:
    """Take down a contact by hand; it goes to an operator at once, or waits."""
    if request.method != "POST":
        return _form(request, ContactForm(initial=request.GET.dict()))
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _form(request, form, status=422)
    wanted, actor = form.contact_request(), actor_of(request)
    try:
        with refused_when_busy():
            once = form.once_for(actor, wanted)
            receipt = register_contact(wanted, actor=actor, once=once).receipt
    except ServiceError as error:
        form.refuse(error)
        return _form(request, form, status=422 if isinstance(error, Invalid | NotFound) else 409)
    _tell_where_it_went(request, receipt["id"], receipt["operator"])
    return redirect("leads:contact", receipt["id"])


def _form(request: HttpRequest, form: ContactForm, *, status: int = 200) -> HttpResponse:
    return show(request, "contacts/new.html", {"form": form}, status=status)


def _tell_where_it_went(request: HttpRequest, number: int, operator: str | None) -> None:
    if operator is None:
        text = _("Contact #%(number)d is kept. Nobody can take it now: it waits.")
        toast(request, text % {"number": number}, level=messages.WARNING)
    else:
        text = _("Contact #%(number)d went to %(operator)s.")
        toast(request, text % {"number": number, "operator": operator})
