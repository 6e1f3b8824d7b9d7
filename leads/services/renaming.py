"""What a lead is called."""

from distribution import audit
from distribution.models import NAME_LENGTH
from leads.models import Lead
from minicrm.errors import Conflict, Invalid, NotFound
from minicrm.text import clean_line, forbidden_character
from minicrm.transactions import retried


@retried
def rename_lead(lead_id: int, *, name: str, shown: str, actor: str) -> bool:
    """Call a lead something else, or nothing; return whether that changed anything.

    `shown` is the name that the caller saw. The name itself is personal data, and not recorded.
    Raises NotFound, Invalid, and Conflict for an erased lead, or when the name is another one by
    now.
    """
    name = _checked(name)
    lead = Lead.objects.select_for_update(no_key=True).filter(pk=lead_id).first()
    if lead is None:
        raise NotFound("lead_not_found", f"There is no lead {lead_id}.")
    if lead.erased_at is not None:
        raise Conflict("lead_erased", f"Lead {lead_id} was erased on {lead.erased_at:%Y-%m-%d}.")
    if lead.name == name:
        return False
    if lead.name != shown:
        raise Conflict("lead_changed", f"Lead {lead_id} has been renamed meanwhile.")
    Lead.objects.filter(pk=lead_id).update(name=name)
    audit.record(
        actor=actor,
        action="changed",
        obj_type="lead",
        object_id=lead_id,
        object_name=f"#{lead_id}",
        before={"renamed": False},
        after={"renamed": True},
    )
    return True


def _checked(name: str) -> str:
    name = clean_line(name)
    if wrong := forbidden_character(name):
        raise Invalid("invisible_character", f"The name holds a {wrong}.", field="name")
    if len(name) > NAME_LENGTH:
        raise Invalid("too_long", f"A name has at most {NAME_LENGTH} characters.", field="name")
    return name
