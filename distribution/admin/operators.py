"""Operators in Django's admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from distribution.admin.base import (
    NameForm,
    ProtectedDeletes,
    ServiceAdmin,
    related_lists,
)
from distribution.models import Operator
from distribution.services import (
    create_operator,
    delete_operator,
    delete_operators,
    update_operator,
)
from minicrm.pages import actor_of


class LoadFilter(admin.SimpleListFilter):
    """Operators with free places, and those without."""

    title = _("load")
    parameter_name = "places"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the two kinds."""
        return [("free", _("below the limit")), ("full", _("at the limit"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Operator]
    ) -> QuerySet[Operator] | None:
        """Return the operators of the chosen kind."""
        if self.value() == "free":
            return queryset.filter(current_load__lt=F("max_load"))
        if self.value() == "full":
            return queryset.filter(current_load__gte=F("max_load"))
        return None


@admin.register(Operator)
class OperatorAdmin(ProtectedDeletes, ServiceAdmin):
    """Name, switch and limit, changed through the services; the load is only shown."""

    form = NameForm
    list_display = ["name", "is_active", "load_of_limit", "source_count"]
    list_filter = ["is_active", LoadFilter, ("sources", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["name"]
    ordering = ["id"]
    actions = ["switch_on", "switch_off", "delete_selected"]
    fields = ["name", "is_active", "max_load"]
    shown_fields = ["current_load", "created_at", "lists"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operator]:
        """Return the operators with the number of their sources."""
        operators: QuerySet[Operator] = super().get_queryset(request)
        return operators.annotate(sources_linked=Count("weights"))

    def get_fields(self, request: HttpRequest, obj: Operator | None = None) -> Any:
        """A new operator has nothing to look at yet."""
        return self.fields if obj is None else [*self.fields, *self.shown_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Operator | None = None) -> Any:
        """What only the services or nobody may change."""
        return self.shown_fields

    @admin.display(description=_("load / limit"), ordering="current_load")
    def load_of_limit(self, operator: Operator) -> str:
        """How much of the limit is used."""
        return f"{operator.current_load} / {operator.max_load}"

    @admin.display(description=_("sources"), ordering="sources_linked")
    def source_count(self, operator: Operator) -> int:
        """How many sources the operator has a weight for."""
        return int(operator.sources_linked)  # type: ignore[attr-defined]

    @admin.display(description=_("lists"))
    def lists(self, operator: Operator) -> SafeString:
        """Links to the operator's weights, contacts and assignments."""
        return related_lists(operator)

    def save_model(
        self, request: HttpRequest, obj: Operator, form: ModelForm[Operator], change: bool
    ) -> None:
        """Create or change the operator; only what was changed in the form is written."""
        values: Any = {field: form.cleaned_data[field] for field in form.changed_data}
        if change:
            update_operator(obj.pk, actor=actor_of(request), **values)
        else:
            obj.pk = create_operator(
                name=obj.name,
                is_active=obj.is_active,
                max_load=obj.max_load,
                actor=actor_of(request),
            ).pk

    def delete_model(self, request: HttpRequest, obj: Operator) -> None:
        """Delete an operator who never had a contact, with their weights."""
        delete_operator(obj.pk, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        """Delete several, with the locks of all taken before."""
        ids = list(queryset.values_list("pk", flat=True))
        delete_operators(ids, actor=actor_of(request))

    @admin.action(description=_("Switch on: gets contacts again"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        """Switch the chosen operators on; what waits for them is assigned at once."""
        self._switch(request, queryset.filter(is_active=False), on=True)

    @admin.action(description=_("Switch off: gets no new contacts"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        """Switch the chosen operators off; they keep what they have."""
        self._switch(request, queryset.filter(is_active=True), on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Operator], *, on: bool) -> None:
        count = 0
        for operator_id in list(queryset.values_list("pk", flat=True)):
            operator = update_operator(operator_id, actor=actor_of(request), is_active=on)
            self.log_change(request, operator, [{"changed": {"fields": ["active"]}}])
            count += 1
        text = (
            ngettext("%(count)d operator switched on.", "%(count)d operators switched on.", count)
            if on
            else ngettext(
                "%(count)d operator switched off.", "%(count)d operators switched off.", count
            )
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
