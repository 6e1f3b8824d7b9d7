"""Who changed what, from what, to what: the audit events in Django's admin, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.admin.base import ReadOnlyAdmin, changelist_url
from distribution.admin.differences import difference_lines, difference_table
from distribution.event_words import MODELS, recent_actors, with_names
from distribution.models import AuditEvent

SHOWN_IN_LIST = 10  # differences of one event; its own page shows them all


class AuditEventList(ChangeList):
    """A page of events, with the names that they are shown with."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and the names for all of it at once."""
        super().get_results(request)
        self.result_list: Any = with_names(self.result_list)


class ActorFilter(admin.SimpleListFilter):
    """Whoever acted lately, and whoever is chosen now, by name."""

    title = gettext_lazy("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return who acted lately. Whoever acted long ago is a link in the list."""
        return recent_actors(self.value() or "")

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> QuerySet[AuditEvent] | None:
        """Return what the chosen one did."""
        actor = self.value()
        return queryset.filter(actor=actor) if actor else None


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The newest first; nobody changes or deletes any."""

    list_display = ["at", "who_acted", "action", "object_link", "what_differs"]
    list_filter = ["object_type", "action", ActorFilter]
    search_fields = ["object_name"]
    search_help_text = gettext_lazy("A part of the object's name.")
    readonly_fields = ["at", "who_acted", "action", "object_link", "all_differences", "lists"]
    fields = [*readonly_fields]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that looks names up for a whole page."""
        return AuditEventList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AuditEvent | None:
        """Return one event, with names."""
        event = super().get_object(request, object_id, from_field)
        return None if event is None else with_names([event])[0]

    @admin.display(description=gettext_lazy("who"), ordering="actor")
    def who_acted(self, event: AuditEvent) -> str:
        """Link to everything that whoever did this did."""
        url = changelist_url(AuditEvent, actor=event.actor)
        return format_html('<a href="{}">{}</a>', url, event.who)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("object"), ordering="object_name")
    def object_link(self, event: AuditEvent) -> str:
        """Say what was changed; link to it if it is still there."""
        kind = event.get_object_type_display()
        model = MODELS.get(event.object_type)
        if model is None or not event.there:  # type: ignore[attr-defined]
            return f"{kind}: {event.object_name}"
        options = model._meta
        page = f"admin:{options.app_label}_{options.model_name}_change"
        url = reverse(page, args=[event.object_id])
        return format_html('{}: <a href="{}">{}</a>', kind, url, event.object_name)

    @admin.display(description=gettext_lazy("difference"))
    def what_differs(self, event: AuditEvent) -> SafeString:
        """Show the first few differences, a line each."""
        return difference_lines(event, most=SHOWN_IN_LIST)

    @admin.display(description=gettext_lazy("difference"))
    def all_differences(self, event: AuditEvent) -> SafeString:
        """Show what differs as a table, however much that is."""
        return difference_table(event)

    @admin.display(description=gettext_lazy("lists"))
    def lists(self, event: AuditEvent) -> SafeString:
        """Link to everything that happened to the same object."""
        url = changelist_url(
            AuditEvent, object_type__exact=event.object_type, object_id=event.object_id
        )
        return format_html('<a href="{}">{}</a>', url, _("all changes of this object"))
