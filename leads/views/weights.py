"""One source: the weights of its operators, their shares, its keys."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from distribution.audit import actor_names
from distribution.forms.weights import MAX_ROWS, TypedWeights, chosen_id
from distribution.models import AuditEvent, Source
from distribution.refusals import refusal_text
from distribution.services import replace_weights
from distribution.views.keys import keys_of
from distribution.weight_table import (
    differences,
    operators_to_add,
    sources_to_copy,
    weight_table,
    weights_of,
)
from leads.refusals import refused_when_busy
from leads.shares_in_fact import latest_draws
from leads.source_figures import contacts_of
from minicrm.errors import Busy, Conflict, NotFound
from minicrm.pages import actor_of, go_back, show, toast

CHANGE_WEIGHTS = [
    f"distribution.{action}_operatorsourceweight" for action in ("add", "change", "delete")
]


@require_safe
@permission_required("distribution.view_operatorsourceweight", raise_exception=True)
def source(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a source with the weights of its operators."""
    found = get_object_or_404(Source, pk=pk)
    return _page(request, found, TypedWeights.stored(weights_of(found)))


@require_POST
@permission_required(CHANGE_WEIGHTS, raise_exception=True)
def set_weights(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the whole set; or work on it in the form, unsaved, as one of its buttons asks."""
    found = get_object_or_404(Source, pk=pk)
    typed = TypedWeights.of(request.POST)
    work = WORK.get(request.POST.get("action", ""))
    return work(request, found, typed) if work else _save(request, found, typed)


def _add(request: HttpRequest, found: Source, typed: TypedWeights) -> HttpResponse:
    """Show the set with the operator who was chosen; `TypedWeights.of` has put them into it."""
    if chosen_id(request.POST.get("add", "")) is None:
        return _page(request, found, typed, add_error=_("Choose an operator."))
    return _page(request, found, typed)


def _even_out(request: HttpRequest, found: Source, typed: TypedWeights) -> HttpResponse:
    return _page(request, found, typed.evened())


def _copy(request: HttpRequest, found: Source, typed: TypedWeights) -> HttpResponse:
    chosen = chosen_id(request.POST.get("copy-from", ""))
    other = Source.objects.filter(pk=chosen or 0).first()
    if other is None:
        return _page(request, found, typed, copy_error=_("Choose a source."))
    return _page(request, found, typed.copied(weights_of(other)))


WORK: dict[str, Callable[[HttpRequest, Source, TypedWeights], HttpResponse]] = {
    "add": _add,
    "even": _even_out,
    "copy": _copy,
}


def _save(request: HttpRequest, found: Source, typed: TypedWeights) -> HttpResponse:
    """Save the set if it is sound, and if nobody has saved another one meanwhile."""
    if typed.wrong or typed.is_too_long:
        return _page(request, found, typed)
    if not typed.is_changed:
        toast(request, _("Nothing was changed."), level=messages.INFO)
        return go_back(request, "leads:source", found.pk)
    wanted, actor = typed.weights, actor_of(request)
    try:
        with refused_when_busy():
            replace_weights(found.pk, wanted, expected=typed.was, actor=actor)
    except Busy as error:
        return _page(request, found, typed, status=409, refusal=refusal_text(error))
    except (Conflict, NotFound) as error:
        return _both_versions(request, found, typed, error)
    text = _("The weights of %(source)s were saved.") % {"source": found.name}
    toast(request, text, undo=_undo(found, was=typed.was, now=wanted))
    return go_back(request, "leads:source", found.pk)


def _undo(
    found: Source, *, was: Mapping[int, int], now: Mapping[int, int]
) -> tuple[str, dict[str, object]]:
    """Return what a form must send to make the set what it was."""
    fields: dict[str, object] = {f"weight-{one}": weight for one, weight in was.items()}
    fields |= {f"was-{one}": weight for one, weight in now.items()}
    return reverse("leads:set_weights", args=[found.pk]), fields


def _both_versions(
    request: HttpRequest, found: Source, typed: TypedWeights, error: Conflict | NotFound
) -> HttpResponse:
    """Show what somebody else has saved beside what was typed, which is kept for another try."""
    if error.code == "source_not_found":
        raise Http404
    present = weights_of(found)
    rows, gone = differences(typed, present)
    mine = typed.without(gone).rebased(present)
    if not mine.is_changed:
        toast(request, _("Somebody else has saved the same set already."), level=messages.INFO)
        return go_back(request, "leads:source", found.pk)
    conflict = {"rows": rows, "has_gone": bool(gone)}
    return _page(request, found, mine, status=409, conflict=conflict)


def _page(
    request: HttpRequest, found: Source, typed: TypedWeights, *, status: int = 0, **more: Any
) -> HttpResponse:
    """Show the page of a source with what is typed so far."""
    may_change = request.user.has_perms(CHANGE_WEIGHTS)
    waiting, today = contacts_of([found.pk])[found.pk]
    last = _last_change(found)
    context: dict[str, Any] = {
        "source": found,
        "typed": typed,
        "table": weight_table(found, typed, latest_draws(found)),
        "may_change": may_change,
        "waiting": waiting,
        "today": today,
        "last": last,
        "last_by": actor_names([last.actor])[last.actor] if last else "",
        "max_rows": MAX_ROWS,
    }
    if may_change:
        context["to_add"], context["more_to_add"] = operators_to_add(typed)
        context["to_copy"] = sources_to_copy(found)
    if request.user.has_perm("distribution.view_apikey"):
        context["keys"] = keys_of(found)
    errors = typed.wrong or typed.is_too_long or more.get("add_error") or more.get("copy_error")
    status = status or (422 if errors else 200)
    return show(request, "sources/source.html", context | more, status=status)


def _last_change(found: Source) -> AuditEvent | None:
    """Return who saved the set last, and when."""
    events = AuditEvent.objects.filter(
        object_type=AuditEvent.ObjectType.WEIGHTS, object_id=found.pk
    )
    return events.order_by("-pk").first()
