"""Django's admin for leads, contacts and their history: looks at everything, changes names.

Contacts are moved by actions and buttons that call the services, one transaction a contact.
"""

from leads.admin.assignments import AssignmentAdmin
from leads.admin.contacts import ContactAdmin
from leads.admin.leads import LeadAdmin
from leads.admin.operators import OperatorAdmin
from leads.admin.records import IdempotencyRecordAdmin, LeadConflictAdmin

__all__ = [
    "AssignmentAdmin",
    "ContactAdmin",
    "IdempotencyRecordAdmin",
    "LeadAdmin",
    "LeadConflictAdmin",
    "OperatorAdmin",
]
