"""List filters that stay small however many rows there are to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

from distribution.admin.base import AnyModelAdmin


class ChosenByName(admin.FieldListFilter):
    """Chooses a related object by typing its name; only matching names are ever loaded."""

    template = "admin/chosen_by_name.html"

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: AnyModelAdmin,
        field_path: str,
    ) -> None:
        self.parameter = f"{field_path}__id__exact"
        super().__init__(field, request, params, model, model_admin, field_path)
        self.form = _form(field, self.parameter, model_admin)(
            {self.parameter: self.chosen()}, auto_id="filter_%s"
        )
        self.others = [
            (name, value)
            for name, values in request.GET.lists()
            for value in values
            if name not in (self.parameter, "p", "e")
        ]

    def expected_parameters(self) -> list[str | None]:
        """Return the query parameter that this filter reads."""
        return [self.parameter]

    def chosen(self) -> str:
        """Return the chosen id, or nothing. Raises IncorrectLookupParameters for anything else."""
        values: Any = self.used_parameters.get(self.parameter) or [""]
        value = str(values[-1])
        if value and not (value.isascii() and value.isdigit()):
            raise IncorrectLookupParameters(f"{self.parameter} is no id")
        return value

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer the way back to everything; the rest is the form's."""
        yield {
            "selected": not self.chosen(),
            "query_string": changelist.get_query_string(remove=[self.parameter]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen object; none when there is no such object."""
        if not self.chosen():
            return queryset
        if not self.form.is_valid():
            return queryset.none()
        return queryset.filter(**{self.field_path: self.form.cleaned_data[self.parameter]})


def chosen_by_name(field_name: str) -> tuple[str, type[ChosenByName]]:
    """Return an entry for `list_filter`; the model chosen from needs `search_fields`."""
    return field_name, ChosenByName


def filter_media(model_admin: AnyModelAdmin) -> forms.Media:
    """Return the scripts and styles of the filters, for the admin's `media`."""
    own = forms.Media(css={"all": ["css/admin.css"]})
    relations = [field for field in model_admin.opts.fields if isinstance(field, ForeignKey)]
    return own + AutocompleteSelect(relations[0], model_admin.admin_site).media


def _form(field: Any, name: str, model_admin: AnyModelAdmin) -> type[forms.Form]:
    choice = forms.ModelChoiceField(
        queryset=field.remote_field.model._default_manager.all(),
        label=field.verbose_name,
        required=False,
        widget=AutocompleteSelect(field, model_admin.admin_site),
    )
    return type("ChosenByNameForm", (forms.Form,), {name: choice})
