"""Giving an operator one of the contacts that wait in their sources, by hand."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from distribution.models import Operator, Source
from leads.forms.operators import TakeNextForm
from leads.models import Contact
from leads.refusals import Refusal, refusal_lines, refused_when_busy
from leads.services import Moved, take_next_contact
from minicrm.errors import ServiceError
from minicrm.pages import actor_of, go_back, show, toast

CONTACTS_SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(("leads.change_contact", "distribution.view_operator"), raise_exception=True)
def take_next(request: HttpRequest, pk: int) -> HttpResponse:
    """Show which contacts could be next, and give one to the operator."""
    operator = get_object_or_404(Operator, pk=pk)
    if request.method != "POST":
        return _ask(request, operator, TakeNextForm())
    form = TakeNextForm(request.POST)
    if not form.is_valid():
        return _ask(request, operator, form, status=422)
    try:
        moved = _take(request, operator, form)
    except ServiceError as error:
        form.add_error(None, refusal_lines([Refusal.of(0, error)])[0][1])
        return _ask(request, Operator.objects.get(pk=pk), form, status=409)
    if moved is None:
        form.add_error("expected_id", _("This contact does not come from the operator’s sources."))
        return _ask(request, operator, form, status=422)
    _tell(request, operator, moved)
    return go_back(request, "leads:operator", pk)


def next_of(operator: Operator) -> list[Contact]:
    """Return the oldest waiting contact of each of the operator's sources, the oldest first."""
    queue = Contact.objects.waiting().filter(source=OuterRef("pk")).order_by("pk")
    sources = Source.objects.filter(weights__operator=operator).annotate(
        next_id=Subquery(queue.values("pk")[:1])
    )
    waiting = sources.filter(next_id__isnull=False).order_by("next_id")
    ids = list(waiting.values_list("next_id", flat=True)[:CONTACTS_SHOWN])
    return list(Contact.objects.filter(pk__in=ids).select_related("lead", "source").order_by("pk"))


def _take(request: HttpRequest, operator: Operator, form: TakeNextForm) -> Moved | None:
    """Give the contact that was chosen, if it waits in one of the operator's sources."""
    wanted = form.arguments()
    theirs = Contact.objects.filter(source__weights__operator=operator)
    contact = theirs.filter(pk=wanted["expected_id"]).first()
    if contact is None:
        return None
    with refused_when_busy():
        return take_next_contact(
            operator.pk, actor=actor_of(request), source_id=contact.source_id, **wanted
        )


def _ask(
    request: HttpRequest, operator: Operator, form: TakeNextForm, *, status: int = 200
) -> HttpResponse:
    contacts = next_of(operator)
    chosen = form["expected_id"].value()
    if not any(str(contact.pk) == str(chosen) for contact in contacts):
        chosen = contacts[0].pk if contacts else None
    context = {
        "operator": operator,
        "contacts": contacts,
        "chosen": str(chosen),
        "is_full": operator.current_load >= operator.max_load,
        "form": form,
    }
    return show(request, "operators/take_next.html", context, status=status)


def _tell(request: HttpRequest, operator: Operator, moved: Moved) -> None:
    contact = moved.contact
    text = _("Contact %(contact)s is with %(operator)s now.")
    undo = (reverse("leads:requeue_contact", args=[contact.pk]), {"version": contact.version})
    facts = {"contact": contact, "operator": operator.name}
    # Sent once more it changes nothing, and what happened in between is not to be undone.
    toast(request, text % facts, undo=undo if moved.changed else None)
