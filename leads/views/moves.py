"""Moving one contact: ask, do it, and say what became of it, with a way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from distribution.audit import names_of
from leads.forms.moves import GiveForm, OneMoveForm, form_of_one
from leads.models import Contact
from leads.moving.moves import EXPLANATIONS, SERVICES, Move, possible_moves
from leads.moving.words import freed_text, moved_text, question_about
from leads.receivers import receivers_of
from leads.refusals import Refusal, refused_when_busy
from leads.services import Moved
from minicrm.errors import Busy, Conflict, ServiceError
from minicrm.pages import actor_of, go_back, show, toast

LISTED = 30  # operators; the others are one click away
asks = require_http_methods(["GET", "HEAD", "POST"])
may_move = permission_required("leads.change_contact", raise_exception=True)


@asks
@may_move
def close_contact(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a contact, open or waiting."""
    return _move(request, pk, Move.CLOSE)


@asks
@may_move
def reopen_contact(request: HttpRequest, pk: int) -> HttpResponse:
    """Open a closed contact again."""
    return _move(request, pk, Move.REOPEN)


@asks
@may_move
def requeue_contact(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a contact from its operator and put it back into the queue."""
    return _move(request, pk, Move.REQUEUE)


@asks
@may_move
def reassign_contact(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an open contact to an operator."""
    return _move(request, pk, Move.REASSIGN)


def _move(request: HttpRequest, pk: int, move: Move) -> HttpResponse:
    contact = _contact(pk)
    if request.method != "POST":
        return _ask(request, move, contact, _fresh_form(move, contact, request.GET.dict()))
    form = form_of_one(move)(request.POST)
    if not form.is_valid():
        return _ask(request, move, contact, form, status=422)
    try:
        with refused_when_busy():
            result = SERVICES[move](pk, actor=actor_of(request), **form.arguments())
    except ServiceError as error:
        return _refuse(request, move, pk, form, error)
    _tell(request, move, contact, result)
    return go_back(request, "leads:contact", pk)


def _contact(pk: int) -> Contact:
    return get_object_or_404(Contact.objects.select_related("source", "operator", "lead"), pk=pk)


def _fresh_form(move: Move, contact: Contact, said: Mapping[str, Any]) -> OneMoveForm | GiveForm:
    """Return the form for the contact as it is now, with what was filled in already."""
    return form_of_one(move)(initial={**said, "version": contact.version})


def _refuse(
    request: HttpRequest, move: Move, pk: int, form: OneMoveForm | GiveForm, error: ServiceError
) -> HttpResponse:
    """Show why not and how the contact is now, so that the user can decide anew."""
    if error.code == "contact_not_found":
        raise Http404
    contact = _contact(pk)
    refusal = Refusal.of(pk, error)
    names = names_of("operator", {refusal.operator_id} if refusal.operator_id else set())
    form = _fresh_form(move, contact, request.POST.dict())
    status = 409 if isinstance(error, Conflict | Busy) else 422
    return _ask(request, move, contact, form, notice=refusal.text(names), status=status)


def _ask(
    request: HttpRequest,
    move: Move,
    contact: Contact,
    form: OneMoveForm | GiveForm,
    *,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    receivers = receivers_of(contact) if move == Move.REASSIGN else []
    context = {
        "question": question_about(move, contact),
        "explanation": EXPLANATIONS[move],
        "move": move,
        "action": reverse(f"leads:{move.value}_contact", args=[contact.pk]),
        "contact": contact,
        "is_possible": move in possible_moves(contact),
        "form": form,
        "notice": notice,
        "receivers": receivers[:LISTED],
        "more_receivers": receivers[LISTED:],
        "chosen": str(form["operator_id"].value() or "") if move == Move.REASSIGN else "",
    }
    return show(request, "contacts/move.html", context, status=status)


def _tell(request: HttpRequest, move: Move, before: Contact, result: Moved) -> None:
    """Say what became of the contact, and of others; the way back is a move of its own."""
    if not result.changed:
        text = _("Contact #%(number)d was so already; nothing was done.")
        toast(request, text % {"number": before.pk}, level=messages.INFO)
        return
    text = moved_text(move, result.contact)
    toast(request, text, undo=_undo(move, before, result.contact))
    if result.assigned:
        toast(request, freed_text(result.assigned), level=messages.INFO)


def _undo(move: Move, before: Contact, after: Contact) -> tuple[str, dict[str, object]] | None:
    """Return the move that leads back, as far as one does, for this version of the contact."""
    fields: dict[str, object] = {"version": after.version}
    match move:
        case Move.CLOSE:
            view = "reopen_contact"
        case Move.REOPEN:
            view = "close_contact"
        case Move.REASSIGN if before.operator is None:
            view = "requeue_contact"
        case _:
            if before.operator is None or not before.operator.is_active:
                return None
            view = "reassign_contact"
            fields["operator_id"] = before.operator.pk
    return reverse(f"leads:{view}", args=[before.pk]), fields
