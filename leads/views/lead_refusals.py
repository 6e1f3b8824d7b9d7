"""What the services of leads refuse, in the user's language."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.refusals import refusal_text
from minicrm.errors import ServiceError

REFUSALS: dict[str, Any] = {
    "same_lead": gettext_lazy("That is one and the same lead."),
    "leads_changed": gettext_lazy(
        "Something was added to these leads meanwhile. Look at them again."
    ),
    "lead_changed": gettext_lazy("Somebody has changed the name meanwhile. Look at it again."),
    "lead_grew": gettext_lazy("Something was added to this lead meanwhile. Look at it again."),
    "lead_erased": gettext_lazy("The personal data of this lead was erased."),
    "reason_required": gettext_lazy("Say why."),
    "reason_names_lead": gettext_lazy(
        "The reason is kept for ever: leave out the person's name and keys."
    ),
    "reason_holds_key": gettext_lazy(
        "The reason is kept for ever: leave out e-mails and phone numbers."
    ),
    "too_long": gettext_lazy("The name is too long."),
    "invisible_character": gettext_lazy("Remove the invisible characters."),
}


def lead_refusal_text(error: ServiceError) -> str:
    """Return why a service would not, with the number of the lead that is in the way."""
    present = error.present or {}
    if error.code == "lead_merged":
        numbers = {"number": present.get("id"), "into": present.get("merged_into_id")}
        return _("Lead #%(number)s was merged into #%(into)s already.") % numbers
    return str(REFUSALS[error.code]) if error.code in REFUSALS else refusal_text(error)
