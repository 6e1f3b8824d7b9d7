"""What people fill in about operators and their contacts: switching, taking, several at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.forms.operators import LimitField
from leads.forms.moves import OverLimitForm
from leads.services import OpenContacts
from minicrm.schemas import MAX_ID

OPEN_CONTACTS = {
    OpenContacts.REDISTRIBUTE: gettext_lazy(
        "Hand them over: whoever is available gets them, what nobody can take stays."
    ),
    OpenContacts.REQUEUE: gettext_lazy(
        "Put all back into the queue: whoever is available gets them, what nobody can take waits."
    ),
    OpenContacts.KEEP: gettext_lazy(
        "Leave them: the operator goes on with them and gets no new ones."
    ),
}


class SwitchForm(forms.Form):
    """On or off; off with what becomes of the open contacts."""

    is_active = forms.ChoiceField(choices=[("1", "on"), ("0", "off")], widget=forms.HiddenInput)
    open_contacts = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Open contacts"),
        choices=list(OPEN_CONTACTS.items()),
        widget=forms.RadioSelect,
    )

    def __init__(self, data: QueryDict | None = None, *, is_active: bool = True) -> None:
        initial = {"is_active": "0", "open_contacts": OpenContacts.REDISTRIBUTE}
        super().__init__(data, initial=initial, auto_id="switch_%s")
        if not is_active:  # nothing new comes any more, and what is there can only be given away
            choices = [one for one in OPEN_CONTACTS.items() if one[0] != OpenContacts.KEEP]
            self.fields["open_contacts"].widget.choices = choices

    @property
    def switches_on(self) -> bool:
        """Whether it is to be on."""
        return bool(self.cleaned_data["is_active"] == "1")

    @property
    def choice(self) -> OpenContacts | None:
        """What becomes of the open contacts; None when nothing was chosen."""
        chosen = self.cleaned_data["open_contacts"]
        return OpenContacts(chosen) if chosen else None


class TakeNextForm(OverLimitForm):
    """The waiting contact that an operator gets, as it was offered."""

    expected_id = forms.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        label=gettext_lazy("Contact"),
        error_messages={"required": gettext_lazy("Choose a contact.")},
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="take_%s")


class Numbers(forms.Field):
    """Ids, each in a field of its own or several with commas between them."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[int]:
        """Return each id once, in ascending order. Raises ValidationError for what is none."""
        texts = {text for part in value or [] for text in str(part).split(",")}
        if not all(_is_id(text) for text in texts):
            raise ValidationError(_("Select the operators again."), code="invalid")
        return sorted(int(text) for text in texts)


def _is_id(text: str) -> bool:
    # One digit less than the largest: more than there will ever be, and no overflow.
    return text.isascii() and text.isdecimal() and len(text) < len(str(MAX_ID))


class Bulk(models.TextChoices):
    """What can be done to several operators."""

    ON = "on", gettext_lazy("Switch on")
    OFF_REDISTRIBUTE = "off_redistribute", gettext_lazy("Switch off: hand open contacts over")
    OFF_REQUEUE = "off_requeue", gettext_lazy("Switch off: open contacts into the queue")
    OFF_KEEP = "off_keep", gettext_lazy("Switch off: open contacts stay")
    LIMIT = "limit", gettext_lazy("Set the limit")

    @property
    def open_contacts(self) -> OpenContacts | None:
        """What becomes of the open contacts of those who are switched off."""
        word = self.value.removeprefix("off_")
        return OpenContacts(word) if word != self.value else None


class BulkForm(forms.Form):
    """What is to be done to which operators."""

    pk = Numbers(error_messages={"required": gettext_lazy("Select operators first.")})
    action = forms.TypedChoiceField(
        label=gettext_lazy("Do with the selected ones"),
        choices=Bulk.choices,
        coerce=Bulk,
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )
    max_load = LimitField(
        required=False,
        help_text="",
        widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
    )

    def __init__(self, data: QueryDict | None = None, *, most: int) -> None:
        super().__init__(data, auto_id="bulk_%s")
        self.most = most

    def clean_pk(self) -> list[int]:
        """Refuse more than a page shows."""
        numbers: list[int] = self.cleaned_data["pk"]
        if len(numbers) > self.most:
            raise ValidationError(_("Too many at once."), code="too_many")
        return numbers

    def clean(self) -> dict[str, Any] | None:
        """Ask for the limit where one is to be set."""
        cleaned = super().clean()
        wanted = self.cleaned_data.get("action") == Bulk.LIMIT
        if wanted and "max_load" in self.cleaned_data and self.cleaned_data["max_load"] is None:
            self.add_error("max_load", _("Enter the limit."))
        return cleaned
