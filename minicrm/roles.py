"""What people may do: a viewer looks, a supervisor changes, an administrator does the rest.

Each role is a Django group of its name. The permissions are given by `leads` migrations 0005 and
0008, which keep their own copies; a test compares them.
"""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """The roles, each of which may do what those before it may."""

    VIEWER = "viewer", _("viewer")
    SUPERVISOR = "supervisor", _("supervisor")
    ADMINISTRATOR = "administrator", _("administrator")


LOOK = (
    "distribution.view_operator",
    "distribution.view_source",
    "distribution.view_operatorsourceweight",
    "distribution.view_auditevent",
    "leads.view_lead",
    "leads.view_contact",
    "leads.view_assignment",
    "leads.view_leadconflict",
)
CHANGE = (
    "distribution.add_operator",
    "distribution.change_operator",
    "distribution.add_source",
    "distribution.change_source",
    "distribution.add_operatorsourceweight",
    "distribution.change_operatorsourceweight",
    "distribution.delete_operatorsourceweight",
    "leads.add_contact",
    "leads.change_contact",
    "leads.change_lead",
    "leads.change_leadconflict",
    "leads.see_personal_data",
)
ADMINISTER = (
    "distribution.delete_operator",
    "distribution.delete_source",
    "distribution.view_apikey",
    "distribution.add_apikey",
    "distribution.change_apikey",
    "distribution.delete_apikey",
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
    "auth.view_group",
    "leads.erase_lead",
)
PERMISSIONS: dict[Role, tuple[str, ...]] = {
    Role.VIEWER: LOOK,
    Role.SUPERVISOR: LOOK + CHANGE,
    Role.ADMINISTRATOR: LOOK + CHANGE + ADMINISTER,
}


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """Return the highest of the user's roles; a superuser is an administrator."""
    if not user.is_active:
        return None
    if getattr(user, "is_superuser", False):
        return Role.ADMINISTRATOR
    groups = getattr(user, "groups", None)
    names = set(groups.values_list("name", flat=True)) if groups is not None else set()
    return next((role for role in reversed(Role) if role in names), None)
