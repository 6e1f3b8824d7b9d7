"""The leads app: who asked, and what became of it."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LeadsConfig(AppConfig):
    """Leads, contacts and assignments. Stands on the distribution app."""

    name = "leads"
    verbose_name = _("Leads")

    def ready(self) -> None:
        """Let waiting contacts have the places that distribution frees."""
        from distribution.signals import capacity_freed
        from leads.services.waiting import assign_freed_places

        capacity_freed.connect(assign_freed_places, dispatch_uid="leads.assign_freed_places")
