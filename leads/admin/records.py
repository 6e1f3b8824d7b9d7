"""Conflicts between leads, and remembered requests, in Django's admin."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from distribution.admin.base import ReadOnlyAdmin, object_link
from leads.admin.decisions import json_block
from leads.admin.leads import NumberedLog
from leads.admin.searching import GuardedLookups, PostedSearch
from leads.models import IdempotencyRecord, LeadConflict
from leads.services import tell_apart
from minicrm.errors import Conflict
from minicrm.pages import actor_of


@admin.register(LeadConflict)
class LeadConflictAdmin(NumberedLog, ReadOnlyAdmin):
    """Leads that one contact named as the same person; looked into, and then marked."""

    list_display = ["id", "lead_link", "other_lead_link", "key", "created_at", "resolved_at"]
    list_select_related = ["lead", "other_lead"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "key"]
    readonly_fields = ["lead_link", "other_lead_link", "key", "created_at", "resolved_at"]
    fields = [*readonly_fields]
    actions = ["mark_resolved"]

    @admin.display(description=_("lead"))
    def lead_link(self, conflict: LeadConflict) -> str:
        """Link to the lead that got the contact, by number: a list shows no personal data."""
        return object_link(conflict.lead, f"#{conflict.lead_id}")

    @admin.display(description=_("other lead"))
    def other_lead_link(self, conflict: LeadConflict) -> str:
        """Link to the lead that owns the key, by number too."""
        return object_link(conflict.other_lead, f"#{conflict.other_lead_id}")

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Whoever may change conflicts; changing one means resolving it, no more."""
        return request.user.has_perm("leads.change_leadconflict")

    @admin.action(description=_("Mark as resolved"), permissions=["resolve"])
    def mark_resolved(self, request: HttpRequest, queryset: QuerySet[LeadConflict]) -> None:
        """Note that the leads of the chosen conflicts are two persons each."""
        count = 0
        for conflict in queryset.filter(resolved_at=None):
            pair = {"lead_id": conflict.lead_id, "other_id": conflict.other_lead_id}
            try:
                resolved = tell_apart(**pair, actor=actor_of(request))
            except Conflict:
                continue  # merged meanwhile, which resolved it
            if resolved:
                self.log_change(request, conflict, [{"changed": {"fields": ["resolved"]}}])
                count += resolved
        text = ngettext("%(count)d conflict resolved.", "%(count)d conflicts resolved.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(GuardedLookups, PostedSearch, ReadOnlyAdmin):
    """Requests that must not happen twice, and the answers they got."""

    list_display = ["id", "scope", "key", "created_at"]
    list_filter = ["created_at"]
    personal_fields = frozenset({"key", "digest"})  # the client's own key may be made of anything
    search_fields = ["key__exact"]
    search_help_text = _("The whole key.")
    readonly_fields = ["scope", "key", "digest", "answer", "created_at"]
    fields = [*readonly_fields]

    @admin.display(description=_("answer"))
    def answer(self, record: IdempotencyRecord) -> str:
        """What was answered, and is answered again."""
        return json_block(record.response)
