"""Leafing through contacts by when they were received: what filters by day can use an index for.

Contacts are numbered as they are received, so this is nearly the order of numbers; but to find the
days of last year in the order of numbers, all numbers since would have to be read.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.http import QueryDict

from distribution.views.keyset import PAGE_SIZE, KeysetPage, number_in
from leads.models import Contact
from minicrm.pages import changed_query


def received_page(contacts: QuerySet[Contact], query: QueryDict) -> KeysetPage[Contact]:
    """Return the page that `?before=<id>` or `?after=<id>` asks for; nonsense means the first."""
    if place := _place(query, "before"):
        at, pk = place
        older = contacts.filter(Q(created_at__lt=at) | Q(pk__lt=pk), created_at__lte=at)
        return _page(older, query, newer=True)
    if place := _place(query, "after"):
        at, pk = place
        newer = contacts.filter(Q(created_at__gt=at) | Q(pk__gt=pk), created_at__gte=at)
        found = list(newer.order_by("created_at", "pk")[: PAGE_SIZE + 1])
        if len(found) > PAGE_SIZE:  # else it is the first page, perhaps not a full one
            return _linked(found[PAGE_SIZE - 1 :: -1], query, newer=True, older=True)
    return _page(contacts, query, newer=False)


def _place(query: QueryDict, name: str) -> tuple[datetime, int] | None:
    """Return when the contact was received that the query string names, and its number."""
    if (number := number_in(query, name)) is None:
        return None
    return Contact.objects.filter(pk=number).values_list("created_at", "pk").first()


def _page(contacts: QuerySet[Contact], query: QueryDict, *, newer: bool) -> KeysetPage[Contact]:
    found = list(contacts.order_by("-created_at", "-pk")[: PAGE_SIZE + 1])
    return _linked(found[:PAGE_SIZE], query, newer=newer, older=len(found) > PAGE_SIZE)


def _linked(
    rows: list[Contact], query: QueryDict, *, newer: bool, older: bool
) -> KeysetPage[Contact]:
    if not rows:
        return KeysetPage([], "", "")
    up = changed_query(query, before=None, after=rows[0].pk) if newer else ""
    down = changed_query(query, before=rows[-1].pk, after=None) if older else ""
    return KeysetPage(rows, up, down)
