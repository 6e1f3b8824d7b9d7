"""Leads in Django's admin."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from distribution.admin.base import (
    AnyModelAdmin,
    NameForm,
    changelist_url,
    object_link,
    related_lists,
)
from leads.admin.searching import GuardedLookups, PostedSearch
from leads.forms.leads import SEARCH_LABEL
from leads.models import Contact, Lead
from leads.search import leads_found, leads_matching

NEWEST_SHOWN = 20


class NumberedLog(AnyModelAdmin):
    """Logs changes under an object's number: its text may hold what a person is known by."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Write who changed which fields of "#7", and nothing of their content."""
        return LogEntry.objects.create(
            user_id=str(request.user.pk),
            content_type_id=get_content_type_for_model(obj).pk,
            object_id=str(obj.pk),
            object_repr=f"#{obj.pk}",
            action_flag=CHANGE,
            change_message=json.dumps(message),
        )


@admin.register(Lead)
class LeadAdmin(GuardedLookups, PostedSearch, NumberedLog):
    """Keys are the services' business; a name is anybody's who may change leads."""

    form = NameForm
    list_display = ["id", "name", "external_id", "email", "phone", "created_at"]
    list_display_links = ["id", "name", "external_id"]
    list_filter = ["created_at"]
    search_fields = ["external_id"]  # what is really searched: get_search_results
    personal_fields = frozenset({"external_id", "email", "phone", "name"})
    search_help_text = _("Beginning of an external id, e-mail, phone (with +) or name.")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ["-id"]
    readonly_fields = [
        "external_id",
        "email",
        "phone",
        "merged_into_link",
        "created_at",
        "newest_contacts",
        "lists",
    ]
    fields = ["name", *readonly_fields]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show no personal data of many leads to those who may not see it."""
        if self.sees_personal_data(request):
            return [*self.list_display]
        return ["id", "created_at"]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Say beside the search box what it finds for this user."""
        changelist = super().get_changelist_instance(request)
        if not self.sees_personal_data(request):
            changelist.search_help_text = str(SEARCH_LABEL)
        return changelist

    def get_readonly_fields(self, request: HttpRequest, obj: Lead | None = None) -> Any:
        """An erased lead gets no name again."""
        return self.fields if obj is not None and obj.erased_at else self.readonly_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leads come with contacts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Lead | None = None) -> bool:
        """Leads stay; their contacts count."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Lead], search_term: str
    ) -> tuple[QuerySet[Lead], bool]:
        """Search the beginnings of keys and names, in the spelling they are stored in.

        Whoever may not see them finds a number or a whole key, as on the pages: no guessing.
        """
        if not search_term.strip():
            return queryset, False
        if not self.sees_personal_data(request):
            return queryset.filter(leads_found(search_term)), False
        return leads_matching(queryset, search_term), False

    def save_model(
        self, request: HttpRequest, obj: Lead, form: ModelForm[Lead], change: bool
    ) -> None:
        """Write the name alone, if it was changed: a contact may be filling in keys just now."""
        if "name" in form.changed_data:
            obj.save(update_fields=["name"])

    @admin.display(description=_("merged into"))
    def merged_into_link(self, lead: Lead) -> str:
        """Link to the lead that this one turned out to be."""
        return object_link(lead.merged_into, f"#{lead.merged_into_id}")

    @admin.display(description=_("newest contacts"))
    def newest_contacts(self, lead: Lead) -> str:
        """The lead's latest contacts, and the way to all of them."""
        contacts = lead.contacts.select_related("source", "operator").order_by("-id")
        context = {
            "contacts": contacts[:NEWEST_SHOWN],
            "all_url": changelist_url(Contact, lead__id__exact=lead.pk),
        }
        return render_to_string("admin/leads/_contacts.html", context)

    @admin.display(description=_("lists"))
    def lists(self, lead: Lead) -> str:
        """Links to everything that belongs to the lead."""
        return related_lists(lead)
