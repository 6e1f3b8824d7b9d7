"""The forms that make a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from distribution.keys import PREFIX, new_prefix
from distribution.models import NAME_LENGTH, ApiKey
from minicrm.validators import cleaned_line

if TYPE_CHECKING:
    ApiKeyForm = forms.ModelForm[ApiKey]
else:
    ApiKeyForm = forms.ModelForm


class OnceForm(forms.Form):
    """Makes one key, however often it is sent: it carries the prefix of the key it will make.

    A prefix is unique in the database, so the same form sent again finds the key there. Whoever
    writes another prefix into it makes another key, which they may do anyway.
    """

    made = forms.Field(required=False, initial=new_prefix, widget=forms.HiddenInput)

    def clean_made(self) -> str:
        """Return the prefix; where a form came without one, a new one."""
        made = str(self.cleaned_data["made"])
        return made if PREFIX.fullmatch(made) else new_prefix()


class KeyForm(OnceForm, ApiKeyForm):
    """What a key is for, and what it may do; neither can be changed later."""

    class Meta:
        model = ApiKey
        fields = ["name", "source", "can_manage"]
        widgets = {"name": forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})}
        help_texts = {
            "name": _("Which bot or form calls with it."),
            "source": _("A key of one source posts and reads the contacts of that source alone."),
        }

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, auto_id="key_%s", **kwargs)
        self.fields["source"].empty_label = _("all sources")  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Return the name as the API would store it."""
        return cleaned_line(str(self.cleaned_data["name"]), longest=NAME_LENGTH)
