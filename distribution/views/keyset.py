"""Long lists in pages that cost the same however deep one leafs: no offsets, no totals."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

from minicrm.pages import changed_query
from minicrm.schemas import MAX_ID

M = TypeVar("M", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[M]):
    """Rows, the newest first, and the query strings of the pages beside; empty where none is."""

    rows: list[M]
    newer: str
    older: str


def keyset_page(rows: QuerySet[M], query: QueryDict, *, size: int = PAGE_SIZE) -> KeysetPage[M]:
    """Return the page that `?before=<id>` or `?after=<id>` asks for; nonsense means the first."""
    before, after = number_in(query, "before"), number_in(query, "after")
    if before is not None:
        older = list(rows.filter(pk__lt=before).order_by("-pk")[: size + 1])
        return _page(older[:size], query, newer=bool(older), older=len(older) > size)
    if after is not None:
        newer = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        if len(newer) > size:  # else it is the first page, perhaps not a full one
            return _page(newer[size - 1 :: -1], query, newer=True, older=True)
    first = list(rows.order_by("-pk")[: size + 1])
    return _page(first[:size], query, newer=False, older=len(first) > size)


def number_in(query: QueryDict, name: str) -> int | None:
    """Return the id in a query string, or None for none, and for what no database can look up."""
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
        return None
    return int(text) if int(text) <= MAX_ID else None


def _page(rows: list[M], query: QueryDict, *, newer: bool, older: bool) -> KeysetPage[M]:
    if not rows:
        return KeysetPage([], "", "")
    up = changed_query(query, before=None, after=rows[0].pk)
    down = changed_query(query, before=rows[-1].pk, after=None)
    return KeysetPage(rows, up if newer else "", down if older else "")
