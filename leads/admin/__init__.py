"""Django's admin for leads, contacts and their history: looks at everything, changes names."""

from leads.admin.contacts import AssignmentAdmin, ContactAdmin
from leads.admin.leads import LeadAdmin
from leads.admin.records import IdempotencyRecordAdmin, LeadConflictAdmin

__all__ = [
    "AssignmentAdmin",
    "ContactAdmin",
    "IdempotencyRecordAdmin",
    "LeadAdmin",
    "LeadConflictAdmin",
]
