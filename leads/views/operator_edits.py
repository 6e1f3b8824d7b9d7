"""Creating operators, editing them, and changing a limit in place."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from distribution.forms.operators import LimitForm, OperatorForm
from distribution.models import Operator
from distribution.refusals import refusal_text
from distribution.services import create_operator as create
from distribution.services import update_operator
from distribution.services.operators import OperatorChanges, facts_of
from leads.refusals import refused_when_busy
from leads.views.operator import show_operator
from leads.views.operators import Refused, show_list
from minicrm.errors import ServiceError
from minicrm.pages import actor_of, go_back, show, toast

page = require_http_methods(["GET", "HEAD", "POST"])


@page
@permission_required("distribution.add_operator", raise_exception=True)
def create_operator(request: HttpRequest) -> HttpResponse:
    """Ask for a new operator, and create them."""
    form = OperatorForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        operator = create(**form.cleaned_data, actor=actor_of(request))
        text = _("%(name)s is created, and gets contacts once they have a weight for a source.")
        toast(request, text % {"name": operator.name})
        return redirect("leads:operator", operator.pk)
    return show(request, "operators/edit.html", {"form": form}, status=422 if form.errors else 200)


@page
@permission_required("distribution.change_operator", raise_exception=True)
def edit_operator(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask what to change of an operator, and change it."""
    operator = get_object_or_404(Operator, pk=pk)
    data = request.POST if request.method == "POST" else None
    form = OperatorForm(data, present=facts_of(operator))
    if form.is_valid():
        return _edit(request, operator, form)
    status = 409 if form.stale else 422 if form.errors else 200
    context = {"form": form, "operator": operator}
    return show(request, "operators/edit.html", context, status=status)


def _edit(request: HttpRequest, operator: Operator, form: OperatorForm) -> HttpResponse:
    """Write what was changed; who has open contacts is switched off after a question only."""
    changes = cast(OperatorChanges, form.changes())
    asks = operator.is_active and operator.current_load > 0 and changes.get("is_active") is False
    if asks:
        del changes["is_active"]
    if changes:
        refusal = _change(request, operator, changes)
        if refusal is None:
            toast(request, _("%(name)s is changed.") % {"name": changes.get("name", operator.name)})
        else:
            toast(request, refusal_text(refusal), level=messages.ERROR)
    elif not asks:
        _tell_nothing_changed(request)
    if asks:
        return redirect("leads:switch_operator", operator.pk)
    return go_back(request, "leads:operator", operator.pk)


@require_POST
@permission_required("distribution.change_operator", raise_exception=True)
def set_limit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change an operator's limit; what is no limit is shown again where it was typed."""
    operator = get_object_or_404(Operator, pk=pk)
    form = LimitForm(request.POST, present={"max_load": operator.max_load})
    if not form.is_valid():
        return _show_again(request, Refused(form, pk))
    changes = cast(OperatorChanges, form.changes())
    if not changes:
        _tell_nothing_changed(request)
    elif refusal := _change(request, operator, changes):
        toast(request, refusal_text(refusal), level=messages.ERROR)
    else:
        text = _("Limit of %(name)s: %(limit)d instead of %(was)d.")
        facts = {"name": operator.name, "limit": changes["max_load"], "was": operator.max_load}
        back = {"max_load": operator.max_load, "initial-max_load": changes["max_load"]}
        toast(request, text % facts, undo=(reverse("leads:set_limit", args=[pk]), back))
    return go_back(request, "leads:operators")


def _change(
    request: HttpRequest, operator: Operator, changes: OperatorChanges
) -> ServiceError | None:
    try:
        with refused_when_busy():
            update_operator(operator.pk, actor=actor_of(request), **changes)
    except ServiceError as error:
        return error
    return None


def _tell_nothing_changed(request: HttpRequest) -> None:
    toast(request, _("Nothing was changed."), level=messages.INFO)


def _show_again(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Show the page around the form once more: the list as it was, or the operator's own page."""
    path, _question, query = request.POST.get("next", "").partition("?")
    try:
        view = resolve(path).view_name
    except Resolver404:
        view = ""
    if view == "leads:operators":
        return show_list(request, QueryDict(query), refused=refused)
    return show_operator(request, refused.pk, refused=refused)
