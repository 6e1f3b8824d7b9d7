"""The overview: who works, who waits, what came in."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from distribution.models import Source
from leads.overview.chart import draw
from leads.overview.figures import read_places, read_time_to_assign
from leads.overview.hours import read_hours
from leads.overview.latest import read_latest
from leads.overview.operators import read_operators
from leads.overview.polls import NEEDED, state_seen_by
from leads.overview.queue import read_queue
from leads.overview.today import read_today
from minicrm.pages import HtmxHttpRequest, show


@require_safe
@permission_required(NEEDED["leads:overview"], raise_exception=True)
def overview(request: HtmxHttpRequest) -> HttpResponse:
    """Show it all; a page that has seen the present state, and asks again, is told so by a 204."""
    # Before anything is read: what changes meanwhile is seen with the next question.
    present = state_seen_by(request.user)
    if request.htmx and request.GET.get("seen") == present:
        return HttpResponse(status=204)
    return show(request, "overview/page.html", _context() | {"signature": present})


def _context() -> dict[str, Any]:
    now = timezone.now()
    today = read_today(now)
    operators = read_operators(today)
    places = read_places()
    latest = read_latest()
    return {
        "now": now,
        "today": today,
        "places": places,
        "operators": operators,
        "hidden_operators": max(0, places.operators - len(operators)),
        "queue": read_queue(now),
        "time_to_assign": read_time_to_assign(now),
        "latest": latest,
        "first_source": None if latest else Source.objects.order_by("pk").first(),
        "chart": draw(read_hours(now)),
    }
