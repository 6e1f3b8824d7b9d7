"""The form of a source: its name, and whether it gives out contacts."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from distribution.forms.edits import EditForm
from distribution.models import NAME_LENGTH
from minicrm.validators import cleaned_line, validate_line


class SourceForm(EditForm):
    """A new source, or its own settings; the weights have a page of their own."""

    name = forms.CharField(
        label=pgettext_lazy("of a thing", "Name"),
        max_length=NAME_LENGTH,
        validators=[validate_line],
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    is_active = forms.BooleanField(
        label=_("On"),
        required=False,
        initial=True,
        help_text=_("Off: its contacts are still accepted, and wait."),
    )

    def clean_name(self) -> str:
        """Return the name as the API would store it."""
        return cleaned_line(str(self.cleaned_data["name"]), longest=NAME_LENGTH)

    def undo_fields(self) -> dict[str, str]:
        """Return what this form must be sent to take back the change that it has just made."""
        fields = {name: str(self.initial[name]) for name in self.fields}
        shown = {self.add_initial_prefix(name): str(self.cleaned_data[name]) for name in fields}
        return fields | shown
