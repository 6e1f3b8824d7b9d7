"""Contacts in Django's admin: to look at, and to be moved through the services."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from distribution.admin.base import ReadOnlyAdmin, object_link
from distribution.admin.filters import chosen_by_name, filter_media
from leads.admin.decisions import assignment_tables, json_block
from leads.admin.moving import MovableContacts
from leads.admin.searching import GuardedLookups, PostedSearch
from leads.admin.timelines import timeline_table
from leads.models import Contact, Lead
from leads.search import contacts_found

ASSIGNMENTS_SHOWN = 20


@admin.register(Contact)
class ContactAdmin(GuardedLookups, PostedSearch, MovableContacts, ReadOnlyAdmin):
    """Operators and statuses change only through the services, by moves; nothing is edited."""

    list_display = ["id", "status", "source", "operator", "lead_number", "created_at"]
    list_select_related = ["source", "operator"]
    # No date_hierarchy, and all sources rather than those in use: both would read every contact.
    list_filter = [
        "status",
        "created_at",
        "source",
        chosen_by_name("operator"),
    ]
    search_fields = ["id"]  # what is really searched: get_search_results
    personal_fields = frozenset({"name", "message", "supplied", "payload"})
    search_help_text = _("Number of a contact, or a lead's external id, e-mail or phone in full.")
    readonly_fields = [
        "status",
        "lead_link",
        "source_link",
        "operator_link",
        "name",
        "message",
        "supplied_json",
        "payload_json",
        "created_at",
        "assigned_at",
        "closed_at",
        "version",
        "timeline",
        "decisions",
    ]
    fields = [*readonly_fields]

    @property
    def media(self) -> Media:
        """Add what the filters need."""
        return super().media + filter_media(self)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        """Search for a number or a lead's whole key: each is one look into an index."""
        text = search_term.strip()
        if not text:
            return queryset, False
        return queryset.filter(contacts_found(text)), False

    @admin.display(description=_("lead"), ordering="lead")
    def lead_number(self, contact: Contact) -> str:
        """Link to the lead, by number: a list of many shows no personal data."""
        return object_link(Lead(pk=contact.lead_id), f"#{contact.lead_id}")

    @admin.display(description=_("lead"))
    def lead_link(self, contact: Contact) -> str:
        """Link to the lead."""
        return object_link(contact.lead)

    @admin.display(description=_("source"))
    def source_link(self, contact: Contact) -> str:
        """Link to the source."""
        return object_link(contact.source)

    @admin.display(description=_("operator"))
    def operator_link(self, contact: Contact) -> str:
        """Link to the operator who has it, or had it last."""
        return object_link(contact.operator)

    @admin.display(description=_("keys as supplied"))
    def supplied_json(self, contact: Contact) -> str:
        """The lead's keys as the source sent them."""
        return json_block(contact.supplied)

    @admin.display(description=_("payload"))
    def payload_json(self, contact: Contact) -> str:
        """What else the source sent."""
        return json_block(contact.payload)

    @admin.display(description=_("timeline"))
    def timeline(self, contact: Contact) -> str:
        """What happened when, by whom, and why."""
        return timeline_table(contact)

    @admin.display(description=_("decisions"))
    def decisions(self, contact: Contact) -> str:
        """Who had the contact when, and who could have had it."""
        newest = contact.assignments.select_related("operator").order_by("-id")
        return assignment_tables(newest[:ASSIGNMENTS_SHOWN])
