"""What people fill in about leads: whom they look for, a name, two that are one or not."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from distribution.models import NAME_LENGTH
from leads.forms.filters import SEARCH_LENGTH
from minicrm.schemas import MAX_ID
from minicrm.validators import validate_line

SEARCH_LABEL = gettext_lazy("External id, e-mail, phone, or #number")


def _search_input() -> forms.TextInput:
    attributes = {"type": "search", "class": "form-control", "autocomplete": "off"}
    return forms.TextInput(attrs=attributes)


class LeadSearch(forms.Form):
    """Whose leads to list."""

    q = forms.CharField(
        label=SEARCH_LABEL, required=False, max_length=SEARCH_LENGTH, widget=_search_input()
    )


class OtherLead(forms.Form):
    """With which other lead to merge one."""

    with_lead = forms.CharField(
        label=SEARCH_LABEL, max_length=SEARCH_LENGTH, widget=_search_input()
    )


class NameForm(forms.Form):
    """What to call a lead; `shown` is what it was called when the form was opened."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=NAME_LENGTH,
        validators=[validate_line],
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    shown = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)


class PairForm(forms.Form):
    """Two leads, and whether they are to be told apart, or suspected again."""

    lead = forms.IntegerField(min_value=1, max_value=MAX_ID)
    other = forms.IntegerField(min_value=1, max_value=MAX_ID)
    again = forms.BooleanField(required=False)
