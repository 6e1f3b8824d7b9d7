"""Django's admin for operators, sources, weights and keys, for users, and for who changed what.

It may look at everything and change names; loads, switches, limits and weights change through
`distribution.services`, so that places they free are handed out at once.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from distribution.admin.audit import AuditEventAdmin
from distribution.admin.keys import ApiKeyAdmin
from distribution.admin.operators import OperatorAdmin
from distribution.admin.sources import SourceAdmin
from distribution.admin.users import GroupAdmin, UserAdmin
from distribution.admin.weights import WeightAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditEventAdmin",
    "GroupAdmin",
    "OperatorAdmin",
    "SourceAdmin",
    "UserAdmin",
    "WeightAdmin",
]

admin.site.site_header = admin.site.site_title = "Mini-CRM"
admin.site.index_title = _("Administration")
