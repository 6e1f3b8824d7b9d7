"""What a person says to a move: why, to whom, and whether over the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.widgets import AdminRadioSelect, AdminTextInputWidget
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from distribution.models import Operator
from distribution.refusals import REFUSALS
from leads.admin.moves import Move
from leads.models import REASON_LENGTH
from leads.services import OpenContacts
from minicrm.text import clean_line
from minicrm.validators import validate_line

if TYPE_CHECKING:
    OperatorField = forms.ModelChoiceField[Operator]
else:
    OperatorField = forms.ModelChoiceField


class OperatorChoice(OperatorField):
    """An active operator, chosen by name, load and limit."""

    def __init__(self) -> None:
        active = Operator.objects.filter(is_active=True).order_by("name", "pk")
        super().__init__(queryset=active, label=capfirst(gettext_lazy("operator")))

    def label_from_instance(self, obj: Operator) -> str:
        """Return the name, and how much of the limit is used."""
        text = (
            _("%(name)s – %(load)d of %(limit)d, at the limit")
            if obj.current_load >= obj.max_load
            else _("%(name)s – %(load)d of %(limit)d")
        )
        return text % {"name": obj.name, "load": obj.current_load, "limit": obj.max_load}


class MoveForm(forms.Form):
    """Why; it may be left out."""

    reason = forms.CharField(
        label=capfirst(gettext_lazy("reason")),
        required=False,
        max_length=REASON_LENGTH,
        validators=[validate_line],
        widget=AdminTextInputWidget(attrs={"class": "vLargeTextField"}),
        help_text=gettext_lazy("Shown in the contact’s history."),
    )

    def clean_reason(self) -> str:
        """Return the reason in one line."""
        return clean_line(str(self.cleaned_data["reason"]))

    def arguments(self) -> dict[str, Any]:
        """Return what the services are told, as JSON values."""
        values = dict(self.cleaned_data)
        if "operator" in values:
            values["operator_id"] = values.pop("operator").pk
        return values


class OverLimitForm(MoveForm):
    """Whether the limit may be exceeded; then the reason must be told."""

    over_limit = forms.BooleanField(
        label=capfirst(gettext_lazy("over the limit")),
        required=False,
        help_text=gettext_lazy("Even if the operator is at the limit. Needs a reason."),
    )
    field_order = ["operator", "over_limit", "reason"]

    def clean(self) -> dict[str, Any] | None:
        """Ask for the reason where there must be one."""
        cleaned = super().clean()
        if self.cleaned_data.get("over_limit") and self.cleaned_data.get("reason") == "":
            self.add_error("reason", str(REFUSALS["reason_required"]))
        return cleaned


class ReassignForm(OverLimitForm):
    """Who gets the contacts."""

    operator = OperatorChoice()


class ButtonForm(forms.Form):
    """What a button on a contact's page sends: the move, and the version that the page shows."""

    move = forms.TypedChoiceField(choices=Move.choices, coerce=Move)
    version = forms.IntegerField(min_value=1)


def form_of(move: Move) -> type[MoveForm]:
    """Return what is asked before this move."""
    return ReassignForm if move == Move.REASSIGN else MoveForm


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
    names = [field.name for field in form.visible_fields()]
    return AdminForm(form, [(None, {"fields": names})], {})  # type: ignore[arg-type]
