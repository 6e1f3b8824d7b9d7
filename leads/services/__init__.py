"""What happens to leads and contacts, each move in one transaction.

Lock order: idempotency record, lead, source, operators by id, contact. docs/architecture.md says
why.
"""

from leads.services.closing import close_contact, reopen_contact
from leads.services.dossier import export_lead
from leads.services.duplicates import suspect_again, tell_apart
from leads.services.erasing import Erasing, erase_lead, preview_erasure
from leads.services.forgetting import contacts_to_forget, forget_old_contents
from leads.services.loads import check_loads
from leads.services.merging import Merged, Merging, merge_leads, preview_merge
from leads.services.moves import Moved
from leads.services.reassigning import reassign_contact, requeue_contact, take_next_contact
from leads.services.registration import ContactRequest, Registration, register_contact
from leads.services.renaming import rename_lead
from leads.services.switching import OpenContacts, SwitchedOff, switch_operator_off
from leads.services.waiting import assign_waiting

__all__ = [
    "ContactRequest",
    "Erasing",
    "Merged",
    "Merging",
    "Moved",
    "OpenContacts",
    "Registration",
    "SwitchedOff",
    "assign_waiting",
    "check_loads",
    "close_contact",
    "contacts_to_forget",
    "erase_lead",
    "export_lead",
    "forget_old_contents",
    "merge_leads",
    "preview_erasure",
    "preview_merge",
    "reassign_contact",
    "register_contact",
    "rename_lead",
    "reopen_contact",
    "requeue_contact",
    "suspect_again",
    "switch_operator_off",
    "take_next_contact",
    "tell_apart",
]
