"""Who changed what, from what, to what."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from distribution.event_words import Difference, readable_differences, with_names
from distribution.forms.history import HistoryForm
from distribution.models import AuditEvent
from distribution.views.keyset import keyset_page
from minicrm.pages import show

SHOWN = 10  # differences of one event; the others are a click away
# The page of one object, by its name alone: what stands above this app is none of its business.
PAGES = {
    "operator": ("leads:operator", "distribution.view_operator"),
    "source": ("leads:source", "distribution.view_source"),
    "weights": ("leads:source", "distribution.view_source"),
    "lead": ("leads:lead", "leads.view_lead"),
    "user": ("distribution:edit_user", "auth.change_user"),
}
# Whoever may not see the objects may not see what became of them either.
NEEDED = {
    "api_key": "distribution.view_apikey",
    "user": "auth.view_user",
    "group": "auth.view_user",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the page shows it; `url` is empty where the object has no page for the user."""

    event: AuditEvent
    url: str
    first: list[Difference] = field(default_factory=list)
    others: list[Difference] = field(default_factory=list)


@require_safe
@permission_required("distribution.view_auditevent", raise_exception=True)
def history(request: HttpRequest) -> HttpResponse:
    """Show the events that are looked for, the newest first."""
    kinds = _kinds(request.user)
    form = HistoryForm(request.GET, kinds=kinds)
    form.is_valid()
    events = AuditEvent.objects.all()
    if len(kinds) < len(AuditEvent.ObjectType):
        events = events.filter(object_type__in=kinds)
    page = keyset_page(form.narrowed(events), request.GET)
    context = {"form": form, "page": page, "entries": _entries(page.rows, request.user)}
    return show(request, "history/list.html", context)


def _kinds(user: AbstractBaseUser | AnonymousUser) -> list[str]:
    """Return the kinds of objects that the user may hear of."""
    return [
        kind
        for kind in AuditEvent.ObjectType.values
        if user.has_perm(NEEDED.get(kind, "distribution.view_auditevent"))  # type: ignore[union-attr]
    ]


def _entries(events: Iterable[AuditEvent], user: AbstractBaseUser | AnonymousUser) -> list[Entry]:
    entries = []
    for event in with_names(events):
        differences = readable_differences(event)
        first = list(islice(differences, SHOWN))
        entries.append(Entry(event, _url(event, user), first, list(differences)))
    return entries


def _url(event: AuditEvent, user: AbstractBaseUser | AnonymousUser) -> str:
    if not event.there:  # type: ignore[attr-defined]
        return ""
    number = event.object_id
    if event.object_type == "api_key":  # the list, from that key on
        allowed = user.has_perm("distribution.view_apikey")  # type: ignore[union-attr]
        query = {"state": "all", "before": number + 1}
        return f"{reverse('distribution:keys', query=query)}#key-{number}" if allowed else ""
    page, permission = PAGES.get(event.object_type, ("", ""))
    if not page or not user.has_perm(permission):  # type: ignore[union-attr]
        return ""
    return reverse(page, args=[number])
