"""The form of a source: its name, and whether it gives out contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from distribution.models import Source
from minicrm.text import clean_line

if TYPE_CHECKING:
    SourceModelForm = forms.ModelForm[Source]
else:
    SourceModelForm = forms.ModelForm


class SourceForm(SourceModelForm):
    """A source's own settings; its weights have a page of their own.

    What is edited is compared with what the form showed (`changed_data`), so that a field that
    nobody touched does not write back what somebody else has changed meanwhile.
    """

    class Meta:
        model = Source
        fields = ["name", "is_active"]
        labels = {"name": pgettext_lazy("of a thing", "Name"), "is_active": _("On")}
        widgets = {"name": forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = self.instance.pk is not None

    def clean_name(self) -> str:
        """Return the name as the API would store it."""
        return clean_line(str(self.cleaned_data["name"]))

    def undo_fields(self) -> dict[str, str]:
        """Return what this form must be sent to take back the change that it has just made."""
        fields = {name: str(self.initial[name]) for name in self.fields}
        shown = {self.add_initial_prefix(name): str(self.cleaned_data[name]) for name in fields}
        return fields | shown
