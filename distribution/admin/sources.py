"""Sources in Django's admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, QuerySet, Sum, Window
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from distribution.admin.base import (
    NameForm,
    ProtectedDeletes,
    ServiceAdmin,
    object_link,
    related_lists,
)
from distribution.models import ApiKey, OperatorSourceWeight, Source
from distribution.services import create_source, delete_source, update_source
from minicrm.pages import actor_of

if TYPE_CHECKING:
    WeightTable = admin.TabularInline[OperatorSourceWeight, Source]
else:
    WeightTable = admin.TabularInline


class WeightInline(WeightTable):
    """The operators of a source and their shares, to look at; each links to where it is changed."""

    model = OperatorSourceWeight
    extra = 0
    can_delete = False
    show_change_link = True
    readonly_fields = ["operator_link", "weight", "share"]
    fields = ["operator_link", "weight", "share"]
    ordering = ["-weight", "operator_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OperatorSourceWeight]:
        """Return the weights, each with the sum of its source's."""
        total = Window(Sum("weight"), partition_by="source")
        weights = super().get_queryset(request).annotate(total=total)
        return weights.select_related("operator", "source")

    @admin.display(description=_("operator"))
    def operator_link(self, weight: OperatorSourceWeight) -> str:
        """Link to the operator."""
        return object_link(weight.operator)

    @admin.display(description=_("share"))
    def share(self, weight: OperatorSourceWeight) -> str:
        """The weight's part of the source's weights, as configured, in per cent."""
        total = int(weight.total)  # type: ignore[attr-defined]
        return f"{number_format(round(100 * weight.weight / total, 1), 1)} %" if total else "–"

    def has_add_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody adds here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nobody changes here."""
        return False


@admin.register(Source)
class SourceAdmin(ProtectedDeletes, ServiceAdmin):
    """Name and switch, changed through the services."""

    form = NameForm
    list_display = ["name", "is_active", "operator_count", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    ordering = ["id"]
    inlines = [WeightInline]
    actions = ["delete_selected"]
    fields = ["name", "is_active"]
    shown_fields = ["created_at", "lists"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        """Return the sources with the number of their operators."""
        sources: QuerySet[Source] = super().get_queryset(request)
        return sources.annotate(operators_linked=Count("weights"))

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> Any:
        """A new source has nothing to look at yet."""
        return self.fields if obj is None else [*self.fields, *self.shown_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> Any:
        """What nobody changes here."""
        return self.shown_fields

    def get_inlines(self, request: HttpRequest, obj: Source | None) -> Any:
        """A new source has no weights yet."""
        return self.inlines if obj else []

    @admin.display(description=_("operators"), ordering="operators_linked")
    def operator_count(self, source: Source) -> int:
        """How many operators have a weight for the source."""
        return int(source.operators_linked)  # type: ignore[attr-defined]

    @admin.display(description=_("lists"))
    def lists(self, source: Source) -> SafeString:
        """Links to the source's weights, keys and contacts."""
        return related_lists(source)

    def save_model(
        self, request: HttpRequest, obj: Source, form: ModelForm[Source], change: bool
    ) -> None:
        """Create or change the source; only what was changed in the form is written."""
        values: Any = {field: form.cleaned_data[field] for field in form.changed_data}
        if change:
            update_source(obj.pk, actor=actor_of(request), **values)
        else:
            obj.pk = create_source(
                name=obj.name, is_active=obj.is_active, actor=actor_of(request)
            ).pk

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        """Delete a source that never had a contact, with its weights and keys."""
        delete_source(obj.pk, actor=actor_of(request))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Its keys go with a source, though they are never deleted alone."""
        deleted, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, forbidden - {ApiKey._meta.verbose_name}, protected
