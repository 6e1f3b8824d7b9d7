"""What the page says to somebody who may not see or do something."""

from typing import Any

from django import template
from django.utils.translation import gettext as _

from minicrm.roles import Role, role_of

register = template.Library()


@register.simple_tag(takes_context=True)
def who_may(context: dict[str, Any]) -> str:
    """Say which role could do what was refused.

    Viewers look at everything but keys and users, supervisors change everything else: so what was
    refused to a role, and the app it belongs to, tell whose business it is.
    """
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return ""
    role = role_of(user)
    match = getattr(request, "resolver_match", None)
    if role is None:
        return _("You have no role yet. An administrator can give you one.")
    if role == Role.VIEWER and match is not None and match.app_name == "leads":
        return _("This is for supervisors. You are a viewer: you may look, and change nothing.")
    if role in (Role.VIEWER, Role.SUPERVISOR):
        return _("This is for administrators. You are a %(role)s.") % {"role": role.label}
    return _("You are an administrator, but this needs a right that your role does not have.")
