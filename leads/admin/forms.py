"""What else is filled in in the admin about moves, and how its templates get the forms."""

from __future__ import annotations

from django import forms
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.widgets import AdminRadioSelect
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from leads.forms.moves import OverLimitForm
from leads.moving.moves import Move
from leads.services import OpenContacts


class ButtonForm(forms.Form):
    """What a button on a contact's page sends: the move, and the version that the page shows."""

    move = forms.TypedChoiceField(choices=Move.choices, coerce=Move)
    version = forms.IntegerField(min_value=1)


class TakeNextForm(OverLimitForm):
    """The contact that was shown as the next one; another one will not do."""

    expected_id = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class SwitchOffForm(forms.Form):
    """What becomes of the open contacts of an operator who is switched off."""

    open_contacts = forms.TypedChoiceField(
        label=capfirst(gettext_lazy("open contacts")),
        coerce=OpenContacts,
        widget=AdminRadioSelect(attrs={"class": "radiolist"}),
        choices=[
            (OpenContacts.KEEP, gettext_lazy("they stay with the operator")),
            (
                OpenContacts.REDISTRIBUTE,
                gettext_lazy("whoever is available gets them, the others stay with the operator"),
            ),
            (
                OpenContacts.REQUEUE,
                gettext_lazy("all leave the operator: whoever is available gets them, others wait"),
            ),
        ],
    )


def as_admin_form(form: forms.Form) -> AdminForm:
    """Return a form for the templates of the admin."""
    if "reason" in form.fields:
        form.fields["reason"].widget.attrs["class"] = "vLargeTextField"
    names = [field.name for field in form.visible_fields()]
    return AdminForm(form, [(None, {"fields": names})], {})  # type: ignore[arg-type]
