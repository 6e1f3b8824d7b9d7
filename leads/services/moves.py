"""What the moves of a contact share: reading it, refusing a stale request, changing it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F

from distribution.services import Claim
from leads.models import REASON_LENGTH, Assignment, Contact, Lead
from minicrm.errors import Conflict, Invalid, NotFound
from minicrm.text import clean_line, forbidden_character
from minicrm.transactions import RunAgain


@dataclass(frozen=True, slots=True)
class Moved:
    """A contact after a move.

    Not `changed`: it was so already, and nothing was done. `assigned` counts the waiting contacts,
    others than this one, that got the places which the move freed.
    """

    contact: Contact
    changed: bool
    assigned: int = 0


def read(contact_id: int) -> Contact:
    """Return a contact as it is now. Raises NotFound."""
    contact = Contact.objects.select_related("operator").filter(pk=contact_id).first()
    if contact is None:
        raise NotFound("contact_not_found", f"There is no contact {contact_id}.")
    return contact


def refuse_stale(contact: Contact, version: int | None) -> None:
    """Raise Conflict when the caller read another version of the contact than there is now."""
    if version is not None and version != contact.version:
        raise changed_meanwhile(contact)


def changed_meanwhile(contact: Contact) -> Conflict:
    """Return the refusal for a contact that is not what the caller believes, with its state."""
    operator = f" with {contact.operator}" if contact.operator else ""
    return Conflict(
        "contact_changed",
        f"Contact {contact.pk} has changed meanwhile: it is {contact.status}{operator}"
        f" (version {contact.version}). Look at it again.",
        present=present_state(contact),
    )


def refuse_closed(contact: Contact) -> None:
    """Raise Conflict for a contact that is closed."""
    if contact.status == Contact.Status.CLOSED:
        raise Conflict(
            "contact_closed",
            f"Contact {contact.pk} is closed; reopen it first.",
            present=present_state(contact),
        )


def present_state(contact: Contact) -> dict[str, Any]:
    """Return what a caller who was refused needs to know."""
    return {
        "id": contact.pk,
        "status": str(contact.status),
        "operator_id": contact.operator_id,
        "version": contact.version,
    }


def checked_reason(reason: str, *, needed: bool = False) -> str:
    """Return the reason in one line. Raises Invalid for one too long, or missing where needed."""
    reason = clean_line(reason)
    if needed and not reason:
        raise Invalid("reason_required", "Say why it goes over the limit.", field="reason")
    if wrong := forbidden_character(reason):
        raise Invalid("invisible_character", f"The reason holds a {wrong}.", field="reason")
    if len(reason) > REASON_LENGTH:
        raise Invalid(
            "too_long", f"A reason has at most {REASON_LENGTH} characters.", field="reason"
        )
    return reason


def kept_reason(contact_id: int, reason: str) -> str:
    """Return what of a reason may be stored: nothing once the person of the contact is erased.

    An erasure can be done only once, so nothing about them must come after it. The caller has
    changed the contact, and so holds its row: an erasure is either done, and seen here, or waits
    for that row and then takes the reason with the rest.
    """
    if not reason:
        return ""
    erased = Lead.objects.filter(contacts=contact_id).exclude(erased_at=None)
    return "" if erased.exists() else reason


def operators_of(contact: Contact) -> list[int]:
    """Return the operator whose place an open contact takes, if any."""
    return [] if contact.operator_id is None else [contact.operator_id]


def by_hand(
    method: Assignment.Method, operator_id: int | None, *, actor: str, **facts: object
) -> Claim:
    """Return the record of a choice that nobody drew: who made it, and what they said."""
    decision = {"method": str(method), "by": actor, "operator_id": operator_id, **facts}
    return Claim(operator_id, decision)


def change(contact: Contact, **values: Any) -> None:
    """Write to a contact that is still as it was read; else everything starts over (`RunAgain`)."""
    here = Contact.objects.filter(pk=contact.pk, version=contact.version)
    if not here.update(**values, version=F("version") + 1):
        raise RunAgain("the contact was moved meanwhile")
