"""What the services refuse, in the user's language; they speak English themselves."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from minicrm.errors import NotFound, ServiceError

# What a person may meet when two change the same thing.
REFUSALS = {
    "source_name_taken": gettext_lazy("There is a source of this name already."),
    "weight_exists": gettext_lazy("This operator has a weight for this source already."),
    "operator_inactive": gettext_lazy("This operator is switched off."),
    "operator_at_limit": gettext_lazy("This operator is at the limit."),
    "reason_required": gettext_lazy("Say why it goes over the limit."),
    "busy": gettext_lazy("Others kept it busy for too long; try it again."),
}


def refusal_text(error: ServiceError) -> str:
    """Return what a service refused, in the user's language where we have it."""
    if isinstance(error, NotFound):
        return _("It was deleted meanwhile.")
    return str(REFUSALS.get(error.code, error.message))
