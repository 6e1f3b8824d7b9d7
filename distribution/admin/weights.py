"""Weights in Django's admin."""

from __future__ import annotations

import contextlib
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import Media, ModelForm
from django.http import HttpRequest

from distribution.admin.base import ServiceAdmin
from distribution.admin.filters import chosen_by_name, filter_media
from distribution.models import OperatorSourceWeight
from distribution.services import add_weight, remove_weight, update_weight
from minicrm.errors import NotFound
from minicrm.pages import actor_of


@admin.register(OperatorSourceWeight)
class WeightAdmin(ServiceAdmin):
    """Which operator gets how much of which source; the pair is for ever, the weight is not."""

    list_display = ["id", "source", "operator", "weight"]
    list_display_links = ["id", "weight"]
    list_select_related = ["source", "operator"]
    list_filter = [chosen_by_name("source"), chosen_by_name("operator")]
    search_fields = ["source__name", "operator__name"]
    autocomplete_fields = ["source", "operator"]
    fields = ["source", "operator", "weight"]
    ordering = ["id"]

    @property
    def media(self) -> Media:
        """Add what the filters need."""
        return super().media + filter_media(self)

    def get_readonly_fields(
        self, request: HttpRequest, obj: OperatorSourceWeight | None = None
    ) -> Any:
        """The pair is chosen once."""
        return ["source", "operator"] if obj else []

    def save_model(
        self,
        request: HttpRequest,
        obj: OperatorSourceWeight,
        form: ModelForm[OperatorSourceWeight],
        change: bool,
    ) -> None:
        """Add or change the weight; places this opens are handed out at once."""
        actor = actor_of(request)
        if not change:
            obj.pk = add_weight(
                operator_id=obj.operator_id,
                source_id=obj.source_id,
                weight=obj.weight,
                actor=actor,
            ).pk
        elif form.changed_data:
            update_weight(obj.pk, weight=obj.weight, actor=actor)

    def delete_model(self, request: HttpRequest, obj: OperatorSourceWeight) -> None:
        """Take the operator out of the source's set; open contacts stay."""
        remove_weight(obj.pk, actor=actor_of(request))

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[OperatorSourceWeight]
    ) -> None:
        """Take several out; what is gone already is gone."""
        for weight_id in list(queryset.values_list("pk", flat=True)):
            with contextlib.suppress(NotFound):
                remove_weight(weight_id, actor=actor_of(request))
