"""What is done to several operators at once, through the services one by one."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from distribution.models import Operator
from distribution.refusals import refusal_text
from distribution.services import update_operator
from distribution.services.operators import operator_not_found
from leads.forms.operators import Bulk, BulkForm
from leads.refusals import refused_when_busy
from leads.services import OpenContacts, SwitchedOff, switch_operator_off
from leads.views.operators import PAGE_SIZE, Refused, show_list
from leads.views.switching import may_move, outcome
from minicrm.errors import Busy, ServiceError
from minicrm.pages import actor_of, go_back, toast

# After that no further operator is begun: the server ends a request that takes 30 seconds.
SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the selected operators, by id: as they were before, the results, refusals."""

    changed: dict[int, Operator] = field(default_factory=dict)
    switched_off: dict[int, SwitchedOff] = field(default_factory=dict)
    failed: dict[int, ServiceError] = field(default_factory=dict)


@require_POST
@permission_required("distribution.change_operator", raise_exception=True)
def change_operators(request: HttpRequest) -> HttpResponse:
    """Do what was chosen to the selected operators; say what was done, and what was not."""
    form = BulkForm(request.POST, most=PAGE_SIZE)
    if not form.is_valid():
        _path, _mark, query = request.POST.get("next", "").partition("?")
        return show_list(request, QueryDict(query), refused=Refused(form))
    action: Bulk = form.cleaned_data["action"]
    if not may_move(request, action.open_contacts):
        raise PermissionDenied
    numbers: list[int] = form.cleaned_data["pk"]
    known = Operator.objects.in_bulk(numbers)
    done = _do(numbers, known, action, limit=form.cleaned_data["max_load"], actor=actor_of(request))
    _tell(request, action, done, limit=form.cleaned_data["max_load"])
    _tell_failed(request, known, done.failed)
    return go_back(request, "leads:operators")


def _do(
    numbers: list[int], known: dict[int, Operator], action: Bulk, *, limit: int | None, actor: str
) -> Done:
    done, give_up_at = Done(), time.monotonic() + SECONDS
    # All off before the first contact moves: else it would go from one to the other.
    moves = action.open_contacts not in (None, OpenContacts.KEEP)
    for step in [Bulk.OFF_KEEP, action] if moves else [action]:
        for pk in numbers:
            if pk in done.failed:
                continue
            try:
                if time.monotonic() > give_up_at:
                    raise Busy("out_of_time", _("There was no time left for it; do it again."))
                if pk not in known:
                    raise operator_not_found(pk)
                with refused_when_busy():
                    _do_one(known[pk], step, done, limit=limit, actor=actor)
            except ServiceError as error:
                done.failed[pk] = error
    return done


def _do_one(operator: Operator, step: Bulk, done: Done, *, limit: int | None, actor: str) -> None:
    if step == Bulk.ON:
        update_operator(operator.pk, actor=actor, is_active=True)
        changed = not operator.is_active
    elif step == Bulk.LIMIT and limit is not None:
        update_operator(operator.pk, actor=actor, max_load=limit)
        changed = operator.max_load != limit
    else:
        done.switched_off[operator.pk] = switch_operator_off(
            operator.pk, actor=actor, open_contacts=step.open_contacts or OpenContacts.KEEP
        )
        changed = operator.is_active
    if changed:
        done.changed[operator.pk] = operator


def _tell(request: HttpRequest, action: Bulk, done: Done, *, limit: int | None) -> None:
    count = len(done.changed)
    sentences = outcome(done.switched_off.values(), action.open_contacts)
    if count:
        sentences = [_done_text(action, count) % {"count": count, "limit": limit}, *sentences]
        toast(request, " ".join(sentences), undo=_undo(action, done))
    elif sentences:
        toast(request, " ".join(sentences))
    elif not done.failed:
        toast(request, _("Nothing was changed."), level=messages.INFO)


def _done_text(action: Bulk, count: int) -> str:
    if action == Bulk.ON:
        return ngettext(
            "%(count)d operator switched on.", "%(count)d operators switched on.", count
        )
    if action == Bulk.LIMIT:
        return ngettext(
            "%(count)d operator has the limit %(limit)d now.",
            "%(count)d operators have the limit %(limit)d now.",
            count,
        )
    return ngettext("%(count)d operator switched off.", "%(count)d operators switched off.", count)


def _undo(action: Bulk, done: Done) -> tuple[str, dict[str, object]] | None:
    """Return how to undo it; limits that differed before cannot be set back by one form."""
    fields: dict[str, object] = {"pk": ",".join(map(str, done.changed))}
    limits = {operator.max_load for operator in done.changed.values()}
    if action != Bulk.LIMIT:
        fields["action"] = Bulk.OFF_KEEP if action == Bulk.ON else Bulk.ON
    elif len(limits) == 1:
        fields |= {"action": Bulk.LIMIT, "max_load": limits.pop()}
    else:
        return None
    return reverse("leads:change_operators"), fields


def _tell_failed(
    request: HttpRequest, known: dict[int, Operator], failed: dict[int, ServiceError]
) -> None:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for pk, error in failed.items():
        names[refusal_text(error)].append(known[pk].name if pk in known else f"#{pk}")
    for reason, whose in names.items():
        text = ngettext(
            "%(count)d operator was not changed (%(names)s): %(reason)s",
            "%(count)d operators were not changed (%(names)s): %(reason)s",
            len(whose),
        )
        facts = {"count": len(whose), "names": ", ".join(whose), "reason": reason}
        toast(request, text % facts, level=messages.ERROR)
