"""The overview: who works, who waits, what came in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Greatest
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from distribution.models import Operator
from leads.models import Contact
from minicrm.pages import HtmxHttpRequest

OPERATORS_SHOWN = 100
CONTACTS_SHOWN = 20
BUSY_FROM = 0.8  # of the limit: the load bar changes its colour


@dataclass(frozen=True, slots=True)
class Load:
    """An operator with what the load bar shows: how full they are, and whether they are on."""

    operator: Operator

    @property
    def state(self) -> str:
        """`off`, `full` (at the limit or over it), `busy` or `free`."""
        operator = self.operator
        if not operator.is_active:
            return "off"
        if operator.current_load >= operator.max_load:
            return "full"
        busy = operator.current_load >= BUSY_FROM * operator.max_load
        return "busy" if busy else "free"

    @property
    def scale(self) -> int:
        """The bar's maximum; never 0, which a progress bar does not know."""
        return self.operator.max_load or 1

    @property
    def filled(self) -> int:
        """The bar's value; a limit of 0 is reached from the start."""
        operator = self.operator
        return min(operator.current_load, operator.max_load) if operator.max_load else 1


@require_safe
@never_cache
def overview(request: HtmxHttpRequest) -> HttpResponse:
    """Show operators and latest contacts; a background request gets the changing part alone."""
    context = {
        "figures": _operator_figures(),
        "waiting": Contact.objects.waiting().aggregate(count=Count("id"), oldest=Min("created_at")),
        "today": Contact.objects.filter(created_at__gte=_midnight()).count(),
        "loads": [Load(operator) for operator in Operator.objects.all()[:OPERATORS_SHOWN]],
        "contacts": Contact.objects.select_related("lead", "source", "operator").order_by("-id")[
            :CONTACTS_SHOWN
        ],
        "now": timezone.now(),
    }
    response = render(request, "_overview.html" if request.htmx else "overview.html", context)
    # One address, two answers: a browser must not take one for the other.
    patch_vary_headers(response, ["HX-Request"])
    return response


def _operator_figures() -> dict[str, Any]:
    active = Q(is_active=True)
    places = Greatest(F("max_load") - F("current_load"), 0)
    figures = Operator.objects.aggregate(
        count=Count("id"),
        active=Count("id", filter=active),
        free=Sum(places, filter=active, default=0),
        places=Sum("max_load", filter=active, default=0),
    )
    hidden = max(0, figures["count"] - OPERATORS_SHOWN)
    return figures | {"off": figures["count"] - figures["active"], "hidden": hidden}


def _midnight() -> datetime:
    """Return when today began, in the time zone of the settings."""
    today = timezone.localtime().date()
    return timezone.make_aware(datetime.combine(today, datetime.min.time()))
