"""What happens to leads and contacts, each move in one transaction.

Lock order: idempotency record, lead, source, operators by id, contact. docs/architecture.md says
why.
"""

from leads.services.loads import check_loads
from leads.services.registration import ContactRequest, Registration, register_contact
from leads.services.waiting import assign_waiting

__all__ = [
    "ContactRequest",
    "Registration",
    "assign_waiting",
    "check_loads",
    "register_contact",
]
