"""The distribution app: who can take a contact, and the choice."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DistributionConfig(AppConfig):
    """Operators, sources, weights and API keys. Knows nothing of leads and contacts."""

    name = "distribution"
    verbose_name = _("Distribution")
