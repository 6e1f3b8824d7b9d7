"""The list of operators: looked for, in order, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from distribution.forms.operators import LimitForm, OperatorFilter
from distribution.models import Operator
from leads.forms.operators import BulkForm
from leads.operator_lists import DEFAULT_ORDER, ORDERS, found, listed
from leads.overview.polls import NEEDED, state_seen_by
from minicrm.pages import HtmxHttpRequest, changed_query, show, toast

PAGE_SIZE = 50
DESCENDING_FIRST = frozenset({"load", "free", "limit", "last"})  # the busiest is asked for first


@dataclass(frozen=True, slots=True)
class Refused:
    """A form in a page of ours that is shown again with what was typed: whose limit, or the bulk's.

    `pk` is 0 for a form that is of no single operator.
    """

    form: LimitForm | BulkForm
    pk: int = 0

    @property
    def status(self) -> int:
        """409 where somebody else was faster."""
        return 409 if getattr(self.form, "stale", False) else 422


@dataclass(frozen=True, slots=True)
class Column:
    """A head of the table: what its link orders by, and how the table is ordered by it now."""

    key: str
    label: str
    url: str
    order: str


@require_safe
@permission_required(NEEDED["leads:operators"], raise_exception=True)
def operators(request: HtmxHttpRequest) -> HttpResponse:
    """Show the operators that the address asks for; a poll that has seen them so gets a 204."""
    present = state_seen_by(request.user)
    if request.htmx and request.GET.get("seen") == present:
        return HttpResponse(status=204)
    query = request.GET.copy()
    query.pop("seen", None)
    return show_list(request, query, seen=present)


def show_list(
    request: HttpRequest, query: QueryDict, *, refused: Refused | None = None, seen: str = ""
) -> HttpResponse:
    """Show the operators that `query` asks for; what was `refused` with what was typed."""
    form = OperatorFilter(query, auto_id="filter_%s")
    is_valid = form.is_valid()
    text, state = (str(form.cleaned_data.get(name, "")) for name in ("q", "state"))
    matching = found(text=text, state=state) if "q" not in form.errors else Operator.objects.none()
    order = _order(query)
    rows = listed(matching, order) if "q" not in form.errors else matching
    page = Paginator(rows, PAGE_SIZE).get_page(query.get("page"))
    address = reverse("leads:operators")
    context: dict[str, Any] = {
        "filter": form,
        "is_filtered": bool(text or state or not is_valid),
        "columns": {one.key: one for one in _columns(address, query, order)},
        "order": order,
        "default_order": DEFAULT_ORDER,
        "page": page,
        "here": address + (f"?{query.urlencode()}" if query else ""),
        "before": _page_url(address, query, page.number - 1) if page.has_previous() else "",
        "after": _page_url(address, query, page.number + 1) if page.has_next() else "",
        "bulk": BulkForm(most=PAGE_SIZE),
        "refused": None,
        "signature": seen,
    }
    if refused is not None:
        context |= _shown_again(request, refused, page)
    return show(request, "operators/list.html", context, status=refused.status if refused else 200)


def _order(query: QueryDict) -> str:
    wanted = query.get("sort", "")
    return wanted if wanted.removeprefix("-") in ORDERS else DEFAULT_ORDER


def _columns(address: str, query: QueryDict, order: str) -> list[Column]:
    labels = {
        "name": _("Operator"),
        "load": _("Load"),
        "limit": _("Limit"),
        "free": _("Free places"),
        "last": _("Last contact"),
    }
    return [_column(address, query, order, key, label) for key, label in labels.items()]


def _column(address: str, query: QueryDict, order: str, key: str, label: str) -> Column:
    now = {key: "ascending", f"-{key}": "descending"}.get(order, "")
    first = f"-{key}" if key in DESCENDING_FIRST else key
    other = {key: f"-{key}", f"-{key}": key}
    wanted = other[order] if now else first
    return Column(key, label, address + changed_query(query, sort=wanted, page=None), now)


def _page_url(address: str, query: QueryDict, number: int) -> str:
    return address + changed_query(query, page=number)


def _shown_again(request: HttpRequest, refused: Refused, page: Page[Operator]) -> dict[str, Any]:
    """Return what else the list shows of a refused form; a toast where its row is not there."""
    if isinstance(refused.form, BulkForm):
        return {"bulk": refused.form, "chosen": refused.form.cleaned_data.get("pk", [])}
    if refused.pk not in [operator.pk for operator in page]:
        errors = [str(error) for of_field in refused.form.errors.values() for error in of_field]
        toast(request, " ".join(errors), level=messages.ERROR)
    return {"refused": refused}
