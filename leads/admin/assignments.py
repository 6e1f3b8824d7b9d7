"""Assignments in Django's admin: who had which contact when, or that it waited."""

from __future__ import annotations

from django.contrib import admin
from django.forms import Media
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.admin.base import ReadOnlyAdmin, object_link
from distribution.admin.filters import chosen_by_name, filter_media
from distribution.audit import actor_names
from leads.admin.decisions import assignment_tables, json_block
from leads.admin.searching import GuardedLookups
from leads.models import Assignment


@admin.register(Assignment)
class AssignmentAdmin(GuardedLookups, ReadOnlyAdmin):
    """Periods with an operator or in the queue, and how each was decided."""

    list_display = [
        "id",
        "contact_link",
        "with_whom",
        "how",
        "started_at",
        "ended_at",
        "ended_how",
    ]
    list_select_related = ["operator", "contact"]
    list_filter = ["method", "ended_as", chosen_by_name("operator")]
    personal_fields = frozenset({"end_reason", "decision"})
    readonly_fields = [
        "contact_link",
        "with_whom",
        "how",
        "started_at",
        "ended_at",
        "ended_how",
        "ended_by_whom",
        "end_reason",
        "table",
        "record",
    ]
    fields = [*readonly_fields]

    @property
    def media(self) -> Media:
        """Add what the filter needs."""
        return super().media + filter_media(self)

    @admin.display(description=gettext_lazy("contact"), ordering="contact")
    def contact_link(self, assignment: Assignment) -> str:
        """Link to the contact."""
        return object_link(assignment.contact)

    @admin.display(description=gettext_lazy("operator"), ordering="operator__name")
    def with_whom(self, assignment: Assignment) -> str:
        """Link to the operator, or say that there was none."""
        if assignment.operator is None:
            return _("in the queue")
        return object_link(assignment.operator)

    @admin.display(description=gettext_lazy("method"), ordering="method")
    def how(self, assignment: Assignment) -> str:
        """Who or what decided it."""
        return assignment.get_method_display()

    @admin.display(description=gettext_lazy("ended as"), ordering="ended_as")
    def ended_how(self, assignment: Assignment) -> str:
        """What ended the period, if it has ended."""
        return assignment.get_ended_as_display() or "–"

    @admin.display(description=gettext_lazy("ended by"))
    def ended_by_whom(self, assignment: Assignment) -> str:
        """Who ended it, by name."""
        if not assignment.ended_by:
            return "–"
        return actor_names([assignment.ended_by])[assignment.ended_by]

    @admin.display(description=gettext_lazy("decision"))
    def table(self, assignment: Assignment) -> str:
        """Who could have had it, and who could not."""
        return assignment_tables([assignment])

    @admin.display(description=gettext_lazy("decision as stored"))
    def record(self, assignment: Assignment) -> str:
        """The whole record."""
        return json_block(assignment.decision)
