"""Switching operators on and off, one by one or several, and what becomes of open contacts."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from distribution.models import Operator
from distribution.refusals import refusal_text
from distribution.services import update_operator
from leads.forms.operators import SwitchForm
from leads.refusals import refused_when_busy
from leads.services import OpenContacts, SwitchedOff, switch_operator_off
from minicrm.errors import NotFound, ServiceError
from minicrm.pages import actor_of, go_back, show, toast


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("distribution.change_operator", raise_exception=True)
def switch_operator(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch an operator on or off; ask what becomes of the open contacts if there are any."""
    operator = get_object_or_404(Operator, pk=pk)
    if request.method != "POST":
        return _ask(request, operator, SwitchForm(is_active=operator.is_active))
    form = SwitchForm(request.POST, is_active=operator.is_active)
    if not form.is_valid():
        return _ask(request, operator, form, status=422)
    if not form.switches_on and form.choice is None and _must_choose(operator):
        return _ask(request, operator, SwitchForm(is_active=operator.is_active), status=422)
    if not may_move(request, form.choice):
        raise PermissionDenied
    try:
        with refused_when_busy():
            _switch(request, operator, form)
    except NotFound:
        raise Http404 from None
    except ServiceError as error:
        toast(request, refusal_text(error), level=messages.ERROR)
    return go_back(request, "leads:operators")


def _must_choose(operator: Operator) -> bool:
    return operator.is_active and operator.current_load > 0


def _ask(
    request: HttpRequest, operator: Operator, form: SwitchForm, *, status: int = 200
) -> HttpResponse:
    context = {"operator": operator, "form": form}
    return show(request, "operators/switch.html", context, status=status)


def _switch(request: HttpRequest, operator: Operator, form: SwitchForm) -> None:
    pk, name, actor = operator.pk, {"name": operator.name}, actor_of(request)
    if form.switches_on:
        update_operator(pk, actor=actor, is_active=True)
        text, undo = _("%(name)s is on.") % name, _back(operator, on=False)
    else:
        choice = form.choice or OpenContacts.KEEP
        result = switch_operator_off(pk, actor=actor, open_contacts=choice)
        text = " ".join([_("%(name)s is off.") % name, *outcome([result], choice)])
        undo = _back(operator, on=True)
    toast(request, text, undo=undo if operator.is_active != form.switches_on else None)


def _back(operator: Operator, *, on: bool) -> tuple[str, dict[str, object]]:
    fields: dict[str, object] = {"is_active": int(on)}
    if not on:
        fields["open_contacts"] = OpenContacts.KEEP
    return reverse("leads:switch_operator", args=[operator.pk]), fields


def may_move(request: HttpRequest, open_contacts: OpenContacts | None) -> bool:
    """Whether the user may do this with the open contacts; moving is changing contacts."""
    moves = open_contacts not in (None, OpenContacts.KEEP)
    return not moves or request.user.has_perm("leads.change_contact")


def outcome(results: Collection[SwitchedOff], open_contacts: OpenContacts | None) -> list[str]:
    """Return in sentences how many open contacts went elsewhere, and how many stayed."""
    moved, kept = sum(one.moved for one in results), sum(one.kept for one in results)
    sentences = []
    if moved:
        sentences.append(_moved_text(moved, open_contacts) % {"count": moved})
    if kept:
        text = ngettext("%(count)d open contact stayed.", "%(count)d open contacts stayed.", kept)
        sentences.append(text % {"count": kept})
    return sentences


def _moved_text(count: int, open_contacts: OpenContacts | None) -> str:
    if open_contacts == OpenContacts.REQUEUE:
        return ngettext(
            "%(count)d open contact went back into the queue.",
            "%(count)d open contacts went back into the queue.",
            count,
        )
    return ngettext(
        "%(count)d open contact went to others.",
        "%(count)d open contacts went to others.",
        count,
    )
