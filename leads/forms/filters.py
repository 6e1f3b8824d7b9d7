"""What the list of contacts shows: the filters in its address, and what is searched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.forms.days import DayInput
from distribution.models import Operator, Source
from leads.models import Contact, ContactQuerySet
from leads.search import contacts_found

SEARCH_LENGTH = 300
NOBODY = "none"
NAME_SHOWN = 40  # characters
MANY = 2_000  # contacts, to go through
# Days that every time zone and database can tell the beginning and the end of.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


class ContactFilter(forms.Form):
    """The filters; each may be left out. What is not understood finds nothing, and says so."""

    q = forms.CharField(
        label=gettext_lazy("Number, external id, e-mail or phone"),
        required=False,
        max_length=SEARCH_LENGTH,
        widget=forms.TextInput(
            attrs={"type": "search", "class": "form-control", "autocomplete": "off"}
        ),
    )
    status = forms.ChoiceField(
        label=capfirst(gettext_lazy("status")), required=False, widget=_select()
    )
    source = forms.ChoiceField(
        label=capfirst(gettext_lazy("source")), required=False, widget=_select()
    )
    operator = forms.ChoiceField(
        label=capfirst(gettext_lazy("operator")), required=False, widget=_select()
    )
    received_from = forms.DateField(
        label=gettext_lazy("Received from"), required=False, widget=DayInput()
    )
    received_to = forms.DateField(
        label=gettext_lazy("Received to"), required=False, widget=DayInput()
    )

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data, auto_id="filter-%s")
        everything = [("", _("all"))]
        sources = Source.objects.order_by("name", "pk").values_list("pk", "name")
        operators = Operator.objects.order_by("name", "pk").values_list("pk", "name")
        self._offer("status", [*everything, *Contact.Status.choices])
        self._offer("source", [*everything, *_short(sources)])
        self._offer("operator", [*everything, (NOBODY, _("nobody")), *_short(operators)])

    def _offer(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    def clean_received_from(self) -> datetime | None:
        """Return the beginning of the first day."""
        return _beginning(self.cleaned_data["received_from"])

    def clean_received_to(self) -> datetime | None:
        """Return the beginning of the day after the last one."""
        day = self.cleaned_data["received_to"]
        return _beginning(min(day, LAST_DAY) + timedelta(days=1) if day else None)

    def clean(self) -> dict[str, Any] | None:
        """Refuse days of which the last comes before the first: nothing was ever received then."""
        cleaned = super().clean()
        first, end = (self.cleaned_data.get(name) for name in ("received_from", "received_to"))
        if first and end and first >= end:
            self.add_error("received_to", _("This day is before the first one."))
        return cleaned

    def others(self) -> dict[str, str]:
        """Return the values of all filters but the text, as an address has them."""
        return {name: str(self.data.get(name, "")) for name in self.fields if name != "q"}

    def contacts(self) -> ContactQuerySet:
        """Return the contacts that the filters let through, in no order yet."""
        if not self.is_valid():
            return Contact.objects.none()
        return Contact.objects.filter(*self._conditions())

    def _conditions(self) -> list[Q | Exact]:
        said = self.cleaned_data
        conditions = {
            "status": _has_status,
            "source": self._of_source,
            "operator": lambda value: Q(operator=None if value == NOBODY else int(value)),
            "received_from": lambda value: Q(created_at__gte=value),
            "received_to": lambda value: Q(created_at__lt=value),
            "q": contacts_found,
        }
        return [condition(said[name]) for name, condition in conditions.items() if said[name]]

    def _of_source(self, value: str) -> Q | Exact:
        """Return the contacts of a source.

        With days, SQLite would go through all that ever came from it, rather than these days, whose
        index has the source in it. In an expression, the source has no index of its own. Where few
        ever came, they are the shorter way.
        """
        of_source = Q(source=int(value))
        if self.is_by_day and connection.vendor == "sqlite" and _are_many(of_source):
            return Exact(Coalesce("source_id", 0), int(value))
        return of_source

    @property
    def is_by_day(self) -> bool:
        """Whether only some days are asked for."""
        said = self.cleaned_data if self.is_valid() else {}
        return bool(said.get("received_from") or said.get("received_to"))

    @property
    def is_used(self) -> bool:
        """Whether anything is filtered, or was meant to be."""
        return any(self.data.get(name) for name in self.fields)


def _are_many(contacts: Q) -> bool:
    return Contact.objects.filter(contacts).order_by("pk")[MANY : MANY + 1].exists()


def _short(choices: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Cut long names: a list to choose from is as wide as the longest of them."""
    for pk, name in choices:
        yield pk, Truncator(name).chars(NAME_SHOWN)


def _has_status(status: str) -> Q:
    """Return the contacts of this status.

    The open ones have indexes of their own, and are few beside all that were closed. SQLite takes
    such an index only where no other filter seems better to it, and then reads all of the past.
    """
    if status == Contact.Status.CLOSED or connection.vendor != "sqlite":
        return Q(status=status)
    return Q(pk__in=Contact.objects.filter(status=status).values("pk"))


def _beginning(day: date | None) -> datetime | None:
    if day is None:
        return None
    day = min(max(day, FIRST_DAY), LAST_DAY + timedelta(days=1))
    return timezone.make_aware(datetime.combine(day, time.min))
