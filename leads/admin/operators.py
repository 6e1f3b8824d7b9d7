"""Operators in Django's admin, with what concerns their contacts.

`distribution` knows nothing of contacts, so its page of operators is replaced by this one.
"""

from __future__ import annotations

import contextlib

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from distribution.models import Operator
from leads.admin.operator_pages import OperatorPages
from leads.services import OpenContacts, SwitchedOff
from minicrm.errors import NotFound

admin.site.unregister(Operator)


@admin.register(Operator)
class OperatorAdmin(OperatorPages):
    """Switching off says what becomes of the open contacts."""

    actions = [
        "switch_on",
        "switch_off",
        "switch_off_and_redistribute",
        "switch_off_and_requeue",
        "delete_selected",
    ]

    def save_model(
        self, request: HttpRequest, obj: Operator, form: ModelForm[Operator], change: bool
    ) -> None:
        """Create or change the operator; say so when one who is switched off keeps contacts."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data and not obj.is_active:
            self.tell_what_stays(request, Operator.objects.get(pk=obj.pk))

    @admin.action(
        description=gettext_lazy("Switch off: open contacts stay"), permissions=["change"]
    )
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        """Switch the chosen operators off; they keep what they have."""
        self._switch_off(request, queryset.filter(is_active=True), OpenContacts.KEEP)

    @admin.action(
        description=gettext_lazy("Switch off: hand open contacts over to others"),
        permissions=["hand_over"],
    )
    def switch_off_and_redistribute(
        self, request: HttpRequest, queryset: QuerySet[Operator]
    ) -> None:
        """Switch the chosen operators off; what others can take goes to them, the rest stays."""
        self._switch_off(request, queryset, OpenContacts.REDISTRIBUTE)

    @admin.action(
        description=gettext_lazy("Switch off: put open contacts back into the queue"),
        permissions=["hand_over"],
    )
    def switch_off_and_requeue(self, request: HttpRequest, queryset: QuerySet[Operator]) -> None:
        """Switch the chosen operators off; whoever can takes their contacts, the rest waits."""
        self._switch_off(request, queryset, OpenContacts.REQUEUE)

    def _switch_off(
        self, request: HttpRequest, queryset: QuerySet[Operator], open_contacts: OpenContacts
    ) -> None:
        switched = queryset.filter(is_active=True).count()
        operator_ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        if open_contacts != OpenContacts.KEEP:
            # All off before the first contact moves: else it would go from one to the other.
            self._switch_all_off(request, operator_ids, OpenContacts.KEEP)
        results = self._switch_all_off(request, operator_ids, open_contacts)
        moved, kept = sum(one.moved for one in results), sum(one.kept for one in results)
        self.tell_switched_off(request, switched, moved, kept)

    def _switch_all_off(
        self, request: HttpRequest, operator_ids: list[int], open_contacts: OpenContacts
    ) -> list[SwitchedOff]:
        results = []
        for operator_id in operator_ids:
            with contextlib.suppress(NotFound):  # deleted meanwhile
                results.append(self.switch_one_off(request, operator_id, open_contacts))
        return results
