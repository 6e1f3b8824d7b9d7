"""What somebody must say before a lead is erased."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from leads.models import REASON_LENGTH
from minicrm.validators import validate_line


class ErasureForm(forms.Form):
    """Which lead, typed once more, and why; `seen` is what there was to erase then."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=REASON_LENGTH,
        validators=[validate_line],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Kept for ever with the act: a number of the request or a paragraph, never the name"
            " or a key of the person."
        ),
    )
    number = forms.CharField(
        label=gettext_lazy("Number of the lead"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, lead_id: int, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial, auto_id="erasure-%s")
        self.lead_id = lead_id
        self.fields["number"].help_text = _("Type %(number)s, to be sure that it is this one.") % {
            "number": lead_id
        }

    def clean_number(self) -> str:
        """Refuse the number of any other lead."""
        number = str(self.cleaned_data["number"]).strip().removeprefix("#")
        if number != str(self.lead_id):
            raise ValidationError(_("This is not the number of this lead."))
        return number
