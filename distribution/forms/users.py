"""The forms about users and their roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from distribution.rights import given_role
from minicrm.roles import Role

if TYPE_CHECKING:
    NewUserForm = UserCreationForm[User]
else:
    NewUserForm = UserCreationForm

MAY = {
    Role.VIEWER: _("looks at everything but keys and users, and changes nothing"),
    Role.SUPERVISOR: _(
        "also changes operators, sources and weights, adds and moves contacts, and merges leads"
    ),
    Role.ADMINISTRATOR: _("also makes keys, manages users, and may use Django's admin"),
}


def _described(role: Role) -> str:
    return f"{capfirst(str(role.label))}: {MAY[role]}"


def role_field() -> forms.TypedChoiceField:
    """Return the choice of a role, each with what it may do."""
    described = lazy(_described, str)
    return forms.TypedChoiceField(
        label=_("Role"),
        choices=[(role.value, described(role)) for role in Role],
        coerce=Role,
        widget=forms.RadioSelect(attrs={"class": "flex-shrink-0"}),
    )


class CreateUserForm(NewUserForm):
    """A name to sign in with, a role, and a first password."""

    role = role_field()
    field_order = ["username", "role", "password1", "password2"]

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="user_%s", **kwargs)
        self.fields["username"].widget.attrs |= {"autocomplete": "off"}


class EditUserForm(forms.Form):
    """Role and activity; `seen` is what they were when the form was shown."""

    role = role_field()
    is_active = forms.BooleanField(label=_("May sign in"), required=False)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, user: User, data: Any = None) -> None:
        role = given_role(user)
        initial = {
            "role": role,
            "is_active": user.is_active,
            "seen": f"{role or ''}:{int(user.is_active)}",
        }
        super().__init__(data, initial=initial, auto_id="user_%s")

    def as_seen(self) -> tuple[Role | None, bool] | None:
        """Return the role and the activity that the form showed; None when it came without."""
        role, colon, is_active = self.cleaned_data["seen"].partition(":")
        if not colon or role not in ("", *Role.values):
            return None
        return Role(role) if role else None, is_active == "1"
