"""The contacts: the list with its filters, and new ones by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from distribution.views.keyset import keyset_page
from leads.forms.contacts import ContactForm
from leads.forms.filters import ContactFilter
from leads.moving.moves import Move, possible_moves
from leads.refusals import refused_when_busy
from leads.services import register_contact
from leads.views.leafing import received_page
from minicrm.errors import Invalid, NotFound, ServiceError
from minicrm.pages import actor_of, show, toast
from minicrm.searches import address_of_search, search_of, without_typed_text


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.view_contact", raise_exception=True)
def contacts(request: HttpRequest) -> HttpResponse:
    """Show a page of the contacts that the filters let through, the newest first.

    A POST sets the filters: it leads to an address that has them, but no text that was searched.
    """
    if request.method == "POST":
        filters = ContactFilter(request.POST)
        if not filters.is_valid():
            return _show(request, filters, status=422)
        return address_of_search(request, filters.cleaned_data["q"], filters.others())
    search = search_of(request)
    filters = ContactFilter(search.data(request.GET))
    return without_typed_text(request) or _show(request, filters, is_lost=search.is_lost)


def _show(
    request: HttpRequest, filters: ContactFilter, *, is_lost: bool = False, status: int = 200
) -> HttpResponse:
    rows = filters.contacts().select_related("source", "operator", "lead")
    leaf = received_page if filters.is_by_day else keyset_page
    page = leaf(rows.defer("message", "payload", "supplied"), request.GET)
    context = {
        "filters": filters,
        "search_is_lost": is_lost,
        "page": page,
        "rows": [(contact, possible_moves(contact)) for contact in page.rows],
        "is_first": not (request.GET.get("before") or request.GET.get("after")),
        "moves": list(Move),
    }
    return show(request, "contacts/list.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("leads.add_contact", raise_exception=True)
def create_contact(request: HttpRequest) -> HttpResponse:
    """Take down a contact by hand; it goes to an operator at once, or waits."""
    if request.method != "POST":
        return _form(request, ContactForm(initial={"source": request.GET.get("source", "")}))
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
